//! Contexts, models, sessions and targets.

mod adapters;
mod bits;
mod created;
mod faults;
mod futures;
mod limits;
mod threads;
mod zero_target;
