//! What is kept of a target on a device.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{context::Gpu, sizes::pictures_bytes};
use crate::{error::Result, plan::Plan};

/// Bytes of what convolutions note.
pub(super) const NOTES: u64 = 4;

/// A picture and the maps that convolutions make of it, which many pictures are compared with.
#[derive(Debug)]
pub(crate) struct Target {
    /// No other target of the process has it.
    pub(super) id: u64,
    /// Packed.
    pub(super) picture: wgpu::Buffer,
    /// What convolutions have noted of it, one word.
    pub(super) notes: wgpu::Buffer,
    /// In the order of [`Plan::kept`].
    pub(super) maps: Vec<wgpu::Buffer>,
}

impl Target {
    /// Room for the picture that `plan` reads and the maps that it keeps. All of it is 0: what says that there is a picture, too.
    pub(super) fn new(gpu: &Gpu, plan: &Plan) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        use wgpu::BufferUsages as Usage;
        gpu.create("a target", bytes(plan), || {
            let maps = plan.kept().iter().map(|&id| &plan.tensors()[id]);
            Self {
                id: NEXT.fetch_add(1, Ordering::Relaxed),
                picture: gpu.buffer("target picture", pictures_bytes(plan), Usage::STORAGE | Usage::COPY_DST),
                notes: gpu.buffer("target notes", NOTES, Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST),
                maps: maps.map(|map| gpu.buffer(&map.name, map.bytes(), Usage::STORAGE)).collect(),
            }
        })
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> u64 {
        self.picture.size() + self.notes.size() + self.maps.iter().map(wgpu::Buffer::size).sum::<u64>()
    }
}

/// Bytes that a target of such a plan takes.
pub(super) fn bytes(plan: &Plan) -> u64 {
    plan.kept_bytes().saturating_add(pictures_bytes(plan) + NOTES)
}
