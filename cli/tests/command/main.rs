//! The command, end to end: what it prints and writes, its exit codes, and what it leaves behind.

mod bench;
mod command;
mod compare;
mod criteria;
mod demo;
mod devices;
mod fetch;
mod folder;
mod gradient;
mod memory;
#[cfg(unix)]
mod names;
mod output;
#[path = "../../../tests/weights/pickle.rs"]
#[expect(dead_code, reason = "the weights' own tests use the rest")]
mod pickle;
#[path = "../../../tests/common/scene.rs"]
mod scene;
mod shell;
#[cfg(target_os = "linux")]
mod streams;
mod threads;
mod usage;
mod weights;
