//! Gradients in a host's buffers: every layout, offset and stride.

use perceptual_loss::{
    gpu::{BufferLayout, BufferSource, GradientBuffer},
    low_level::{cpu::twin, doctor::values::values, gpu::sources},
};

use super::buffer::{LAYOUTS, Memory};
use crate::common::{Bounds, compare, context, sizes};

/// Holds what is written, over what is there and added to it, against the twin. Nothing beside the three channels may be touched.
fn hold(to: Memory, weight: f32, mask: Option<bool>) {
    let size @ [width, height] = to.size;
    let pixels = width * height;
    let gradient = values(1, u64::from(3 * pixels));
    let before = values(2, to.elements().len() as u64 + 7);
    let shares: Vec<f32> = (0..2 + pixels).map(|k| [0.5, 1.0, 0.0][k as usize % 3]).collect();
    let pictures = sources::buffer(context(), &vec![0; 12 * pixels as usize]).unwrap();
    let mut source = BufferSource::f32(&pictures, BufferLayout::Planar, width, height);
    let bytes: Vec<u8> = shares.iter().flat_map(|share| share.to_le_bytes()).collect();
    let masks = sources::buffer(context(), &bytes).unwrap();
    if let Some(flip) = mask {
        source = source.mask(&masks, 2);
        source = if flip { source.flip_y() } else { source };
    }
    let turned = |flip: bool, y: u32| if flip { height - 1 - y } else { y };
    let share = |x: u32, y: u32| match mask {
        Some(flip) => f64::from(shares[(2 + turned(flip, y) * width + x) as usize]),
        None => 1.0,
    };
    let element = |channel: usize, x: u32, y: u32| to.at(channel, x, turned(to.flip, y));
    for (adds, faults) in [(false, 0), (true, 0), (false, 4), (true, 1 << 20)] {
        let mut expected = before.clone();
        twin::source_gradient(&gradient, size, (weight.into(), adds, faults), share, element, &mut expected);
        let made = sources::write_gradient(context(), (&gradient, faults), &source, &before, |buffer| {
            let into = GradientBuffer::new(buffer, to.layout, width, height).weight(weight);
            let into = into.offset(to.offset).row_stride(to.row_stride());
            let into = if to.flip { into.flip_y() } else { into };
            if adds { into.adds() } else { into }
        });
        compare(&made.unwrap(), &expected, &Bounds::Bits)
            .unwrap_or_else(|what| panic!("{to:?}, {weight}, {mask:?}, {adds}, {faults}: {what}"));
    }
}

/// Weights and masks are powers of two, so that a sum is all that is rounded.
#[test]
fn gradients_lie_in_memory_every_way() {
    for layout in LAYOUTS {
        for size in sizes("1x1 1x9 13x7 64x3") {
            for ((offset, padding), (weight, flip)) in [(0, 0), (1, 0), (5, 3), (64, 32)].into_iter().zip([
                (1.0, false),
                (-0.5, true),
                (4.0, false),
                (1.0, true),
            ]) {
                let to = Memory { layout, size, offset, padding, flip, ..Memory::default() };
                for mask in [None, Some(false), Some(true)] {
                    hold(to, weight, mask);
                }
                // Of what is hidden it would be a 0 with a sign, which drivers need not keep.
                hold(to, -weight, None);
            }
        }
    }
}

/// A large picture's workgroups are more than the 65,535 that a dispatch takes along one dimension.
#[test]
fn more_workgroups_than_one_dimension_takes() {
    hold(Memory { layout: BufferLayout::Interleaved(3), size: [2050, 2051], ..Memory::default() }, 1.0, None);
}
