//! `shaders/source.texture.wgsl` and `shaders/source.buffer.wgsl` against `src/cpu/twin/source.rs`, and against the
//! same pixels as files.

use perceptual_loss::{
    Config, Error, Image, Model, Normalization, Tap, ToneMap, Transfer, Weights,
    cpu::twin::{self, Conversion, Texel},
    doctor::{
        SOURCE, source_bounds,
        sources::{self, Filled},
        values::texels,
    },
    gpu::{self, BufferLayout, BufferSource, FrameSession, Recording, Source, TextureSource, wgpu},
    plan::{Operation, Plan, Region, Tensor},
};

use crate::common::{Bounds, PIXELS, Rng, compare, context, parameters, sizes};

const NO_TONE: (ToneMap, f32) = (ToneMap::Clip, 0.0);

fn tones() -> impl Iterator<Item = (ToneMap, f32)> {
    ToneMap::ALL.into_iter().flat_map(|map| [-2.0, 0.0, 1.5].map(|stops| (map, stops)))
}

fn is_float(texel: Texel) -> bool {
    matches!(texel, Texel::Rg11b10 | Texel::Rgba16Float | Texel::Rgba32Float)
}

fn is_8bit(texel: Texel) -> bool {
    matches!(texel, Texel::Rgba8 | Texel::Rgba8Srgb | Texel::Bgra8 | Texel::Bgra8Srgb)
}

fn new(texel: Texel, size: [u32; 2], mips: u32, layers: u32) -> Filled {
    Filled::new(context(), texel, size, mips, layers, 1).unwrap()
}

fn load(source: &Source, size: [u32; 2], normalization: Normalization, tone: (ToneMap, f32)) -> Vec<f32> {
    sources::load(context(), source, size, normalization, tone).unwrap()
}

/// What a picture as a file of the same pixels becomes.
fn load_file(image: Image<'_>, normalization: Normalization) -> Vec<f32> {
    let mut plan = Plan::empty(1);
    let output = plan.tensor("pixels", 3, Region::whole(image.width(), image.height()));
    plan.push("pixels", Operation::Pixels { normalization }, None, Some(output));
    let executor = gpu::Executor::new(context(), plan.finish().unwrap(), parameters(vec![])).unwrap();
    executor.run(0..1, &[image]).unwrap();
    executor.read_blocking(output).unwrap()
}

/// What the twins make of a source that has red, green and blue where `load` says.
fn on_twin(
    size @ [width, height]: [u32; 2],
    flip: bool,
    (conversion, levels): (Conversion, bool),
    load: impl Fn(u32, u32) -> [f64; 3],
) -> Vec<f32> {
    let packed = twin::source(size, flip, conversion, levels, load);
    let tensor = Tensor::new("pixels", 1, 3, Region::whole(width, height));
    let mut values = vec![0.0; tensor.elements() as usize];
    twin::pixels(&packed, &Normalization::NONE, (&tensor, &mut values));
    values
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// A texture, and which part of it is taken how.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    filled: &'a Filled,
    texel: Texel,
    mip: u32,
    layer: u32,
    rectangle: Option<([u32; 2], [u32; 2])>,
    flip: bool,
    transfer: Option<Transfer>,
}

impl<'a> Part<'a> {
    fn whole(filled: &'a Filled, texel: Texel) -> Self {
        Self { filled, texel, mip: 0, layer: 0, rectangle: None, flip: false, transfer: None }
    }

    fn source(self) -> Source {
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
            (_, None | Some(Transfer::Linear)) => (Conversion::Encode, false),
        }
    }

    /// Holds it against the twin and returns the largest relative difference.
    fn hold(self, tone: (ToneMap, f32)) -> f64 {
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
        compare(&load(&self.source(), size, Normalization::NONE, tone), &twin, &bounds)
            .unwrap_or_else(|what| panic!("{self:?}, {tone:?}: {what}"))
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
