//! Losses by the public API, on every backend. `golden` holds whole losses against PyTorch's numbers, `session` what a
//! session promises, `frame` what it promises inside a host's frame.

#![cfg(all(feature = "gpu", feature = "cpu"))]

#[path = "../common/bf16.rs"]
mod bf16;
mod cut;
mod frame;
mod golden;
#[path = "../common/gpu.rs"]
mod gpu_device;
#[path = "../common/host.rs"]
mod host;
#[path = "../common/objects.rs"]
mod objects;
mod pictures;
mod pretrained;
#[path = "../common/scene.rs"]
mod scene;
mod session;
