//! `shaders/conv3x3.direct.wgsl`: a result a thread.

use super::{Job, Row, anywhere, as_stored, no_scratch, one_dispatch};
use crate::gpu::{
    kernel::{Kernel, kernel},
    kernels::groups_of,
    program::Dispatch,
};

static KERNEL: Kernel = kernel!("conv3x3.direct", [Read, Read, Read, Write, Write]);

pub(super) static ROW: Row = Row {
    name: "direct",
    kernels: &[&KERNEL],
    runs_on: anywhere,
    packed: as_stored,
    scratch: no_scratch,
    dispatches: one_dispatch,
    lower,
    grain: [1, 1],
    breaks_ties: false,
    bound: 1e-6,
};

fn lower(job: &Job<'_>) -> Vec<Dispatch> {
    job.one(&KERNEL, groups_of(job.written.positions()) * u64::from(job.layer.outputs))
}
