//! Values that begin at a cache line, so that a vector register's worth of them lies in one.

use std::{
    fmt::Display,
    ops::{Deref, DerefMut},
};

use bytemuck::{Pod, Zeroable};

use crate::{error::Result, plan::Tensor, reserve::reserve};

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
    /// This many zeros, for `what`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(super) fn zeros(length: usize, what: impl Display) -> Result<Self> {
        let mut lines = Self::default();
        lines.grow(length, what)?;
        Ok(lines)
    }

    /// Room for `elements` values of `tensor`, zeros.
    ///
    /// # Errors
    /// As [`zeros`](Self::zeros).
    pub(super) fn of(tensor: &Tensor, elements: usize) -> Result<Self> {
        Self::zeros(elements, format_args!("the features of {}", tensor.name))
    }

    /// As many values at least for a kernel to work in, those that are new zero.
    ///
    /// # Errors
    /// As [`zeros`](Self::zeros).
    pub(super) fn reach(&mut self, length: usize) -> Result<&mut [f32]> {
        if self.length < length {
            self.grow(length, "what a convolution works in")?;
        }
        Ok(self)
    }

    fn grow(&mut self, length: usize, what: impl Display) -> Result<()> {
        let lines = length.div_ceil(VALUES);
        let more = lines - self.lines.len();
        reserve(&mut self.lines, more, what)?;
        self.lines.resize(lines, Line::zeroed());
        self.length = length;
        Ok(())
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
