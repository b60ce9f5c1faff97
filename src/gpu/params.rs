//! The kernels' parameters as their `Params` structs in `shaders/` lay them out.

use bytemuck::{Pod, Zeroable};

use crate::plan;

/// `shaders/include/tensor.wgsl`.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Tensor {
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
    pub(super) fn part(tensor: &plan::Tensor, part: &plan::Region) -> Self {
        let [x, y] = [0, 1].map(|axis| u64::from(part.origin[axis] - tensor.region.origin[axis]));
        let [width, height] = part.extent;
        Self { width, height, offset: (y * tensor.row_stride() + x) as u32, ..tensor.into() }
    }
}

impl From<&plan::Tensor> for Tensor {
    /// Lowering has checked that all elements of `tensor` can be indexed in 32 bits.
    fn from(tensor: &plan::Tensor) -> Self {
        let [width, height] = tensor.region.extent;
        Self {
            width,
            height,
            channels: tensor.channels,
            row_stride: tensor.row_stride() as u32,
            channel_stride: tensor.channel_stride() as u32,
            image_stride: tensor.image_stride() as u32,
            offset: 0,
            pad: 0,
        }
    }
}

/// `shaders/include/color.wgsl`.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Color {
    pub conversion: u32,
    pub tone_map: u32,
    pub gain: f32,
    pub eight_bit: u32,
}

#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct SourceTexture {
    pub color: Color,
    pub size: [u32; 2],
    pub origin: [u32; 2],
    pub flip: u32,
    pub groups: u32,
    pub pad: [u32; 2],
}

#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct SourceBuffer {
    pub color: Color,
    pub size: [u32; 2],
    pub offset: u32,
    pub pixel_stride: u32,
    pub channel_stride: u32,
    pub row_stride: u32,
    pub half: u32,
    pub flip: u32,
    pub groups: u32,
    pub pad: [u32; 3],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Pixels {
    pub output: Tensor,
    pub scale: [f32; 4],
    pub scale_8bit: [f32; 4],
    pub offset: [f32; 4],
    pub source: [u32; 4],
    pub picture_stride: u32,
    pub groups: u32,
    pub first_group: u32,
    pub pad: u32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Conv3x3 {
    pub input: Tensor,
    pub output: Tensor,
    pub shift: [i32; 2],
    pub relu: u32,
    pub groups: u32,
    pub first_group: u32,
    pub pad: [u32; 3],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Relu {
    pub input: Tensor,
    pub output: Tensor,
    pub groups: u32,
    pub first_group: u32,
    pub pad: [u32; 2],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Copy {
    pub input: Tensor,
    pub output: Tensor,
    pub groups: u32,
    pub first_group: u32,
    pub pad: [u32; 2],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct MaxPool {
    pub input: Tensor,
    pub output: Tensor,
    pub shift: [u32; 2],
    pub groups: u32,
    pub first_group: u32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Difference {
    pub a_offset: u32,
    pub a_stride: u32,
    pub b_offset: u32,
    pub b_stride: u32,
    pub width: u32,
    pub height: u32,
    pub channels: u32,
    pub row_stride: u32,
    pub channel_stride: u32,
    pub absolute: u32,
    pub groups: u32,
    pub first_group: u32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Sum {
    pub count: u32,
    pub first: u32,
    pub pad: [u32; 2],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Total {
    pub taps: u32,
    pub pad: [u32; 3],
    pub factors: [[f32; 4]; 10],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct PeakFma {
    pub rounds: u32,
    pub groups: u32,
    pub factor: f32,
    pub addend: f32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct PeakCopy {
    pub elements: u32,
    pub groups: u32,
    pub pad: [u32; 2],
}

/// Parameters of a dispatch that can be cut into pieces.
pub(super) trait Cuttable: Pod {
    /// Makes them those of a piece that begins with this workgroup.
    fn begin_with(&mut self, group: u32);
}

macro_rules! cuttable {
    ($($params:ty),*) => {
        $(impl Cuttable for $params {
            fn begin_with(&mut self, group: u32) {
                self.first_group = group;
            }
        })*
    };
}

cuttable!(Pixels, Conv3x3, Relu, MaxPool, Copy, Difference);

/// One workgroup an image: never cut.
impl Cuttable for Sum {
    fn begin_with(&mut self, _group: u32) {}
}
