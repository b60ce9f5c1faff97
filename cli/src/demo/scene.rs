//! The demo's picture: a lake between mountains at dusk. Smooth sky, hard edges, fine texture: what losses differ on.
//!
//! Drawn with nothing but float64's +, -, *, / and floor, which IEEE 754 rounds alike everywhere: the same bytes on
//! every machine.

use image::{Rgb, RgbImage};

type Colour = [f64; 3];

/// Samples a pixel along each axis.
const SAMPLES: u32 = 3;
/// Where the water begins, down from the top.
const SHORE: f64 = 0.64;
const SUN: [f64; 2] = [0.66, 0.42];

/// A square picture of `size` by `size` pixels.
pub fn draw(size: u32) -> RgbImage {
    RgbImage::from_fn(size, size, |x, y| {
        let mut sum = [0.0; 3];
        for i in 0..SAMPLES * SAMPLES {
            let at = |pixel: u32, sample: u32| {
                (f64::from(pixel) + (f64::from(sample) + 0.5) / f64::from(SAMPLES)) / f64::from(size)
            };
            let colour = scene(at(x, i % SAMPLES), at(y, i / SAMPLES));
            sum = [0, 1, 2].map(|c| sum[c] + colour[c].clamp(0.0, 1.0));
        }
        Rgb(sum.map(|value| (value / f64::from(SAMPLES * SAMPLES) * 255.0 + 0.5) as u8))
    })
}

/// The colour at (u, v), both from 0 to 1, from the upper left.
fn scene(u: f64, v: f64) -> Colour {
    let mut colour = if v < SHORE { land(u, v) } else { water(u, v) };
    // The near bank, with blades of grass, and pines on it.
    let bank = 0.90 - 0.05 * fbm(u * 4.0, 7.0) - 0.06 * (u - 0.45) * (u - 0.45)
        + 0.018 * noise(u * 150.0, 3.0) * noise(u * 31.0, 9.0);
    if v > bank {
        let blades = noise(u * 220.0, v * 40.0);
        let depth = (v - bank) * 5.0;
        colour = mix([0.16, 0.17, 0.10], [0.05, 0.07, 0.05], (depth + 0.4 * blades).min(1.0));
        colour = mix(colour, [0.62, 0.45, 0.20], 0.4 * step(0.72, blades) * (1.0 - depth).max(0.0));
    }
    const PINES: [[f64; 3]; 7] = [
        // Where it stands, its top, half its width.
        [0.05, 0.34, 0.085],
        [0.16, 0.22, 0.105],
        [0.26, 0.50, 0.065],
        [0.33, 0.62, 0.045],
        [0.87, 0.58, 0.055],
        [0.945, 0.40, 0.085],
        [1.01, 0.52, 0.075],
    ];
    for [x, top, width] in PINES {
        if let Some(needles) = pine(u, v, x, top, width) {
            colour = mix([0.02, 0.06, 0.07], [0.13, 0.24, 0.17], needles);
        }
    }
    colour
}

/// Sky, sun, clouds and mountains: all that the water mirrors.
fn land(u: f64, v: f64) -> Colour {
    let height = v / SHORE;
    let mut colour = mix([0.11, 0.18, 0.40], [0.72, 0.42, 0.50], smooth(0.0, 0.62, height));
    colour = mix(colour, [1.0, 0.76, 0.42], smooth(0.42, 1.0, height));
    let distance = (u - SUN[0]) * (u - SUN[0]) + (v - SUN[1]) * (v - SUN[1]);
    colour = mix(colour, [1.0, 0.88, 0.62], 0.75 / (1.0 + 70.0 * distance));
    colour = mix(colour, [1.0, 0.97, 0.86], 1.0 - smooth(0.0028, 0.0034, distance));
    let cloud = smooth(0.50, 0.78, fbm(u * 3.0 + 2.0, v * 15.0)) * (1.0 - smooth(0.55, 0.85, height));
    colour = mix(colour, [0.98, 0.72, 0.62], 0.8 * cloud);
    // From the farthest: base, height, frequency, seed, and the colours of light and shadow.
    let ranges: [(f64, f64, f64, f64, Colour, Colour); 3] = [
        (0.50, 0.30, 3.1, 11.0, [0.60, 0.48, 0.58], [0.36, 0.32, 0.50]),
        (0.59, 0.24, 4.3, 23.0, [0.42, 0.36, 0.46], [0.20, 0.22, 0.38]),
        (0.65, 0.13, 7.0, 37.0, [0.20, 0.26, 0.30], [0.07, 0.12, 0.20]),
    ];
    for (index, (base, tall, frequency, seed, light, shadow)) in ranges.into_iter().enumerate() {
        let ridge = base - tall * (fbm(u * frequency, seed) - 0.25);
        if v < ridge {
            continue;
        }
        let down = (v - ridge) / tall;
        let slope = fbm(u * frequency * 9.0 + down * 3.0, down * 6.0 + seed);
        colour = mix(shadow, light, smooth(0.35, 0.65, slope));
        let snow = smooth(0.0, 0.08, slope - 0.30 - 1.1 * down);
        if index == 0 {
            colour = mix(colour, [0.97, 0.90, 0.88], snow);
        }
        if index == 2 {
            colour = mix(colour, [0.03, 0.08, 0.10], 0.7 * step(0.5, noise(u * 130.0, v * 60.0)));
        }
        // Haze at the foot.
        colour = mix(colour, [0.86, 0.62, 0.52], 0.45 * smooth(0.2, 1.3, down));
    }
    colour
}

/// The land upside down, drawn apart by ripples that grow towards the viewer.
fn water(u: f64, v: f64) -> Colour {
    let near = (v - SHORE) / (1.0 - SHORE);
    let ripple = noise(u * 7.0 / (0.3 + near), 30.0 / (0.12 + near)) - 0.5;
    let mirrored = land(u + 0.03 * ripple * (0.3 + near), SHORE - (v - SHORE) * 0.95 - 0.05 * ripple * near);
    let mut colour = mix(mirrored, [0.06, 0.11, 0.22], 0.25 + 0.35 * near);
    let glint = noise(u * 26.0 / (0.4 + near), 44.0 / (0.10 + near));
    let path = 1.0 / (1.0 + 110.0 * (u - SUN[0]) * (u - SUN[0]));
    colour = mix(colour, [1.0, 0.84, 0.58], smooth(0.60, 0.85, glint) * (0.12 + 0.75 * path));
    mix(colour, [0.90, 0.70, 0.58], 1.0 - smooth(0.0, 0.012, v - SHORE))
}

/// How bright the pine at `x` is at (u, v); none beside it.
fn pine(u: f64, v: f64, x: f64, top: f64, width: f64) -> Option<f64> {
    const FOOT: f64 = 0.93;
    let down = (v - top) / (FOOT - top);
    if !(0.0..1.0).contains(&down) {
        return None;
    }
    // Branches in tiers: each widens downwards and ends in a ragged edge.
    let tiers = down * (6.0 + 40.0 * width);
    let tier = tiers - tiers.floor();
    let ragged = 0.75 + 0.5 * noise(u * 190.0, v * 120.0);
    let half = width * down * (0.45 + 0.55 * tier) * ragged;
    let across = (u - x) / width;
    ((u - x) * (u - x) < half * half)
        .then(|| 0.55 * noise(u * 160.0, v * 90.0) * tier + 0.35 * (0.5 + 0.5 * across).clamp(0.0, 1.0))
}

fn mix(a: Colour, b: Colour, share: f64) -> Colour {
    [0, 1, 2].map(|c| a[c] + (b[c] - a[c]) * share)
}

fn step(edge: f64, value: f64) -> f64 {
    if value < edge { 0.0 } else { 1.0 }
}

/// From 0 at `low` to 1 at `high` without a kink.
fn smooth(low: f64, high: f64, value: f64) -> f64 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Four octaves of [`noise`], from 0 to 1.
fn fbm(x: f64, y: f64) -> f64 {
    let octaves = [(1.0, 0.5333), (2.03, 0.2667), (4.07, 0.1333), (8.11, 0.0667)];
    octaves.into_iter().map(|(frequency, share)| share * noise(x * frequency, y * frequency)).sum()
}

/// Random values at whole coordinates, smooth in between, from 0 to 1.
fn noise(x: f64, y: f64) -> f64 {
    let (left, top) = (x.floor(), y.floor());
    let at = |dx: f64, dy: f64| hash((left + dx) as i64, (top + dy) as i64);
    let (across, down) = (smooth(0.0, 1.0, x - left), smooth(0.0, 1.0, y - top));
    let upper = at(0.0, 0.0) + (at(1.0, 0.0) - at(0.0, 0.0)) * across;
    let lower = at(0.0, 1.0) + (at(1.0, 1.0) - at(0.0, 1.0)) * across;
    upper + (lower - upper) * down
}

fn hash(x: i64, y: i64) -> f64 {
    let bits = crate::distortion::random(
        (x as u64).wrapping_mul(0x9e37_79b9) ^ (y as u64).wrapping_mul(0x85eb_ca6b_0000),
    );
    (bits >> 40) as f64 / f64::from(1 << 24)
}
