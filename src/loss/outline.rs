//! How pictures would go through, told before anything is allocated.

use crate::{memory::Memory, plan::Parts};

/// What a session for pictures of one size does and takes, from [`Model::outline`](crate::Model::outline).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outline {
    /// What it takes. Its features and scratch are within the budget.
    pub memory: Memory,
    /// What the model allows of features and scratch ([`Model::with_memory`](crate::Model::with_memory)).
    pub budget: u64,
    /// The parts in which each picture goes through, one where it is not cut, with all their steps.
    pub parts: Parts,
    /// Bytes of the model's weights, which all of its sessions share and which count against no budget.
    pub weights: u64,
}
