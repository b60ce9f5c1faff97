//! `shaders/include/criterion.wgsl`.

use bytemuck::{Pod, Zeroable};

use crate::criterion::Criterion;

/// A criterion's number and its parameter.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Numbered {
    criterion: u32,
    parameter: f32,
}

impl From<Criterion> for Numbered {
    fn from(criterion: Criterion) -> Self {
        let number = match criterion {
            Criterion::Mse => 0,
            Criterion::Mae => 1,
            Criterion::SmoothL1 { .. } => 2,
            Criterion::Charbonnier { .. } => 3,
            // The check of a plan lets none of the others through.
            Criterion::Lpips | Criterion::Gram => 0,
        };
        Self { criterion: number, parameter: criterion.parameter().unwrap_or(1.0) as f32 }
    }
}
