//! `shaders/total.wgsl`: where a frame's comparison ends on the device.

use bytemuck::{Pod, Zeroable};

use crate::{
    error::{Error, Result},
    gpu::{
        kernel::{Kernel, kernel},
        program::{Binding, Dispatch, Params, Side},
    },
    plan::{Cost, Plan},
};

pub(in crate::gpu) static KERNEL: Kernel = kernel!("total", [Read, Read, Read, Read, Read, Write]);

/// Words of the result before the sums.
pub(in crate::gpu) const HEADER_WORDS: u64 = 3;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Total {
    taps: u32,
    pad: [u32; 3],
    factors: [[f32; 4]; 10],
}

/// Against the target of this picture, of which convolutions have left these notes.
///
/// # Errors
/// [`Error::Config`] where there are more taps than there is room for.
pub(in crate::gpu) fn lower(plan: &Plan, target: Binding, target_notes: Binding) -> Result<Dispatch> {
    let taps = plan.taps();
    let mut params = Total { taps: taps.len() as u32, pad: [0; 3], factors: [[0.0; 4]; 10] };
    for (k, tap) in taps.iter().enumerate() {
        let factor = tap.weight / plan.divisor(tap);
        *params.factors.as_flattened_mut().get_mut(k).ok_or_else(|| {
            Error::Config(format!("{} taps are more than the 40 that a total has room for", taps.len()))
        })? = factor as f32;
    }
    Ok(Dispatch {
        kernel: &KERNEL,
        bindings: vec![
            Binding::Sums,
            Binding::Pictures(Side::Generated),
            target,
            Binding::Notes,
            target_notes,
            Binding::Loss,
        ],
        params: Params::whole(&params),
        groups: 1,
        images: 1,
        cost: Cost::default(),
    })
}
