//! `shaders/source.texture.wgsl`, `source.buffer.wgsl` and `source.gradient.wgsl` against `src/cpu/twin/source.rs`, and against the
//! same pixels as files.

mod buffer;
mod gradient;
mod mask;
mod not_finite;
mod refused;
mod texture;

use perceptual_loss::{
    Image, Normalization, ToneMap,
    gpu::{self, BufferLayout, Source},
    low_level::{
        cpu::twin::{self, Conversion, Texel},
        gpu::sources::{self, Filled},
        plan::{Maps, Region, Tensor},
    },
};

use buffer::Memory;
use texture::Part;

use crate::common::{context, only_pixels, parameters, plans};

const NORMALIZATIONS: [Normalization; 4] =
    [Normalization::NONE, Normalization::IMAGENET, Normalization::SIGNED, Normalization::CAFFE];

const NO_TONE: (ToneMap, f32) = (ToneMap::Clip, 0.0);

fn tones() -> impl Iterator<Item = (ToneMap, f32)> {
    ToneMap::ALL.into_iter().flat_map(|map| [-2.0, 0.0, 1.5].map(|stops| (map, stops)))
}

fn new(texel: Texel, size: [u32; 2], mips: u32, layers: u32) -> Filled {
    Filled::new(context(), texel, size, mips, layers, 1).unwrap()
}

fn load(source: &Source, size: [u32; 2], normalization: Normalization, tone: (ToneMap, f32)) -> Vec<f32> {
    sources::load(context(), source, size, normalization, tone).unwrap()
}

/// What a picture as a file of the same pixels becomes.
fn load_file(image: Image<'_>, normalization: Normalization) -> Vec<f32> {
    let executor = executor([image.width(), image.height()], normalization);
    executor.run(0..1, &[image]).unwrap();
    executor.read_blocking(0).unwrap()
}

/// Pixels of one picture, and nothing of them.
fn executor([width, height]: [u32; 2], normalization: Normalization) -> gpu::Executor {
    let plan = only_pixels(1, Region::whole(width, height), normalization);
    gpu::Executor::new(context(), plan, parameters(vec![])).unwrap()
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

/// A picture on the device against a target that is a file: what it has more is what the same pixels as a file have, to
/// the bit, and nothing where they are the target's.
#[test]
fn a_sources_difference_is_a_files() {
    let size @ [width, height] = [19, 7];
    let [filled, other] = [1, 2].map(|seed| Filled::new(context(), Texel::Rgba8, size, 1, 1, seed).unwrap());
    let [picture, target] = [&filled, &other].map(|filled| Image::rgba8(filled.bytes(0, 0), width, height));
    let plan =
        plans::pixels(1, Region::whole(width, height), Normalization::IMAGENET, Maps::Difference).unwrap();
    let executor = gpu::Executor::new(context(), plan, parameters(vec![])).unwrap();
    let made = || executor.read_blocking(0).unwrap();
    executor.run(0..1, &[picture, target]).unwrap();
    let expected = made();
    assert!(expected.iter().any(|d| *d != 0.0));
    // Another picture lies where the source goes.
    for (target, expected) in [(target, expected.clone()), (picture, vec![0.0; expected.len()])] {
        executor.run(0..1, &[target, target]).unwrap();
        assert!(made().iter().all(|d| *d == 0.0));
        executor.load(&Source::from(&filled.texture), ToneMap::Clip, 0.0).unwrap();
        executor.run(0..1, &[]).unwrap();
        assert_eq!(made(), expected);
    }
}

/// A large picture's workgroups are more than the 65,535 that a dispatch takes along one dimension.
#[test]
fn more_workgroups_than_one_dimension_takes() {
    let size = [2050, 2051];
    Part { flip: true, ..Part::whole(&new(Texel::Rgba8Srgb, size, 1, 1), Texel::Rgba8Srgb) }.hold(NO_TONE);
    Memory { layout: BufferLayout::Interleaved(3), half: true, size, ..Memory::default() }.hold(NO_TONE);
}
