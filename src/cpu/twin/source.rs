//! Twin of `shaders/source.texture.wgsl`, `source.buffer.wgsl` and `source.gradient.wgsl`.

use crate::{
    color::{ToneMap, encode_srgb},
    image::{FORMAT_F32, FORMAT_RGBA8, NOT_FINITE, WRITTEN},
};

/// What is done to the values of a source.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Conversion {
    /// Nothing.
    AsStored,
    /// To sRGB, from linear light between 0 and 1.
    Encode,
    /// To sRGB, from any light: exposed by so many stops, then tone-mapped.
    ToneMap(ToneMap, f64),
}

impl Conversion {
    /// What becomes of a value.
    #[must_use]
    pub fn of(self, value: f64) -> f64 {
        match self {
            Self::AsStored => value,
            Self::Encode => encode_srgb(value.clamp(0.0, 1.0)),
            Self::ToneMap(map, stops) => encode_srgb(map.map(value * stops.exp2().min(f64::MAX))),
        }
    }
}

/// A source to a packed picture of `size`, of levels of 8 bits or else of float32. `load` gives red, green and blue at
/// (x, y) of the source; flipped, the picture's first row is the source's last.
pub fn source(
    [width, height]: [u32; 2],
    flip: bool,
    conversion: Conversion,
    levels: bool,
    load: impl Fn(u32, u32) -> [f64; 3],
) -> Vec<u32> {
    let mut values = vec![];
    for y in 0..height {
        let row = if flip { height - 1 - y } else { y };
        values.extend((0..width).map(|x| load(x, row)));
    }
    let area = width * height;
    if levels {
        let level = |value: f64| (conversion.of(value).clamp(0.0, 1.0) * 255.0).round() as u8;
        let pixel = |value: &[f64; 3]| {
            let [red, green, blue] = value.map(level);
            u32::from_le_bytes([red, green, blue, 255])
        };
        return [FORMAT_RGBA8 | WRITTEN, 1, 0, width].into_iter().chain(values.iter().map(pixel)).collect();
    }
    let finite = values.as_flattened().iter().all(|value| value.is_finite());
    let faults = if finite { 0 } else { NOT_FINITE };
    let plane = |c: usize| values.iter().map(move |value| (conversion.of(value[c]) as f32).to_bits());
    [FORMAT_F32 | WRITTEN | faults, 1, area, width].into_iter().chain((0..3).flat_map(plane)).collect()
}

/// A pixel of which its mask shows a share before a background, before anything else is done to it. Where nothing of it shows it may be
/// anything.
#[must_use]
pub fn composed(value: [f64; 3], share: f64, background: [f64; 3]) -> [f64; 3] {
    if share == 0.0 {
        return background;
    }
    std::array::from_fn(|c| share * value[c] + (1.0 - share) * background[c])
}

/// The gradient of a picture of `size`, shape (3, height, width), to a buffer whose element of a channel of the pixel at (x, y) is
/// `element`: by the weight and what `share` says that the pixel's mask shows, over what is there or added to it. Where the loss has
/// faults the gradient is 0.
pub fn source_gradient(
    gradient: &[f32],
    [width, height]: [u32; 2],
    (weight, adds, faults): (f64, bool, u32),
    share: impl Fn(u32, u32) -> f64,
    element: impl Fn(usize, u32, u32) -> usize,
    output: &mut [f32],
) {
    let mut values = gradient.iter().map(|&value| f64::from(value));
    for (channel, y) in (0..3).flat_map(|channel| (0..height).map(move |y| (channel, y))) {
        for (x, value) in (0..width).zip(&mut values) {
            let out = &mut output[element(channel, x, y)];
            let made = if faults == 0 { weight * share(x, y) * value } else { 0.0 };
            *out = if adds { f64::from(*out) + made } else { made } as f32;
        }
    }
}
