//! The device that tests run on. A test that needs one and finds none fails, and says how to get one.

use std::{env, sync::OnceLock};

use perceptual_loss::Context;

/// One device for the tests that share nothing else.
pub fn context() -> &'static Context {
    static CONTEXT: OnceLock<Context> = OnceLock::new();
    CONTEXT.get_or_init(open)
}

/// A device of one's own: the best adapter, or the one that PERCEPTUAL_LOSS_TEST_ADAPTER names: never another.
pub fn open() -> Context {
    let opened = match wanted() {
        Some(name) => Context::gpu_named_blocking(&name),
        None => Context::gpu_blocking(),
    };
    opened.unwrap_or_else(|error| panic!("{error}"))
}

fn wanted() -> Option<String> {
    env::var("PERCEPTUAL_LOSS_TEST_ADAPTER").ok()
}

/// Whether somebody has said that there is no adapter, `none` in the place of its name: then what computes on the CPU is tested
/// alone, as where another processor is emulated.
#[allow(dead_code)] // Only some test programs hold one against the other.
pub fn is_left_out() -> bool {
    wanted().is_some_and(|name| name == "none")
}
