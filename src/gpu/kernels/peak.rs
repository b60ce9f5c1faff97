//! `shaders/peak.fma.wgsl` and `shaders/peak.copy.wgsl`: what a device does at best.

use bytemuck::{Pod, Zeroable};

use crate::gpu::{
    kernel::{Kernel, kernel},
    program::Params,
};

/// Chains of multiply-adds of a thread.
pub(in crate::gpu) const CHAINS: u32 = 12;
/// Multiply-adds of each chain in one round of the shader's loop.
pub(in crate::gpu) const UNROLLED: u32 = 8;

pub(in crate::gpu) static FMA: Kernel = kernel!("peak.fma", [Write]);
pub(in crate::gpu) static COPY: Kernel = kernel!("peak.copy", [Read, Write]);

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct PeakFma {
    rounds: u32,
    groups: u32,
    factor: f32,
    addend: f32,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct PeakCopy {
    elements: u32,
    groups: u32,
    pad: [u32; 2],
}

/// With factor and addend 1, so that each chain counts its multiply-adds.
pub(in crate::gpu) fn fma_params(rounds: u32, groups: u32) -> Params {
    Params::whole(&PeakFma { rounds, groups, factor: 1.0, addend: 1.0 })
}

/// Of so many elements of 16 bytes.
pub(in crate::gpu) fn copy_params(elements: u32, groups: u32) -> Params {
    Params::whole(&PeakCopy { elements, groups, pad: [0; 2] })
}
