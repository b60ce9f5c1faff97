//! Waiting for a future, where one can.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use crate::error::{Error, Result};

/// What a future gives, once it is ready.
///
/// # Errors
/// The future's; [`Error::Device`] in a browser, where it is not ready at once.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    if cfg!(target_family = "wasm") {
        // What would wake it runs on the thread that would wait.
        return match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(cannot_block()),
        };
    }
    pollster::block_on(future)
}

pub(crate) fn cannot_block() -> Error {
    Error::Device(
        "a browser cannot wait for a GPU; await the function of this name without '_blocking'".to_owned(),
    )
}
