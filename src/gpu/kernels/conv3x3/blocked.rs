//! `shaders/conv3x3.blocked.wgsl`: a block of pixels by channels a thread.

use super::{Job, Row, anywhere, in_blocks, no_scratch, one_dispatch};
use crate::gpu::{
    kernel::{Kernel, kernel},
    program::Dispatch,
};

/// Threads across and down.
const GROUP: [u32; 2] = [8, 4];
/// Columns and rows that a thread makes.
const PIXELS: [u32; 2] = [4, 8];
/// Columns and rows that a workgroup makes.
const TILE: [u32; 2] = [GROUP[0] * PIXELS[0], GROUP[1] * PIXELS[1]];
/// Outputs that a thread makes.
const BLOCK: u32 = 4;

static KERNEL: Kernel = kernel!(
    "conv3x3.blocked",
    [Read, Read, Read, Write, Write],
    threads: GROUP,
    constants: &[
        ("GROUP_X", GROUP[0]),
        ("GROUP_Y", GROUP[1]),
        ("TILE_W", TILE[0]),
        ("TILE_H", TILE[1]),
        ("BLOCK", BLOCK),
    ],
);

pub(super) static ROW: Row = Row {
    name: "blocked",
    kernels: &[&KERNEL],
    runs_on: anywhere,
    packed: |convolution| in_blocks(convolution, BLOCK as usize),
    scratch: no_scratch,
    dispatches: one_dispatch,
    lower,
    // Those of 8 threads, which software adapters run as one vector. Idle threads beyond them cost next to nothing there.
    grain: [TILE[0], PIXELS[1]],
    breaks_ties: false,
    bound: 1e-6,
};

fn lower(job: &Job<'_>) -> Vec<Dispatch> {
    let [across, down] = [0, 1].map(|axis| u64::from(job.written.extent[axis].div_ceil(TILE[axis])));
    job.one(&KERNEL, across * down * u64::from(job.layer.outputs.div_ceil(BLOCK)))
}
