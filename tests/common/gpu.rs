//! The device that tests run on. A test that needs one and finds none fails, and says how to get one.

use perceptual_loss::Context;

pub fn open() -> Context {
    Context::gpu_blocking().unwrap_or_else(|error| panic!("{error}"))
}
