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
mod style;
mod threads;
pub(crate) mod twin;
mod values;

pub use rayon;

#[cfg(all(test, feature = "gpu"))]
pub(crate) use self::engine::{gradient_outline, outline};
pub use self::processor::{Processor, processor};
pub(crate) use self::{
    engine::{Engine, KernelSet, Model},
    peak::peak,
    session::{Session, Target},
};
