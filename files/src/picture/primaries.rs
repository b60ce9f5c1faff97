//! Primaries and a white point, as many formats have them in words of their own.

/// Whether red, green, blue and white, as x and y of CIE 1931, are sRGB's.
pub fn are_srgb(points: [[f32; 2]; 4]) -> bool {
    const SRGB: [[f32; 2]; 4] = [[0.64, 0.33], [0.3, 0.6], [0.15, 0.06], [0.3127, 0.329]];
    points.as_flattened().iter().zip(SRGB.as_flattened()).all(|(given, srgb)| (given - srgb).abs() < 2e-3)
}

/// Whether a picture encoded with this exponent (2.2 of a screen, 1 of light) looks as in sRGB: within what PNG's library
/// takes for no difference.
pub fn is_srgb_gamma(gamma: f64) -> bool {
    (gamma / 2.2 - 1.0).abs() < 0.05
}
