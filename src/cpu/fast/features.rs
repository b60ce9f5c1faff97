//! What taps compare that read the target's map beside the difference.

use super::bordered::Lying;
use crate::{
    cpu::kernels::least,
    plan::{Region, Tensor},
};

/// One image's difference, and the target beside it, if there is one: it may be read through max(x, 0), or the difference where there
/// is none.
#[derive(Clone, Copy)]
pub(super) struct Features<'a> {
    pub(super) difference: (&'a Tensor, &'a [f32]),
    pub(super) target: Option<(&'a Tensor, &'a [f32])>,
    pub(super) input_relu: bool,
}

/// The features under what is read or written of another tensor.
pub(super) struct Rows<'a> {
    pub(super) difference: Lying<'a>,
    pub(super) target: Option<Lying<'a>>,
    /// What the target's values, and the difference's, are raised to as they are read.
    pub(super) least: [f32; 2],
}

impl<'a> Rows<'a> {
    pub(super) fn under(Features { difference, target, input_relu }: Features<'a>, region: &Region) -> Self {
        let under = |(tensor, image)| Lying::under(tensor, image, region);
        let least = match target {
            Some(_) => [least(input_relu), least(false)],
            None => [least(false), least(input_relu)],
        };
        Self { difference: under(difference), target: target.map(under), least }
    }
}
