//! `shaders/include/features.wgsl`.

use super::{Operand, tensor::Tensor};
use crate::{gpu::program::Binding, plan::Region};

/// What is compared at a tap.
pub(in crate::gpu) struct Features<'a> {
    pub(in crate::gpu) difference: Operand<'a>,
    pub(in crate::gpu) target: Option<Operand<'a>>,
    /// Whether the target, or the difference where there is none, is read through max(x, 0).
    pub(in crate::gpu) input_relu: bool,
}

impl Features<'_> {
    /// The target's tensor under `region`, and its binding; something is bound where there is none.
    pub(super) fn beside(&self, region: &Region) -> (Tensor, Binding) {
        let Operand { tensor, binding } = self.target.as_ref().unwrap_or(&self.difference);
        (Tensor::part(tensor, region), binding.clone())
    }
}
