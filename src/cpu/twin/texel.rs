//! What a shader loads from the bytes of a texel, written from the formats' definitions.

/// A texture's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Texel {
    /// A byte each of red, green, blue and alpha; 255 is 1.
    Rgba8,
    /// The same, as sRGB, which loading makes linear.
    Rgba8Srgb,
    /// A byte each of blue, green, red and alpha.
    Bgra8,
    /// The same, as sRGB.
    Bgra8Srgb,
    /// 10 bits each of red (the lowest), green and blue, and 2 of alpha.
    Rgb10a2,
    /// Floats without a sign: 11 bits each of red (the lowest) and green, 10 of blue.
    Rg11b10,
    /// float16 each of red, green, blue and alpha.
    Rgba16Float,
    /// float32 each of red, green, blue and alpha.
    Rgba32Float,
}

impl Texel {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Rgba8,
        Self::Rgba8Srgb,
        Self::Bgra8,
        Self::Bgra8Srgb,
        Self::Rgb10a2,
        Self::Rg11b10,
        Self::Rgba16Float,
        Self::Rgba32Float,
    ];

    /// Bytes of a texel.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Rgba16Float => 8,
            Self::Rgba32Float => 16,
            _ => 4,
        }
    }

    /// Red, green and blue of a texel, as a shader loads them.
    #[must_use]
    pub fn load(self, bytes: &[u8]) -> [f64; 3] {
        let little_endian = |from: usize, count: usize| {
            bytes[from..from + count].iter().rev().fold(0, |bits, &byte| bits << 8 | u32::from(byte))
        };
        let level = |at: usize| f64::from(bytes[at]) / 255.0;
        let word = || little_endian(0, 4);
        match self {
            Self::Rgba8 => [0, 1, 2].map(level),
            Self::Rgba8Srgb => [0, 1, 2].map(level).map(decode_srgb),
            Self::Bgra8 => [2, 1, 0].map(level),
            Self::Bgra8Srgb => [2, 1, 0].map(level).map(decode_srgb),
            Self::Rgb10a2 => [0, 10, 20].map(|shift| f64::from(word() >> shift & 1023) / 1023.0),
            Self::Rg11b10 => {
                [float(word() & 2047, 5, 6), float(word() >> 11 & 2047, 5, 6), float(word() >> 22, 5, 5)]
            }
            Self::Rgba16Float => [0, 2, 4].map(|at| half(little_endian(at, 2))),
            Self::Rgba32Float => [0, 4, 8].map(|at| float(little_endian(at, 4), 8, 23)),
        }
    }
}

/// A float16's value.
#[must_use]
pub fn half(bits: u32) -> f64 {
    float(bits, 5, 10)
}

/// The value of an IEEE float of so many bits of exponent and of fraction; a bit above them is its sign.
fn float(bits: u32, exponent_bits: u32, fraction_bits: u32) -> f64 {
    let fraction = f64::from(bits & ((1 << fraction_bits) - 1)) / f64::from(1u32 << fraction_bits);
    let ones = (1 << exponent_bits) - 1;
    let exponent = bits >> fraction_bits & ones;
    let sign = if bits >> (fraction_bits + exponent_bits) == 0 { 1.0 } else { -1.0 };
    let bias = (ones / 2) as i32;
    match exponent {
        0 => sign * fraction * 2f64.powi(1 - bias),
        _ if exponent == ones && fraction == 0.0 => sign * f64::INFINITY,
        _ if exponent == ones => f64::NAN,
        _ => sign * (1.0 + fraction) * 2f64.powi(exponent as i32 - bias),
    }
}

/// The sRGB curve of IEC 61966-2-1 backwards: a value from 0 to 1 to linear light.
fn decode_srgb(value: f64) -> f64 {
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_by_hand() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 2f64.powi(-24)),
            (0x8400, -(2f64.powi(-14))),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:x}");
        }
        assert!(half(0x7e00).is_nan());
        for value in [0.1f32, -3e38, 1e-40, 1.0] {
            assert_eq!(float(value.to_bits(), 8, 23), f64::from(value));
        }
        for bits in 0..=u16::MAX {
            let (own, other) = (half(bits.into()), ::half::f16::from_bits(bits).to_f64());
            assert!(own == other || own.is_nan() && other.is_nan(), "{bits:x}");
        }
    }

    #[test]
    fn texels_by_hand() {
        assert_eq!(Texel::Rgba8.load(&[255, 0, 51, 9]), [1.0, 0.0, 0.2]);
        assert_eq!(Texel::Bgra8.load(&[255, 0, 51, 9]), [0.2, 0.0, 1.0]);
        let [black, white, grey] = Texel::Rgba8Srgb.load(&[0, 255, 188, 9]);
        assert!(black == 0.0 && white == 1.0 && (grey - 0.502_886).abs() < 1e-6, "{grey}");
        assert_eq!(Texel::Rgb10a2.load(&(1023u32 | 341 << 20).to_le_bytes()), [1.0, 0.0, 1.0 / 3.0]);
        // 1.0, the largest and the smallest; an exponent of 15 is 2^0.
        let word = 15u32 << 6 | (30 << 6 | 63) << 11 | 1 << 22;
        assert_eq!(Texel::Rg11b10.load(&word.to_le_bytes()), [1.0, 65024.0, 2f64.powi(-19)]);
        assert_eq!(Texel::Rgba16Float.load(&[0, 0x3c, 0, 0xc0, 1, 0, 255, 255]), [1.0, -2.0, 2f64.powi(-24)]);
        let floats: Vec<u8> = [0.5f32, -7.25, 1e-3, f32::NAN].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(Texel::Rgba32Float.load(&floats), [0.5, -7.25, f64::from(1e-3f32)]);
    }
}
