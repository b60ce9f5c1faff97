//! `shaders/conv3x3.test.wgsl`: a tuning for tests alone, which shows that a row and a file are all that one takes.

use super::{Job, Row, anywhere, as_stored, no_scratch, one_dispatch};
use crate::gpu::{
    kernel::{Kernel, kernel},
    kernels::groups_of,
    program::Dispatch,
};

static KERNEL: Kernel = kernel!("conv3x3.test", [Read, Read, Read, Write, Write]);

pub(super) static ROW: Row = Row {
    name: "test",
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

/// A thread makes a position's results of two channels.
fn lower(job: &Job<'_>) -> Vec<Dispatch> {
    job.one(&KERNEL, groups_of(job.written.positions()) * u64::from(job.layer.outputs.div_ceil(2)))
}
