//! What Gram matrices begin with where a style picture is compared with.

use std::sync::atomic::{AtomicU64, Ordering};

/// For each tap of a loss, what the target's Gram matrix has more than the style picture's, shape (C, C): nothing for taps that compare
/// something else. A Gram matrix that begins with that, and not with zeros, comes to what the generated picture's has more than the
/// style picture's.
#[derive(Debug)]
pub(crate) struct Style {
    #[cfg_attr(not(feature = "gpu"), allow(dead_code, reason = "a GPU's"))]
    id: u64,
    matrices: Vec<Vec<f64>>,
}

impl Style {
    /// Matrices of each tap.
    pub(crate) fn new(matrices: Vec<Vec<f64>>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), matrices }
    }

    /// No other style of the process has it. It is never 0.
    #[cfg(feature = "gpu")]
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// A tap's, if it has one.
    pub(crate) fn of_tap(&self, tap: usize) -> Option<&[f64]> {
        self.matrices.get(tap).map(Vec::as_slice).filter(|matrix| !matrix.is_empty())
    }
}
