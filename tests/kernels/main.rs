//! Every kernel of `shaders/`, in each of its tunings, against its twin; one module a kernel.
//!
//! `cargo test --test kernels -- --nocapture` prints the largest difference that each test met. There is no test
//! here that passes without an adapter, unless PERCEPTUAL_LOSS_TEST_ADAPTER is `none`: then what can be is tested on the CPU alone,
//! as where another processor is emulated.

#![cfg(all(feature = "gpu", feature = "cpu"))]

#[path = "../common/bf16.rs"]
mod bf16;
mod candidates;
mod common;
mod conv3x3;
mod difference;
#[path = "../common/gpu.rs"]
mod gpu_device;
mod gradients;
mod gram;
mod kept;
#[path = "../common/loss.rs"]
mod loss;
mod lpips;
mod max_pool;
mod pixels;
mod plans;
#[path = "../common/readback.rs"]
mod readback;
mod relu;
mod shaders;
mod short_factors;
mod soundness;
mod source;
mod steps;
mod strips;
mod sum;
mod total;
