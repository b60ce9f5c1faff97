//! What the benchmarks share.
#![allow(dead_code)] // Each benchmark uses its own part of this.

use std::sync::Arc;

use perceptual_loss::weights::{Convolution, Parameters};

/// Weights of these convolutions.
pub fn parameters(convolutions: Vec<Convolution>) -> Arc<Parameters> {
    Arc::new(Parameters::new(convolutions, "made for the benchmark"))
}

/// RGB pixels, no two pictures alike.
pub fn noise(width: u32, height: u32, seed: u32) -> Vec<u8> {
    (0..width * height * 3).map(|i| ((i ^ seed).wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

pub mod gpu {
    use std::sync::{Arc, OnceLock};

    use perceptual_loss::{
        Context, Tunings,
        gpu::{self, wgpu},
        low_level::{gpu::Executor, plan::Plan},
        weights::Parameters,
    };

    /// The adapter that benchmarks run on.
    pub fn context() -> &'static Context {
        static CONTEXT: OnceLock<Context> = OnceLock::new();
        CONTEXT.get_or_init(|| Context::gpu_blocking().unwrap_or_else(|error| panic!("{error}")))
    }

    pub fn executor(plan: &Plan, parameters: &Arc<Parameters>, tunings: impl Into<Tunings>) -> Executor {
        Executor::with_tunings(context(), plan.clone(), Arc::clone(parameters), tunings)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Waits until all that was submitted is done.
    pub fn wait() {
        let (device, _) = gpu::device(context()).expect("a GPU's context");
        device.poll(wgpu::PollType::wait_indefinitely()).expect("a device that is not lost");
    }
}
