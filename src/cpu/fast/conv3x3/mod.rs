//! Fast forms of `src/cpu/twin/conv3x3.rs`.

mod bf16;
mod direct;
mod product;
mod winograd;

use pulp::WithSimd;
use rayon::prelude::*;

use self::bf16::Dot;
use super::bordered::{Bordered, offset};
use crate::{
    cpu::{
        lines::Lines,
        scratch::Scratch,
        simd::{arch, lanes},
    },
    error::{Error, Result},
    network::Layer,
    plan::Tensor,
    weights::{Convolution, Precision},
};

/// A convolution's weights, packed for the way in which it is computed.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) layer: Layer,
    packed: Packed,
    /// (outputs).
    bias: Vec<f32>,
}

#[derive(Debug)]
enum Packed {
    Direct(direct::Panels),
    Winograd(winograd::Panels),
    Bf16(bf16::Panels),
}

/// What products are of.
#[derive(Clone, Copy, Debug)]
pub(in crate::cpu) enum Factors {
    F32,
    /// Of bfloat16, by these instructions, for all layers whose channels fill them.
    Bf16(Dot),
}

impl Factors {
    /// # Errors
    /// [`Error::Config`] where this processor has no instructions for them.
    pub(in crate::cpu) fn of(precision: Precision) -> Result<Self> {
        let has_not = |what| {
            Error::Config(format!(
                "this processor cannot compute in {precision}: {what}; leave the precision at f32"
            ))
        };
        match precision {
            Precision::F32 => Ok(Self::F32),
            Precision::Bf16 => {
                Dot::best().map(Self::Bf16).ok_or_else(|| has_not("it has no AVX512-BF16 instructions"))
            }
            Precision::F16 => Err(has_not("half precision is not built for the CPU")),
        }
    }
}

/// What is computed: images' 3x3 cross-correlation with bias.
struct Job<'a> {
    source: Bordered,
    /// Rows that are kept stay.
    target: Bordered,
    /// The first position that is written, in the whole picture's feature map.
    origin: [usize; 2],
    /// Positions across and down to it from the source's first.
    offset: [usize; 2],
    images: &'a [f32],
    bias: &'a [f32],
    /// What results are raised to: ReLU's 0.
    least: f32,
    scratch: &'a Scratch,
}

impl Filter {
    pub(super) fn new(convolution: &Convolution, factors: Factors) -> Self {
        let packed = match factors {
            Factors::F32 => winograd::Panels::new(convolution).map(Packed::Winograd),
            Factors::Bf16(dot) => bf16::Panels::new(convolution, dot).map(Packed::Bf16),
        }
        .unwrap_or_else(|| Packed::Direct(direct::Panels::new(convolution)));
        Self { layer: convolution.layer(), packed, bias: convolution.bias().to_vec() }
    }

    /// Bytes of weights and bias.
    pub(super) fn bytes(&self) -> usize {
        let weights = match &self.packed {
            Packed::Direct(panels) => size_of_val(&*panels.values),
            Packed::Winograd(panels) => size_of_val(&*panels.values),
            Packed::Bf16(panels) => size_of_val(&*panels.values),
        };
        weights + size_of_val(&*self.bias)
    }
}

/// 3x3 cross-correlation with bias of a tensor's images, of which the outputs' first `kept` rows stay.
pub(super) fn conv3x3(
    (from, images): (&Tensor, &[f32]),
    filter: &Filter,
    relu: bool,
    (to, kept, outputs): (&Tensor, u32, &mut [f32]),
    scratch: &Scratch,
) {
    let written = to.region.below(kept);
    let job = Job {
        source: Bordered::of(from),
        target: Bordered::below(to, kept),
        origin: written.origin.map(|at| at as usize),
        offset: offset(from, &written),
        images,
        bias: &filter.bias,
        least: if relu { 0.0 } else { f32::NEG_INFINITY },
        scratch,
    };
    match &filter.packed {
        Packed::Direct(panels) => direct::conv3x3(panels, &job, outputs),
        Packed::Winograd(panels) => winograd::conv3x3(panels, &job, outputs),
        Packed::Bf16(panels) => bf16::conv3x3(panels, &job, outputs),
    }
}

/// Outputs whose sums are computed together: what a vector register holds, times the registers of a panel.
fn panel() -> usize {
    let lanes = lanes();
    product::registers(lanes) * lanes
}

/// Rows of an image's results that a task computes, the first of which is row `first` of those written.
struct Slab<'a, Panels> {
    panels: &'a Panels,
    job: &'a Job<'a>,
    input: &'a [f32],
    first: usize,
    rows: &'a mut [f32],
    scratch: &'a mut Lines,
}

/// Computes each image in a first slab of `lead` rows and then slabs of `rows` rows, in parallel.
fn in_slabs<Panels: Sync>(panels: &Panels, job: &Job<'_>, [lead, rows]: [usize; 2], outputs: &mut [f32])
where
    for<'a> Slab<'a, Panels>: WithSimd<Output = ()>,
{
    let images = job.images.par_chunks(job.source.elements());
    images.zip(outputs.par_chunks_mut(job.target.elements())).for_each(|(input, output)| {
        job.target.slabs(output, [lead, rows]).for_each(|(first, rows)| {
            job.scratch.with_smallest(|scratch| {
                arch().dispatch(Slab { panels, job, input, first, rows, scratch });
            });
        });
    });
}
