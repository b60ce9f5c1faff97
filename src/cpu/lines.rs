//! Values that begin at a cache line, so that a vector register's worth of them lies in one.

use std::ops::{Deref, DerefMut};

use bytemuck::{Pod, Zeroable};

use super::out_of_memory;
use crate::{error::Result, plan::Tensor};

/// What the widest registers hold, and a cache line of most processors.
const VALUES: usize = 16;

#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([f32; VALUES]);

/// float32 values that begin at a cache line.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    lines: Vec<Line>,
    length: usize,
}

impl Lines {
    /// This many zeros.
    pub(super) fn zeros(length: usize) -> Self {
        let mut lines = Self::default();
        lines.reach(length);
        lines
    }

    /// Room for `elements` values of `tensor`, zeros.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory): pictures of any size get here, and running out must not end the host's process.
    pub(super) fn of(tensor: &Tensor, elements: usize) -> Result<Self> {
        let mut lines = Self::default();
        lines
            .lines
            .try_reserve_exact(elements.div_ceil(VALUES))
            .map_err(|_| out_of_memory(tensor, elements))?;
        lines.reach(elements);
        Ok(lines)
    }

    /// As many values at least, those that are new zero.
    pub(super) fn reach(&mut self, length: usize) -> &mut [f32] {
        if self.length < length {
            let lines = length.div_ceil(VALUES);
            self.lines.reserve_exact(lines - self.lines.len());
            self.lines.resize(lines, Line::zeroed());
            self.length = length;
        }
        self
    }
}

impl Deref for Lines {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &bytemuck::cast_slice(&self.lines)[..self.length]
    }
}

impl DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.length]
    }
}
