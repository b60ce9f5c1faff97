//! The processor that the process runs on, and [`rayon`], re-exported so that the pool that a host hands over
//! ([`Context::on_pool`]) is of the version that this crate was built with.
//!
//! [`Context::on_pool`]: crate::Context::on_pool

mod compute;
mod engine;
pub(crate) mod executor;
mod fast;
mod kernels;
mod lines;
mod peak;
mod processor;
mod scratch;
mod session;
mod simd;
pub(crate) mod twin;
mod values;

pub use rayon;

#[cfg(all(test, feature = "gpu"))]
pub(crate) use self::engine::outline;
pub use self::processor::{Processor, processor};
pub(crate) use self::{
    engine::{Engine, KernelSet, Model},
    peak::peak,
    session::{Session, Target},
};
use crate::{
    error::{Error, Result},
    plan::Tensor,
};

/// Room for `elements` values of `tensor`, zeroed.
///
/// # Errors
/// [`Error::OutOfMemory`]: pictures of any size get here, and running out must not end the host's process.
fn zeros(tensor: &Tensor, elements: usize) -> Result<Vec<f32>> {
    let mut values = vec![];
    values.try_reserve_exact(elements).map_err(|_| out_of_memory(tensor, elements))?;
    values.resize(elements, 0.0);
    Ok(values)
}

fn out_of_memory(tensor: &Tensor, elements: usize) -> Error {
    Error::OutOfMemory {
        wanted: (elements as u64).saturating_mul(tensor.element.bytes()),
        what: format!("the features of {}", tensor.name),
    }
}
