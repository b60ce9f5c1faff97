//! The front door: a context, a model, its sessions and targets. Build once, compare many.

mod context;
mod model;
mod session;
mod target;

pub use self::{context::Context, model::Model, session::Session, target::Target};
