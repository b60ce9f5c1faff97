//! What is measured of a process and its machine: memory that must not grow, and times that must add up. A program of its
//! own, whose tests run one after another, so that no other test's work is in the numbers.

#![cfg(all(feature = "gpu", feature = "cpu"))]

#[path = "../common/comparison.rs"]
mod comparison;
mod frames_in_a_row;
#[path = "../common/gpu.rs"]
mod gpu_device;
#[path = "../common/host.rs"]
#[allow(dead_code)] // frames here are recorded and submitted by hand
mod host;
#[path = "../common/objects.rs"]
mod objects;
mod profile;
#[path = "../common/readback.rs"]
mod readback;
#[path = "../common/scene.rs"]
mod scene;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Every test here holds this for as long as it runs. The harness starts them by their names: the one whose memory is watched
/// comes first, before any other has left freed memory in which growth would not be seen.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // A test that failed says so by itself.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
