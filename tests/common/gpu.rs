//! The device that tests run on. A test that needs one and finds none fails, and says how to get one.

use std::env;

use perceptual_loss::Context;

/// The best adapter, or the one that PERCEPTUAL_LOSS_TEST_ADAPTER names: never another.
pub fn open() -> Context {
    let opened = match env::var("PERCEPTUAL_LOSS_TEST_ADAPTER") {
        Ok(name) => Context::gpu_named_blocking(&name),
        Err(_) => Context::gpu_blocking(),
    };
    opened.unwrap_or_else(|error| panic!("{error}"))
}
