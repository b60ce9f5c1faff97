//! `shaders/include/tensor.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::plan::{self, Region};

#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C)]
pub(in crate::gpu) struct Tensor {
    width: u32,
    height: u32,
    channels: u32,
    row_stride: u32,
    channel_stride: u32,
    image_stride: u32,
    offset: u32,
    pad: u32,
}

impl Tensor {
    /// A part of a tensor, which holds it.
    pub(super) fn part(tensor: &plan::Tensor, part: &Region) -> Self {
        let [x, y] = [0, 1].map(|axis| u64::from(part.origin[axis] - tensor.region.origin[axis]));
        let [width, height] = part.extent;
        Self { width, height, offset: (y * tensor.row_stride() + x) as u32, ..tensor.into() }
    }
}

impl From<&plan::Tensor> for Tensor {
    /// Lowering has checked that all elements of `tensor` can be indexed in 32 bits. One image is that of all.
    fn from(tensor: &plan::Tensor) -> Self {
        let [width, height] = tensor.region.extent;
        let image_stride = if tensor.images == 1 { 0 } else { tensor.image_stride() as u32 };
        Self {
            width,
            height,
            channels: tensor.channels,
            row_stride: tensor.row_stride() as u32,
            channel_stride: tensor.channel_stride() as u32,
            image_stride,
            offset: 0,
            pad: 0,
        }
    }
}
