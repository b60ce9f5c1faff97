//! Textures: every format, mip, layer, rectangle and transfer.

use std::fmt;

use perceptual_loss::{
    Image, Normalization, ToneMap, Transfer, encode_srgb,
    gpu::{Source, TextureSource},
    low_level::{
        cpu::twin::{self, Conversion, Texel},
        doctor::{SOURCE, source_bounds},
        gpu::sources::Filled,
    },
};

use super::{NO_TONE, NORMALIZATIONS, bits, load, load_file, new, on_twin, tones};
use crate::common::{Bounds, PIXELS, compare, context, sizes};

fn is_float(texel: Texel) -> bool {
    matches!(texel, Texel::Rg11b10 | Texel::Rgba16Float | Texel::Rgba32Float)
}

fn is_8bit(texel: Texel) -> bool {
    matches!(texel, Texel::Rgba8 | Texel::Rgba8Srgb | Texel::Bgra8 | Texel::Bgra8Srgb)
}

fn is_srgb(texel: Texel) -> bool {
    matches!(texel, Texel::Rgba8Srgb | Texel::Bgra8Srgb)
}

/// A texture, and which part of it is taken how.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    pub filled: &'a Filled,
    pub texel: Texel,
    pub mip: u32,
    pub layer: u32,
    pub rectangle: Option<([u32; 2], [u32; 2])>,
    pub flip: bool,
    pub transfer: Option<Transfer>,
}

impl<'a> Part<'a> {
    pub fn whole(filled: &'a Filled, texel: Texel) -> Self {
        Self { filled, texel, mip: 0, layer: 0, rectangle: None, flip: false, transfer: None }
    }

    pub fn source(self) -> Source {
        let mut source = TextureSource::new(&self.filled.texture).mip(self.mip).layer(self.layer);
        if let Some((origin, extent)) = self.rectangle {
            source = source.rectangle(origin, extent);
        }
        if self.flip {
            source = source.flip_y();
        }
        if let Some(transfer) = self.transfer {
            source = source.transfer(transfer);
        }
        source.into()
    }

    fn rectangle(self) -> ([u32; 2], [u32; 2]) {
        self.rectangle.unwrap_or(([0, 0], self.filled.size(self.mip)))
    }

    /// What is done to its values, and whether they become levels, by the documentation of `TextureSource`.
    fn conversion(self, (map, stops): (ToneMap, f32)) -> (Conversion, bool) {
        let levels = is_8bit(self.texel);
        match (self.texel, self.transfer) {
            (Texel::Rgba8 | Texel::Bgra8, None | Some(Transfer::Srgb)) => (Conversion::AsStored, levels),
            (Texel::Rgba8Srgb | Texel::Bgra8Srgb, None | Some(Transfer::Linear)) => {
                (Conversion::Encode, levels)
            }
            (Texel::Rgb10a2, None) => (Conversion::AsStored, false),
            (texel, None | Some(Transfer::Linear)) if is_float(texel) => {
                (Conversion::ToneMap(map, f64::from(stops)), false)
            }
            (_, Some(Transfer::Srgb)) => (Conversion::AsStored, false),
            _ => (Conversion::Encode, false),
        }
    }

    /// Holds it against the twin and returns the largest relative difference.
    pub fn hold(self, tone: (ToneMap, f32)) -> f64 {
        let ([left, top], size) = self.rectangle();
        let conversion @ (how, levels) = self.conversion(tone);
        let twin = on_twin(size, self.flip, conversion, |x, y| {
            self.filled.load(self.mip, self.layer, [left + x, top + y])
        });
        let bounds = if levels {
            Bounds::Relative(PIXELS, twin.clone())
        } else if how == Conversion::AsStored && is_float(self.texel) {
            Bounds::Bits
        } else {
            source_bounds(&twin)
        };
        let result = load(&self.source(), size, Normalization::NONE, tone);
        let judged = if is_srgb(self.texel) && how == Conversion::AsStored {
            // What the device itself makes linear may be half a level off, as a level, by Direct3D's rules.
            let level = |value: &f32| (encode_srgb(f64::from(*value)) * 255.0) as f32;
            let [result, twin] = [&result, &twin].map(|values| values.iter().map(level).collect::<Vec<_>>());
            compare(&result, &twin, &Bounds::Relative(0.5, vec![1.0; twin.len()]))
        } else {
            compare(&result, &twin, &bounds)
        };
        judged.unwrap_or_else(|what| panic!("{self}, {tone:?}: {what}"))
    }
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { texel, mip, layer, rectangle, flip, transfer, .. } = self;
        let size = self.filled.size(0);
        write!(f, "{texel:?} {size:?}, mip {mip}, layer {layer}, {rectangle:?}, flip {flip}, {transfer:?}")
    }
}

#[test]
fn every_format_and_tone_map() {
    for texel in Texel::ALL {
        for size in sizes("1x1 3x5 31x33 64x17") {
            Part::whole(&new(texel, size, 1, 1), texel).hold(NO_TONE);
        }
    }
    for tone @ (map, stops) in tones() {
        let worst = [Texel::Rg11b10, Texel::Rgba16Float, Texel::Rgba32Float].map(|texel| {
            let largest = Part::whole(&new(texel, [128, 128], 1, 1), texel).hold(tone);
            format!("{texel:?} {largest:.1e}")
        });
        println!("source.texture, {map} at {stops} stops: {}, allowed {SOURCE:e}", worst.join(", "));
    }
}

/// Every float16 from 0 up, and every float32 around the knee of the sRGB curve and around white.
#[test]
fn every_shade() {
    let size = [256, 256];
    let mut filled = new(Texel::Rgba32Float, size, 1, 1);
    let halves = (0..0x7c00).map(|bits| twin::half(bits) as f32);
    let near =
        |value: f32| (value.to_bits() - 4000..value.to_bits() + 4000).map(f32::from_bits).collect::<Vec<_>>();
    let mut shades: Vec<f32> = halves.chain([0.003_130_8, 1.0].into_iter().flat_map(near)).collect();
    shades.resize(4 * 256 * 256, 0.5);
    filled.write(context(), 0, 0, shades.iter().flat_map(|shade| shade.to_le_bytes()).collect()).unwrap();
    for tone @ (map, stops) in tones() {
        let largest = Part::whole(&filled, Texel::Rgba32Float).hold(tone);
        println!("source.texture, {map} at {stops} stops: every shade {largest:.1e}, allowed {SOURCE:e}");
    }
}

/// Black is black at any exposure, though its factor be more than a float32 holds.
#[test]
fn any_exposure() {
    let mut filled = new(Texel::Rgba32Float, [3, 1], 1, 1);
    let shades = [0.0f32, 1e-6, 5.0].map(|shade| [shade; 4]);
    filled
        .write(context(), 0, 0, shades.iter().flatten().flat_map(|shade| shade.to_le_bytes()).collect())
        .unwrap();
    for stops in [-1e30, -1000.0, -126.0, 127.0, 128.0, 1000.0, 1e30] {
        for map in ToneMap::ALL {
            Part::whole(&filled, Texel::Rgba32Float).hold((map, stops));
        }
    }
}

/// The pixels of a screenshot are the same, to the bit, whether a texture or a file holds them.
#[test]
fn textures_of_8_bits_are_as_files() {
    for texel in Texel::ALL.into_iter().filter(|&texel| is_8bit(texel)) {
        let filled = new(texel, [37, 23], 1, 1);
        let mut rgba = filled.bytes(0, 0).to_vec();
        if matches!(texel, Texel::Bgra8 | Texel::Bgra8Srgb) {
            rgba.chunks_mut(4).for_each(|texel| texel.swap(0, 2));
        }
        let source = Part::whole(&filled, texel).source();
        for normalization in NORMALIZATIONS {
            let file = load_file(Image::rgba8(&rgba, 37, 23), normalization);
            let texture = load(&source, [37, 23], normalization, NO_TONE);
            assert_eq!(bits(&texture), bits(&file), "{texel:?}, {normalization}");
        }
    }
}

/// Floats that are sRGB already are the same, to the bit, as those of a file.
#[test]
fn textures_of_floats_as_stored_are_as_files() {
    for texel in Texel::ALL.into_iter().filter(|&texel| is_float(texel)) {
        let filled = new(texel, [37, 23], 1, 1);
        let floats: Vec<f32> = filled
            .bytes(0, 0)
            .chunks(texel.bytes())
            .flat_map(|bytes| texel.load(bytes))
            .map(|v| v as f32)
            .collect();
        let source = Part { transfer: Some(Transfer::Srgb), ..Part::whole(&filled, texel) }.source();
        for normalization in NORMALIZATIONS {
            let file = load_file(Image::rgb_f32(&floats, 37, 23), normalization);
            // No tone map is asked of values that are no light.
            let texture = load(&source, [37, 23], normalization, (ToneMap::Aces, 3.0));
            assert_eq!(bits(&texture), bits(&file), "{texel:?}, {normalization}");
        }
    }
}

#[test]
fn every_transfer_of_every_format() {
    for texel in Texel::ALL {
        let filled = new(texel, [37, 23], 1, 1);
        for transfer in [Transfer::Srgb, Transfer::Linear] {
            let part = Part { transfer: Some(transfer), ..Part::whole(&filled, texel) };
            let largest = part.hold((ToneMap::Reinhard, 1.0));
            println!("source.texture, {texel:?} as {transfer:?}: {largest:.1e}");
        }
    }
}

/// Parts of odd mips: all of one, single texels in its corners, its edges, and what lies inside; either way up.
#[test]
fn mips_layers_rectangles_and_flips() {
    for texel in [Texel::Rgba8, Texel::Bgra8Srgb, Texel::Rgb10a2, Texel::Rgba16Float] {
        let filled = new(texel, [37, 23], 4, 3);
        for (mip, layer) in (0..4).flat_map(|mip| (0..3).map(move |layer| (mip, layer))) {
            let [w, h] = filled.size(mip);
            let rectangles = [
                ([0, 0], [1, 1]),
                ([w - 1, 0], [1, 1]),
                ([0, h - 1], [1, 1]),
                ([w - 1, h - 1], [1, 1]),
                ([0, 0], [1, h]),
                ([w - 1, 0], [1, h]),
                ([0, 0], [w, 1]),
                ([0, h - 1], [w, 1]),
                ([w / 3, h / 2], [w - w / 3 - 1, h - h / 2]),
                ([1, 0], [w - 1, h - 1]),
            ];
            for rectangle in rectangles.into_iter().map(Some).chain([None]) {
                for flip in [false, true] {
                    let part = Part { mip, layer, rectangle, flip, ..Part::whole(&filled, texel) };
                    part.hold((ToneMap::Aces, -1.0));
                }
            }
        }
    }
}

/// Flipped twice is not flipped.
#[test]
fn two_flips_are_none() {
    let filled = new(Texel::Rgba8, [3, 5], 1, 1);
    let (plain, twice) =
        (TextureSource::new(&filled.texture), TextureSource::new(&filled.texture).flip_y().flip_y());
    assert_eq!(plain, twice);
}
