//! The fast kernels: what the twins compute, in float32 and in an order that caches and vector units like. A kernel's fast
//! form is the file of its twin's name.
//!
//! Work is split by the tensors' shapes alone, and sums are added up in a fixed order, so that a pair's numbers are
//! the same to the bit on any number of threads.

mod bordered;
mod conv3x3;
mod copy;
mod difference;
mod features;
mod filters;
mod gram;
mod kernels;
mod lpips;
mod max_pool;
mod pixels;
mod relu;

pub(super) use self::{conv3x3::Factors, kernels::Fast};
