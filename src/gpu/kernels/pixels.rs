//! `shaders/pixels.wgsl`, `pixels.difference.wgsl` and `pixels.gradient.wgsl`.

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
pub(in crate::gpu) static DIFFERENCE: Kernel = kernel!("pixels.difference", [Read, Read, Write]);
pub(in crate::gpu) static GRADIENT: Kernel = kernel!("pixels.gradient", [Read, Write]);

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Pixels {
    output: Tensor,
    scale: [f32; 4],
    scale_8bit: [f32; 4],
    scale_16bit: [f32; 4],
    offset: [f32; 4],
    source: [u32; 4],
    picture_stride: u32,
    groups: u32,
    first_group: u32,
    pad: u32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct PixelsDifference {
    output: Tensor,
    scale: [f32; 4],
    scale_8bit: [f32; 4],
    scale_16bit: [f32; 4],
    source: [u32; 4],
    picture_stride: u32,
    target_stride: u32,
    groups: u32,
    first_group: u32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Gradient {
    input: Tensor,
    output: Tensor,
    channel: [u32; 4],
    factor: [f32; 4],
    groups: u32,
    first_group: u32,
    pad: [u32; 2],
}

/// Packed pictures, and the words from one to the next: 0 where all images have one.
pub(in crate::gpu) struct Pictures {
    pub(in crate::gpu) binding: Binding,
    pub(in crate::gpu) stride: u32,
}

/// A number for each channel of the network, from its factor and its offset.
fn four(normalization: &Normalization, of: impl Fn(f64, f64) -> f64) -> [f32; 4] {
    let channels = normalization.channels();
    std::array::from_fn(|c| channels.get(c).map_or(0.0, |&(_, factor, offset)| of(factor, offset) as f32))
}

/// What a value is multiplied by, a level of 8 bits, and one of 16.
fn scales(normalization: &Normalization) -> [[f32; 4]; 3] {
    [1.0, 255.0, 65535.0].map(|most| four(normalization, |factor, _| factor / most))
}

/// For each channel of the network, that of the picture.
fn source(normalization: &Normalization) -> [u32; 4] {
    let channels = normalization.channels();
    std::array::from_fn(|c| channels.get(c).map_or(0, |(source, ..)| *source as u32))
}

/// Of targets.
pub(in crate::gpu) fn lower(
    normalization: &Normalization,
    pictures: Pictures,
    to: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let groups = groups_of(written.positions());
    let [scale, scale_8bit, scale_16bit] = scales(normalization);
    let params = Pixels {
        output: Tensor::part(to.tensor, written),
        scale,
        scale_8bit,
        scale_16bit,
        offset: four(normalization, |_, offset| offset),
        source: source(normalization),
        picture_stride: pictures.stride,
        groups: groups as u32,
        first_group: 0,
        pad: 0,
    };
    let params = Params::divisible(&params, offset_of!(Pixels, first_group));
    let (bindings, images) = (vec![pictures.binding, to.binding], to.tensor.images);
    Dispatch { kernel: &KERNEL, bindings, params, groups, images, cost }
}

/// Of what generated pictures have more than their targets.
pub(in crate::gpu) fn lower_difference(
    normalization: &Normalization,
    [generated, targets]: [Pictures; 2],
    to: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let groups = groups_of(written.positions());
    let [scale, scale_8bit, scale_16bit] = scales(normalization);
    let params = PixelsDifference {
        output: Tensor::part(to.tensor, written),
        scale,
        scale_8bit,
        scale_16bit,
        source: source(normalization),
        picture_stride: generated.stride,
        target_stride: targets.stride,
        groups: groups as u32,
        first_group: 0,
    };
    let params = Params::divisible(&params, offset_of!(PixelsDifference, first_group));
    let bindings = vec![generated.binding, targets.binding, to.binding];
    Dispatch { kernel: &DIFFERENCE, bindings, params, groups, images: to.tensor.images, cost }
}

/// Of a gradient of normalised values.
pub(in crate::gpu) fn lower_gradient(
    normalization: &Normalization,
    from: Operand<'_>,
    to: Operand<'_>,
    written: &Region,
    cost: Cost,
) -> Dispatch {
    let groups = groups_of(written.positions() * u64::from(to.tensor.channels));
    let mut params = Gradient {
        input: Tensor::part(from.tensor, written),
        output: Tensor::part(to.tensor, written),
        channel: [0; 4],
        factor: [0.0; 4],
        groups: groups as u32,
        first_group: 0,
        pad: [0; 2],
    };
    for (picture, (channel, factor)) in normalization.factors().into_iter().enumerate() {
        (params.channel[picture], params.factor[picture]) = (channel as u32, factor as f32);
    }
    let params = Params::divisible(&params, offset_of!(Gradient, first_group));
    let (bindings, images) = (vec![from.binding, to.binding], to.tensor.images);
    Dispatch { kernel: &GRADIENT, bindings, params, groups, images, cost }
}
