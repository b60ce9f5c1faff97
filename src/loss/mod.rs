//! The front door: a context, a model, its sessions and targets. Build once, compare many.

mod context;
mod model;
mod outline;
mod session;
mod target;

pub use self::{context::Context, model::Model, outline::Outline, session::Session, target::Target};
