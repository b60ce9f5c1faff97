//! The front door: a context, a model, its sessions and targets. Build once, compare many.

mod backend;
mod context;
mod gradient;
mod model;
mod options;
mod outline;
mod session;
mod sessions;
mod target;

pub use self::{
    backend::Backend, context::Context, gradient::Gradient, model::Model, options::ModelOptions,
    outline::Outline, session::Session, sessions::Sessions, target::Target,
};
