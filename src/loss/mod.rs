//! The front door: a context, a model, its sessions and targets. Build once, compare many.

mod context;
mod model;
mod outline;
mod session;
mod sessions;
mod target;

pub use self::{
    context::Context, model::Model, outline::Outline, session::Session, sessions::Sessions, target::Target,
};
