//! The CPU: the kernels' twins, and an executor that runs a plan's steps through them.

mod executor;
mod session;
pub mod twin;

pub use self::executor::Executor;
pub(crate) use self::session::{Features, Session};
