//! The kernels, one row each, and what each makes of a step: bindings, parameters, workgroups.
//!
//! A kernel's row, its parameters and its lowering stand in the file of its name; those of the convolution's tunings in
//! `conv3x3/`.

mod activation;
pub(super) mod conv3x3;
pub(super) mod copy;
mod criterion;
pub(super) mod difference;
pub(super) mod features;
pub(super) mod gram;
pub(super) mod lpips;
pub(super) mod max_pool;
pub(super) mod peak;
pub(super) mod pixels;
pub(super) mod relu;
pub(super) mod source;
pub(super) mod tensor;
pub(super) mod total;

use super::{kernel::Kernel, program::Binding};
use crate::{criterion::Criterion, plan};

/// Bytes of the uniform window that a dispatch binds: the largest `Params` of any shader, rounded up.
pub(super) const PARAMS_BYTES: u64 = 256;

/// A tensor, and where it is.
#[derive(Clone)]
pub(super) struct Operand<'a> {
    pub(super) tensor: &'a plan::Tensor,
    pub(super) binding: Binding,
}

/// Every kernel.
pub(crate) fn all() -> impl Iterator<Item = &'static Kernel> {
    let plain = [
        &source::TEXTURE,
        &source::BUFFER,
        &source::GRADIENT,
        &pixels::KERNEL,
        &pixels::DIFFERENCE,
        &pixels::GRADIENT,
        &relu::KERNEL,
        &relu::MASK,
        &relu::GRADIENT,
        &max_pool::KERNEL,
        &max_pool::DIFFERENCE,
        &max_pool::ROUTES,
        &max_pool::GRADIENT,
        &copy::KERNEL,
        &difference::KERNEL,
        &difference::MAP,
        &difference::GRADIENT,
        &difference::SUM,
        &lpips::KERNEL,
        &lpips::GRADIENT,
        &gram::KERNEL,
        &gram::SUM,
        &gram::GRADIENT,
        &total::KERNEL,
        &peak::FMA,
        &peak::COPY,
    ];
    plain.into_iter().chain(conv3x3::rows().flat_map(|row| row.kernels.iter().copied()))
}

/// Every kernel's name and complete WGSL source, for validation and for reading. All of them stay within
/// WebGPU's baseline limits and need no feature.
pub fn shaders() -> impl Iterator<Item = (&'static str, String)> {
    all().map(|kernel| (kernel.name, kernel.source()))
}

/// Partial sums of a tap of a criterion over so many columns and rows of so many channels.
pub(super) fn partials_of(criterion: Criterion, owned: [u32; 2], channels: u32) -> u64 {
    match criterion {
        Criterion::Lpips => lpips::partials_in(owned),
        Criterion::Gram => gram::partials_in(channels),
        _ => difference::partials_in(owned, channels),
    }
}

/// Workgroups of a kernel whose threads have an element each.
fn groups_of(elements: u64) -> u64 {
    elements.div_ceil(super::kernel::WORKGROUP.into())
}
