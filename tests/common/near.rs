//! Pairs that nearly agree, as `tests/golden/near.py` draws them: change both or neither.

use perceptual_loss::{Image, low_level::splitmix64};

use crate::scene::Scene;

pub const BASES: [&str; 5] = ["scene", "noise", "black", "flat", "interface"];

const FLAT: [u8; 3] = [61, 128, 203];

/// A generated picture and its target, as they are stored.
pub struct Near {
    width: u32,
    height: u32,
    pixels: Pixels,
}

enum Pixels {
    Bytes([Vec<u8>; 2]),
    Words([Vec<u16>; 2]),
    Floats([Vec<f32>; 2]),
}

impl Near {
    /// `base` is one of [`BASES`], `change` one of one, slight, bright, one16 and float.
    pub fn new(base: &str, change: &str, [width, height]: [u32; 2], seed: u64) -> Self {
        Self::at((height / 2 * width + width / 2) * 3 + 1, base, change, [width, height], seed)
    }

    /// The same, with another value changed where only one is.
    pub fn at(place: u32, base: &str, change: &str, [width, height]: [u32; 2], seed: u64) -> Self {
        let levels = levels(base, width, height, seed);
        let place = place as usize;
        let random = |i: usize| splitmix64(splitmix64(seed + 100).wrapping_add(i as u64));
        let pixels = match change {
            "one16" => {
                let target: Vec<u16> = levels.iter().map(|&level| u16::from(level) * 257).collect();
                let mut generated = target.clone();
                generated[place] = if target[place] < u16::MAX { target[place] + 1 } else { u16::MAX - 1 };
                Pixels::Words([generated, target])
            }
            "float" => {
                let target: Vec<f32> =
                    levels.iter().map(|&level| (f64::from(level) / 255.0) as f32).collect();
                let sign = |i: usize| if random(i) & 1 == 1 { 1.0 } else { -1.0 };
                let generated =
                    (target.iter().enumerate()).map(|(i, value)| value + sign(i) * 1e-6).collect();
                Pixels::Floats([generated, target])
            }
            _ => {
                let changed = |(i, &level): (usize, &u8)| match change {
                    "one" if i != place => level,
                    "one" => {
                        if level < 255 {
                            level + 1
                        } else {
                            254
                        }
                    }
                    "slight" => level.saturating_add_signed((random(i) % 3) as i8 - 1),
                    _ => level.saturating_add(1),
                };
                Pixels::Bytes([levels.iter().enumerate().map(changed).collect(), levels])
            }
        };
        Self { width, height, pixels }
    }

    /// The generated picture and its target.
    pub fn images(&self) -> [Image<'_>; 2] {
        let Self { width, height, pixels } = self;
        match pixels {
            Pixels::Bytes(both) => both.each_ref().map(|pixels| Image::rgb8(pixels, *width, *height)),
            Pixels::Words(both) => both.each_ref().map(|pixels| Image::rgb16(pixels, *width, *height)),
            Pixels::Floats(both) => both.each_ref().map(|pixels| Image::rgb_f32(pixels, *width, *height)),
        }
    }

    /// The values of both, from 0 to 1.
    pub fn values(&self) -> [Vec<f64>; 2] {
        let over = |most: f64| move |value: f64| value / most;
        match &self.pixels {
            Pixels::Bytes(both) => both.each_ref().map(|pixels| of(pixels, over(255.0))),
            Pixels::Words(both) => both.each_ref().map(|pixels| of(pixels, over(65535.0))),
            Pixels::Floats(both) => both.each_ref().map(|pixels| of(pixels, over(1.0))),
        }
    }

    /// The bytes of both, by which a picture that differs is told from a loss that does.
    pub fn bytes(&self) -> Vec<u8> {
        match &self.pixels {
            Pixels::Bytes(both) => both.concat(),
            Pixels::Words(both) => both.iter().flatten().flat_map(|value| value.to_le_bytes()).collect(),
            Pixels::Floats(both) => both.iter().flatten().flat_map(|value| value.to_le_bytes()).collect(),
        }
    }
}

fn of<T: Copy + Into<f64>>(pixels: &[T], value: impl Fn(f64) -> f64) -> Vec<f64> {
    pixels.iter().map(|&pixel| value(pixel.into())).collect()
}

fn levels(base: &str, width: u32, height: u32, seed: u64) -> Vec<u8> {
    let (w, h) = (width as usize, height as usize);
    match base {
        "scene" => return Scene::new(width, height, seed).rgb,
        "noise" => {
            let random = |i: usize| splitmix64(splitmix64(seed).wrapping_add(i as u64));
            return (0..w * h * 3).map(|i| (random(i) >> 56) as u8).collect();
        }
        "black" => return vec![0; w * h * 3],
        "flat" => return FLAT.repeat(w * h),
        _ => {}
    }
    // A window with a title, and text.
    let colour = |x: usize, y: usize| -> [u8; 3] {
        let is_in =
            |xs: std::ops::Range<usize>, ys: std::ops::Range<usize>| xs.contains(&x) && ys.contains(&y);
        if is_in(8..w / 2 - 4, 18..h - 6) && (x - 8).is_multiple_of(2) && (y - 18).is_multiple_of(4) {
            [20; 3]
        } else if is_in(5..w / 2, 16..h - 4) {
            [250; 3]
        } else if is_in(6..w / 2, 6..10) && (y - 6).is_multiple_of(3) {
            [255; 3]
        } else if is_in(3..w - 6, 4..12) {
            [40, 90, 200]
        } else {
            [236; 3]
        }
    };
    (0..w * h).flat_map(|at| colour(at % w, at / w)).collect()
}
