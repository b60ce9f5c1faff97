//! Fast forms of `src/cpu/twin/conv3x3.rs`.

mod direct;
mod product;
mod winograd;

use std::cell::RefCell;

use super::frame::Frame;
use crate::{cpu::simd::lanes, plan::Tensor, weights::Convolution};

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
}

/// What a form computes: one image's 3x3 cross-correlation with bias.
struct Job<'a> {
    source: Frame,
    /// Rows that are kept stay.
    target: Frame,
    /// The first position that is written, in the whole picture's feature map.
    origin: [usize; 2],
    /// Positions across and down to it from the source's first.
    offset: [usize; 2],
    input: &'a [f32],
    bias: &'a [f32],
    /// What results are raised to: ReLU's 0.
    least: f32,
}

impl Filter {
    pub(super) fn new(convolution: &Convolution) -> Self {
        let form = match winograd::Weights::new(convolution) {
            Some(weights) => Form::Winograd(weights),
            None => Form::Direct(direct::Weights::new(convolution)),
        };
        Self { name: convolution.layer.name, form, bias: convolution.bias.clone() }
    }
}

/// 3x3 cross-correlation with bias of one image; tensors as the twin takes them, of which the output's first `kept`
/// rows stay.
pub(super) fn conv3x3(
    (from, input): (&Tensor, &[f32]),
    filter: &Filter,
    relu: bool,
    (to, kept, output): (&Tensor, usize, &mut [f32]),
) {
    let written = to.region.below(kept as u32);
    let job = Job {
        source: Frame::of(from),
        target: Frame { kept, ..Frame::of(to) },
        origin: written.origin.map(|at| at as usize),
        offset: [0, 1].map(|axis| (written.origin[axis] - from.region.origin[axis]) as usize),
        input,
        bias: &filter.bias,
        least: if relu { 0.0 } else { f32::NEG_INFINITY },
    };
    match &filter.form {
        Form::Direct(weights) => direct::conv3x3(weights, &job, output),
        Form::Winograd(weights) => winograd::conv3x3(weights, &job, output),
    }
}

/// Outputs whose sums are computed together: what a vector register holds, times the registers of a panel.
fn panel() -> usize {
    let lanes = lanes();
    product::registers(lanes) * lanes
}

/// Calls `work` with what the thread keeps from one call to the next, so that nothing is allocated again.
fn scratch(work: impl FnOnce(&mut Vec<f32>)) {
    thread_local! {
        static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(vec![]) };
    }
    SCRATCH.with_borrow_mut(work);
}
