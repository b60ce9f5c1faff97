//! The tunings of the 3x3 convolution: a row each.
//!
//! To add one: a WGSL file, and its row here. Tests, doctor, fuzzing and benchmarks take it up from [`rows`].

mod blocked;
mod direct;
#[cfg(any(test, feature = "_test-tuning"))]
mod test;
mod winograd;

use std::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use super::{Operand, activation::input_floor, tensor::Tensor};
use crate::{
    error::Result,
    gpu::{
        capabilities::Capabilities,
        kernel::Kernel,
        program::{Binding, Dispatch, Params},
    },
    network::Layer,
    plan::{Cost, Region},
    reserve::{collected, filled},
    tuning::Tuning,
    weights::Convolution,
};

/// All that the host knows of a tuning.
pub(crate) struct Row {
    /// Behind `conv3x3.` in its files' names.
    pub(crate) name: &'static str,
    pub(super) kernels: &'static [&'static Kernel],
    /// Whether a device can run it. What WebGPU's baseline allows every device can.
    pub(crate) runs_on: fn(&Capabilities) -> bool,
    /// Weights and bias as its shaders read them; [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(in crate::gpu) packed: fn(&Convolution) -> Result<Packed>,
    /// Bytes of each scratch buffer for a shape; no smaller one takes more.
    pub(in crate::gpu) scratch: fn(&Shape) -> Vec<u64>,
    /// Dispatches for a shape at the most; no smaller one takes more.
    pub(in crate::gpu) dispatches: fn(&Shape) -> u64,
    /// The dispatches that it makes of a step.
    pub(in crate::gpu) lower: fn(&Job<'_>) -> Vec<Dispatch>,
    /// Columns and rows that it computes together at the least: fewer are not worth its while.
    pub(in crate::gpu) grain: [u32; 2],
    /// Whether it makes unequal results of equal patches, by their place: pooling a difference minds that.
    pub(crate) breaks_ties: bool,
    /// How far a result may be from its twin's, relative to the magnitudes that it is made of (`doctor::CONV3X3` says
    /// of which).
    #[cfg_attr(not(feature = "cpu"), expect(dead_code, reason = "twins are the CPU backend's"))]
    pub(crate) bound: f64,
}

/// Every tuning's row.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    static ROWS: &[&Row] = &[
        &direct::ROW,
        &blocked::ROW,
        &winograd::ROW,
        #[cfg(any(test, feature = "_test-tuning"))]
        &test::ROW,
    ];
    ROWS.iter().copied()
}

impl Tuning {
    /// `shaders/conv3x3.direct.wgsl`: one result a thread. Written to be read; the yardstick.
    pub const DIRECT: Self = Self(direct::ROW.name);
    /// `shaders/conv3x3.blocked.wgsl`: each thread holds a block of pixels by channels in registers. The default.
    pub const BLOCKED: Self = Self(blocked::ROW.name);
    /// `shaders/conv3x3.winograd.*.wgsl`: Winograd's F(4x4, 3x3), 36 products where direct convolution takes 144.
    pub const WINOGRAD: Self = Self(winograd::ROW.name);

    /// Every tuning there is, in the order of their rows.
    #[must_use]
    pub fn all() -> Vec<Self> {
        rows().map(|row| Self(row.name)).collect()
    }

    /// Its row.
    pub(crate) fn row(self) -> &'static Row {
        // Tunings are made of rows alone.
        rows().find(|row| row.name == self.0).unwrap_or(&direct::ROW)
    }
}

/// Weights and bias as shaders read them.
pub(in crate::gpu) struct Packed {
    pub(in crate::gpu) weights: Vec<f32>,
    pub(in crate::gpu) bias: Vec<f32>,
}

/// The shape of a step, or the largest of some.
#[derive(Clone, Copy, Debug)]
pub(in crate::gpu) struct Shape {
    pub(in crate::gpu) layer: Layer,
    pub(in crate::gpu) images: u32,
    /// Columns and rows that are written.
    pub(in crate::gpu) extent: [u32; 2],
}

/// Which map a convolution makes.
pub(in crate::gpu) enum Map<'a> {
    /// The target's, of one that may be read through max(x, 0).
    Target { input_relu: bool },
    /// A difference's, which goes through its activation where there is the target's map that the same convolution makes.
    Difference { target: Option<Operand<'a>> },
}

/// A convolution that is to be computed.
pub(in crate::gpu) struct Job<'a> {
    pub(in crate::gpu) tuning: Tuning,
    /// As it is computed: of a gradient the transposed one.
    pub(in crate::gpu) layer: Layer,
    pub(in crate::gpu) transposed: bool,
    pub(in crate::gpu) map: Map<'a>,
    pub(in crate::gpu) from: Operand<'a>,
    pub(in crate::gpu) to: Operand<'a>,
    /// Where it notes for each image that it made a value that is not finite.
    pub(in crate::gpu) notes: Binding,
    /// What is written of the output.
    pub(in crate::gpu) written: Region,
    /// What the step costs as it is defined, one image.
    pub(in crate::gpu) cost: Cost,
}

impl Job<'_> {
    fn shape(&self) -> Shape {
        Shape { layer: self.layer, images: self.to.tensor.images, extent: self.written.extent }
    }

    /// An output position plus this is the input position under the kernel's centre.
    fn shift(&self) -> [i32; 2] {
        [0, 1].map(|axis| {
            let [to, from] =
                [&self.written, &self.from.tensor.region].map(|region| i64::from(region.origin[axis]));
            (to - from) as i32
        })
    }

    fn weights(&self) -> Binding {
        Binding::Weights { layer: self.layer.name, transposed: self.transposed, tuning: self.tuning }
    }

    /// The target's map, where it is read.
    fn target(&self) -> Option<&Operand<'_>> {
        match &self.map {
            Map::Difference { target } => target.as_ref(),
            Map::Target { .. } => None,
        }
    }

    /// What a kernel binds as `beside`: that map, or the bias.
    fn beside(&self) -> Binding {
        let bias = Binding::Bias { layer: self.layer.name, transposed: self.transposed, tuning: self.tuning };
        self.target().map_or(bias, |target| target.binding.clone())
    }

    /// How that map lies.
    fn beside_tensor(&self) -> Tensor {
        self.target().map_or_else(Tensor::default, |target| Tensor::part(target.tensor, &self.written))
    }

    /// `shaders/include/convolution.wgsl`.
    fn mode(&self) -> u32 {
        match self.map {
            Map::Target { .. } => 0,
            Map::Difference { target: None } => 1,
            Map::Difference { target: Some(_) } => 2,
        }
    }

    fn input_floor(&self) -> i32 {
        input_floor(matches!(self.map, Map::Target { input_relu: true }))
    }

    /// The only dispatch of a tuning that has one.
    fn one(&self, kernel: &'static Kernel, groups: u64) -> Vec<Dispatch> {
        let params = Conv3x3 {
            input: self.from.tensor.into(),
            output: Tensor::part(self.to.tensor, &self.written),
            beside: self.beside_tensor(),
            shift: self.shift(),
            mode: self.mode(),
            input_floor: self.input_floor(),
            groups: groups as u32,
            first_group: 0,
            bit: self.layer.note(),
            pad: 0,
        };
        let params = Params::divisible(&params, offset_of!(Conv3x3, first_group));
        let bindings = vec![
            self.from.binding.clone(),
            self.weights(),
            self.beside(),
            self.notes.clone(),
            self.to.binding.clone(),
        ];
        vec![Dispatch { kernel, bindings, params, groups, images: self.to.tensor.images, cost: self.cost }]
    }
}

/// `shaders/include/conv3x3.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Conv3x3 {
    input: Tensor,
    output: Tensor,
    beside: Tensor,
    shift: [i32; 2],
    mode: u32,
    input_floor: i32,
    groups: u32,
    first_group: u32,
    bit: u32,
    pad: u32,
}

/// (output, input, ky, kx), as files hold them.
fn as_stored(convolution: &Convolution) -> Result<Packed> {
    let weights = convolution.weight();
    let what = format_args!("the weights of {}", convolution.layer().name);
    let weights = collected(weights.iter().copied(), weights.len(), what)?;
    Ok(Packed { weights, bias: convolution.bias().to_vec() })
}

/// (block of outputs, input, ky, kx, output within the block), and as many biases, zeros past the last output.
fn in_blocks(convolution: &Convolution, block: usize) -> Result<Packed> {
    let outputs = convolution.bias().len();
    // Weights of one output.
    let each = convolution.weight().len() / outputs.max(1);
    let blocks = outputs.div_ceil(block);
    let what = format_args!("the weights of {}", convolution.layer().name);
    let mut weights = filled(0.0, blocks * each * block, what)?;
    for (output, values) in convolution.weight().chunks(each.max(1)).enumerate() {
        let of_block = &mut weights[output / block * each * block..][..each * block];
        for (to, &value) in of_block[output % block..].iter_mut().step_by(block).zip(values) {
            *to = value;
        }
    }
    let mut bias = convolution.bias().to_vec();
    bias.resize(blocks * block, 0.0);
    Ok(Packed { weights, bias })
}

/// Of a tuning that needs none.
fn no_scratch(_: &Shape) -> Vec<u64> {
    vec![]
}

/// Of a tuning that is one dispatch.
fn one_dispatch(_: &Shape) -> u64 {
    1
}

/// Of a tuning that needs nothing beyond the baseline.
fn anywhere(_: &Capabilities) -> bool {
    true
}
