//! Masks: in a buffer of their own, or the picture's alpha.

use perceptual_loss::{
    Image, Normalization,
    gpu::{BufferLayout, BufferSource},
    low_level::{
        cpu::twin::{self, Conversion, Texel},
        doctor::{source_bounds, values::texels},
        gpu::sources,
    },
};

use super::{NO_TONE, bits, buffer::Memory, load, load_file, on_twin};
use crate::common::{Bounds, compare, context, sizes};

const BACKGROUND: [f32; 3] = [0.25, 1.5, -0.125];

fn composed(value: [f64; 3], share: f64) -> [f64; 3] {
    twin::composed(value, share, BACKGROUND.map(f64::from))
}

/// What is composed may cancel: its bounds are relative to the magnitudes that it is made of.
fn bounds(size: [u32; 2], flip: bool, of: impl Fn(u32, u32) -> ([f64; 3], f64)) -> Bounds {
    let magnitudes = on_twin(size, flip, (Conversion::AsStored, false), |x, y| {
        let (value, share) = of(x, y);
        twin::composed(value.map(f64::abs), share, BACKGROUND.map(|background| f64::from(background).abs()))
    });
    source_bounds(&magnitudes)
}

/// Of every layout and either way up, from odd elements on. Shares are eighths: where a value is rounded, it is once.
#[test]
fn masks_of_their_own() {
    for (layout, half) in
        super::buffer::LAYOUTS.into_iter().flat_map(|layout| [(layout, false), (layout, true)])
    {
        for (size, flip) in
            sizes("1x1 9x1 13x7 64x3").into_iter().flat_map(|size| [(size, false), (size, true)])
        {
            let memory = Memory { layout, half, size, flip, offset: 3, padding: 1, ..Memory::default() };
            let elements = memory.elements();
            let [width, height] = size;
            let first = 5;
            let shares: Vec<f32> = (0..first + width * height).map(|k| (k * 5 % 9) as f32 / 8.0).collect();
            let mask = sources::buffer(context(), bytes(&shares).as_slice()).unwrap();
            let source = memory.source(&elements).mask(&mask, first.into()).background(BACKGROUND);
            let of = |x, y| {
                let value = [0, 1, 2].map(|channel| memory.value(elements[memory.at(channel, x, y)]));
                (value, f64::from(shares[(first + y * width + x) as usize]))
            };
            let twin = on_twin(size, flip, (Conversion::AsStored, false), |x, y| {
                let (value, share) = of(x, y);
                composed(value, share)
            });
            let made = load(&source.into(), size, Normalization::NONE, NO_TONE);
            compare(&made, &twin, &bounds(size, flip, of))
                .unwrap_or_else(|what| panic!("{memory:?}: {what}"));
        }
    }
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Words of levels: those of the same picture as a file, and behind their own alpha.
#[test]
fn levels_and_their_alpha() {
    for size @ [width, height] in sizes("1x1 1x9 16x16 33x9") {
        let first = 3;
        let texels = texels(Texel::Rgba8, 4, u64::from(first + (width + 2) * height));
        let words = sources::buffer(context(), &texels).unwrap();
        let source = BufferSource::rgba8(&words, width, height).offset(first.into()).row_stride(width + 2);
        let at = |x: u32, y: u32| &texels[4 * (first + y * (width + 2) + x) as usize..];
        let levels = |x, y| Texel::Rgba8.load(at(x, y));
        let upright: Vec<u8> =
            (0..height).rev().flat_map(|y| &at(0, y)[..4 * width as usize]).copied().collect();
        let file = load_file(Image::rgba8(&upright, width, height), Normalization::NONE);
        let made = load(&source.clone().flip_y().into(), size, Normalization::NONE, NO_TONE);
        assert_eq!(bits(&made), bits(&file), "{size:?}");
        let share = |x, y| f64::from(at(x, y)[3]) / 255.0;
        let twin =
            on_twin(size, false, (Conversion::AsStored, false), |x, y| composed(levels(x, y), share(x, y)));
        let made =
            load(&source.mask_by_alpha().background(BACKGROUND).into(), size, Normalization::NONE, NO_TONE);
        let bounds = bounds(size, false, |x, y| (levels(x, y), share(x, y)));
        compare(&made, &twin, &bounds).unwrap_or_else(|what| panic!("{size:?}: {what}"));
    }
}

/// What is hidden may be anything, and what is shown may not.
#[test]
fn what_is_hidden_may_be_anything() {
    let values = [0.5, f32::NAN, 0.5, 0.5, f32::INFINITY, 0.5, 0.5, f32::NAN, 0.5];
    let pictures = sources::buffer(context(), &bytes(&values)).unwrap();
    let mask = sources::buffer(context(), &bytes(&[1.0, 0.0, 1.0])).unwrap();
    let source =
        BufferSource::f32(&pictures, BufferLayout::Planar, 3, 1).mask(&mask, 0).background(BACKGROUND);
    let made = load(&source.into(), [3, 1], Normalization::NONE, NO_TONE);
    let [red, green, blue] = BACKGROUND;
    assert_eq!(made, [0.5, red, 0.5, 0.5, green, 0.5, 0.5, blue, 0.5]);
}
