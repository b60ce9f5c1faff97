//! `shaders/pixels.wgsl`.

use std::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use super::{Operand, groups_of, tensor::Tensor};
use crate::{
    gpu::{
        kernel::{Kernel, kernel},
        program::{Binding, Dispatch, Params},
    },
    normalization::Normalization,
    plan::{Cost, Region},
};

pub(in crate::gpu) static KERNEL: Kernel = kernel!("pixels", [Read, Write]);

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Pixels {
    output: Tensor,
    scale: [f32; 4],
    scale_8bit: [f32; 4],
    offset: [f32; 4],
    source: [u32; 4],
    picture_stride: u32,
    groups: u32,
    first_group: u32,
    pad: u32,
}

/// From pictures of so many words each.
pub(in crate::gpu) fn lower(
    normalization: &Normalization,
    pictures: Binding,
    picture_words: u64,
    to: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let channels = normalization.channels();
    let four = |f: &dyn Fn((usize, f64, f64)) -> f64| {
        std::array::from_fn(|c| channels.get(c).map_or(0.0, |&channel| f(channel) as f32))
    };
    let groups = groups_of(written.positions());
    let params = Pixels {
        output: Tensor::part(to.tensor, written),
        scale: four(&|(_, factor, _)| factor),
        scale_8bit: four(&|(_, factor, _)| factor / 255.0),
        offset: four(&|(_, _, offset)| offset),
        source: std::array::from_fn(|c| channels.get(c).map_or(0, |(source, ..)| *source as u32)),
        picture_stride: picture_words as u32,
        groups: groups as u32,
        first_group: 0,
        pad: 0,
    };
    let params = Params::divisible(&params, offset_of!(Pixels, first_group));
    Dispatch { kernel: &KERNEL, bindings: vec![pictures, to.binding], params, groups, cost }
}
