//! Losses by the public API, on every backend. `golden` holds whole losses against PyTorch's numbers, `session` what a
//! session promises, `frame` what it promises inside a host's frame.

#![cfg(all(feature = "gpu", feature = "cpu"))]

#[path = "../common/bf16.rs"]
mod bf16;
#[path = "../common/comparison.rs"]
mod comparison;
mod criteria;
mod cut;
#[path = "../common/float64.rs"]
mod float64;
mod frame;
mod golden;
#[path = "../common/gpu.rs"]
mod gpu_device;
mod gradient;
#[path = "../common/host.rs"]
mod host;
#[path = "../common/linears.rs"]
mod linears;
#[path = "../common/loss.rs"]
mod loss;
mod near;
#[path = "../common/near.rs"]
mod near_pairs;
mod not_finite;
#[path = "../common/objects.rs"]
mod objects;
mod pictures;
mod pretrained;
#[path = "../common/readback.rs"]
mod readback;
#[path = "../common/scene.rs"]
mod scene;
mod session;
mod style;

use perceptual_loss::gpu::wgpu;

/// Taps that most tests will do with: before a ReLU and behind one, at three sizes, of different weights.
const TAPS: &str = "relu1_2=1,conv2_1=0.5,relu3_1=2";

/// Bytes of a device's buffers.
fn buffer_memory(device: &wgpu::Device) -> u64 {
    objects::objects(device); // what was dropped is gone
    device.get_internal_counters().hal.buffer_memory.read() as u64
}
