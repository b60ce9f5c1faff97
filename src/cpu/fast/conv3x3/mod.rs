//! Fast forms of `src/cpu/twin/conv3x3.rs`.

mod bf16;
mod direct;
mod product;
mod winograd;

use std::cell::RefCell;

use pulp::WithSimd;
use rayon::prelude::*;

use self::bf16::Dot;
use super::frame::Frame;
use crate::{
    cpu::{
        lines::Lines,
        simd::{arch, lanes},
    },
    error::{Error, Result},
    plan::Tensor,
    weights::{Convolution, Precision},
};

/// A convolution's weights in the form that it is computed with.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) name: &'static str,
    form: Form,
    /// (outputs).
    bias: Vec<f32>,
}

#[derive(Debug)]
enum Form {
    Direct(direct::Weights),
    Winograd(winograd::Weights),
    Bf16(bf16::Weights),
}

/// What products are of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Factors {
    F32,
    /// Of bfloat16, by these instructions, for all layers whose channels fill them.
    Bf16(Dot),
}

impl Factors {
    /// # Errors
    /// [`Error::Config`] where this processor has no instructions for them.
    pub(crate) fn of(precision: Precision) -> Result<Self> {
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

    pub(crate) fn precision(self) -> Precision {
        match self {
            Self::F32 => Precision::F32,
            Self::Bf16(_) => Precision::Bf16,
        }
    }
}

/// What a form computes: images' 3x3 cross-correlation with bias.
struct Job<'a> {
    source: Frame,
    /// Rows that are kept stay.
    target: Frame,
    /// The first position that is written, in the whole picture's feature map.
    origin: [usize; 2],
    /// Positions across and down to it from the source's first.
    offset: [usize; 2],
    images: &'a [f32],
    bias: &'a [f32],
    /// What results are raised to: ReLU's 0.
    least: f32,
}

impl Filter {
    pub(super) fn new(convolution: &Convolution, factors: Factors) -> Self {
        let form = match factors {
            Factors::F32 => winograd::Weights::new(convolution).map(Form::Winograd),
            Factors::Bf16(dot) => bf16::Weights::new(convolution, dot).map(Form::Bf16),
        }
        .unwrap_or_else(|| Form::Direct(direct::Weights::new(convolution)));
        Self { name: convolution.layer.name, form, bias: convolution.bias.clone() }
    }

    /// Bytes of weights and bias.
    pub(super) fn bytes(&self) -> usize {
        let weights = match &self.form {
            Form::Direct(weights) => size_of_val(&*weights.values),
            Form::Winograd(weights) => size_of_val(&*weights.values),
            Form::Bf16(weights) => size_of_val(&*weights.values),
        };
        weights + size_of_val(&*self.bias)
    }
}

/// 3x3 cross-correlation with bias of a tensor's images, of which the outputs' first `kept` rows stay.
pub(super) fn conv3x3(
    (from, images): (&Tensor, &[f32]),
    filter: &Filter,
    relu: bool,
    (to, kept, outputs): (&Tensor, usize, &mut [f32]),
) {
    let written = to.region.below(kept as u32);
    let job = Job {
        source: Frame::of(from),
        target: Frame { kept, ..Frame::of(to) },
        origin: written.origin.map(|at| at as usize),
        offset: [0, 1].map(|axis| (written.origin[axis] - from.region.origin[axis]) as usize),
        images,
        bias: &filter.bias,
        least: if relu { 0.0 } else { f32::NEG_INFINITY },
    };
    match &filter.form {
        Form::Direct(weights) => direct::conv3x3(weights, &job, outputs),
        Form::Winograd(weights) => winograd::conv3x3(weights, &job, outputs),
        Form::Bf16(weights) => bf16::conv3x3(weights, &job, outputs),
    }
}

/// Outputs whose sums are computed together: what a vector register holds, times the registers of a panel.
fn panel() -> usize {
    let lanes = lanes();
    product::registers(lanes) * lanes
}

thread_local! {
    /// What a thread keeps from one convolution to the next, so that nothing is allocated again.
    static SCRATCH: RefCell<Lines> = RefCell::default();
}

/// Rows of an image's results that a form computes, the first of which is row `first` of those written.
struct Strip<'a, Weights> {
    weights: &'a Weights,
    job: &'a Job<'a>,
    input: &'a [f32],
    first: usize,
    strip: &'a mut [f32],
    scratch: &'a mut Lines,
}

/// Computes each image in a first strip of `lead` rows and then strips of `rows` rows, in parallel.
fn in_strips<Weights: Sync>(weights: &Weights, job: &Job<'_>, [lead, rows]: [usize; 2], outputs: &mut [f32])
where
    for<'a> Strip<'a, Weights>: WithSimd<Output = ()>,
{
    let images = job.images.par_chunks(job.source.elements());
    images.zip(outputs.par_chunks_mut(job.target.elements())).for_each(|(input, output)| {
        job.target.strips(output, [lead, rows]).for_each(|(first, strip)| {
            SCRATCH.with_borrow_mut(|scratch| {
                arch().dispatch(Strip { weights, job, input, first, strip, scratch });
            });
        });
    });
}
