//! What a device refuses, caught while something is made.

use super::context::one_line;
use crate::error::Error;

/// What is refused until its [`end`](Self::end), on this thread.
///
/// A browser tells only later, and then nobody whose scope has ended. So there are no scopes there: its errors reach the handler
/// of uncaptured ones, and on a device that the library opened the next call gives them.
pub(super) struct Scopes {
    /// The outermost first; the last is left first.
    guards: Option<[wgpu::ErrorScopeGuard; 3]>,
}

/// What was refused.
pub(super) enum Refusal {
    Memory,
    /// With wgpu's words.
    Other(String),
}

impl Scopes {
    pub(super) fn new(device: &wgpu::Device) -> Self {
        use wgpu::ErrorFilter as Filter;
        let filters = [Filter::OutOfMemory, Filter::Internal, Filter::Validation];
        let guards = || filters.map(|filter| device.push_error_scope(filter));
        Self { guards: (!cfg!(target_family = "wasm")).then(guards) }
    }

    /// The gravest of what was refused: what is made of memory that was not there is refused too.
    pub(super) fn end(self) -> Option<Refusal> {
        let mut gravest = None;
        for guard in self.guards.into_iter().flatten().rev() {
            // Ready at once where there are scopes.
            match pollster::block_on(guard.pop()) {
                Some(wgpu::Error::OutOfMemory { .. }) => gravest = Some(Refusal::Memory),
                Some(error) => gravest = Some(Refusal::Other(one_line(&error.to_string()))),
                None => {}
            }
        }
        gravest
    }
}

impl Refusal {
    /// The error, of something that takes so many bytes.
    pub(super) fn into_error(self, what: &str, bytes: u64) -> Error {
        match self {
            Self::Memory => Error::OutOfMemory { on_gpu: true, wanted: bytes, what: what.to_owned() },
            Self::Other(why) => Error::Device(format!("the device refused {what}: {why}")),
        }
    }
}
