//! The buffers that programs share on a device.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{
    context::Gpu,
    program::Binding,
    sizes::Sizes,
    target::{NOTES, Target},
};
use crate::{error::Result, memory::Memory, style::Style};

#[derive(Debug)]
pub(super) struct Buffers {
    /// Packed: the generated ones, and their targets.
    pub(super) pictures: [wgpu::Buffer; 2],
    pub(super) slots: Vec<wgpu::Buffer>,
    scratch: Vec<wgpu::Buffer>,
    /// What Gram matrices differ by, for each tap; of taps that have none, nothing of use.
    pub(super) matrices: Vec<wgpu::Buffer>,
    /// What they begin with: zeros, until something is written there.
    pub(super) styles: Vec<wgpu::Buffer>,
    /// The style that is there; 0 where none was brought.
    style: AtomicU64,
    pub(super) partials: wgpu::Buffer,
    pub(super) sums: wgpu::Buffer,
    /// What convolutions have noted of each image.
    pub(super) notes: wgpu::Buffer,
    /// The gradient of pictures.
    pub(super) gradient: wgpu::Buffer,
    gradient_bytes: u64,
    /// The result of the frame that ran last.
    pub(super) loss: wgpu::Buffer,
}

/// What is read back of a round.
pub(super) struct ReadBack<'a> {
    /// The bits of sums, at tap * images + image.
    pub(super) sums: &'a [u32],
    /// What convolutions have noted of each image.
    pub(super) notes: &'a [u32],
    /// What they have noted of a target that is kept.
    pub(super) of_target: u32,
    /// The bits of the gradient, where there is one.
    pub(super) gradient: &'a [u32],
}

impl Buffers {
    pub(super) fn allocate(gpu: &Gpu, sizes: &Sizes, memory: Memory) -> Result<Self> {
        let Memory { features, pictures, scratch, .. } = memory;
        let slots = sizes.slots.len();
        tracing::debug!(slots, features, pictures, scratch, "buffers");
        gpu.create("feature maps", memory.total(), || Self::new(gpu, sizes))
    }

    fn new(gpu: &Gpu, sizes: &Sizes) -> Self {
        use wgpu::BufferUsages as Usage;
        let map = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
        let all = |what: &str, sizes: &[u64], usage: Usage| {
            let sizes = sizes.iter().enumerate();
            sizes.map(|(index, &bytes)| gpu.buffer(&format!("{what} {index}"), bytes, usage)).collect()
        };
        let [generated, targets] = sizes.pictures;
        Self {
            pictures: [gpu.buffer("pictures", generated, map), gpu.buffer("target pictures", targets, map)],
            slots: all("features", &sizes.slots, map),
            scratch: all("scratch", &sizes.scratch, Usage::STORAGE),
            matrices: all("matrices", &sizes.matrices, map),
            styles: all("styles", &sizes.styles, Usage::STORAGE | Usage::COPY_DST),
            style: AtomicU64::new(0),
            // Copied for diagnosis alone.
            partials: gpu.buffer("partial sums", sizes.partials, Usage::STORAGE | Usage::COPY_SRC),
            sums: gpu.buffer("sums", sizes.sums, map),
            notes: gpu.buffer("notes", sizes.notes, map),
            gradient: gpu.buffer("gradient", sizes.gradient, map),
            gradient_bytes: sizes.gradient,
            loss: gpu.buffer("loss", sizes.loss, map),
        }
    }

    /// Uploads what Gram matrices begin with, where it is not there from the round before.
    pub(super) fn begin_matrices(&self, gpu: &Gpu, style: Option<&Style>) -> Result<()> {
        /// What is there while it is uploaded, or where that has failed.
        const UNKNOWN: u64 = u64::MAX;
        let wanted = style.map_or(0, Style::id);
        if self.style.swap(UNKNOWN, Ordering::Relaxed) != wanted {
            for (tap, buffer) in self.styles.iter().enumerate() {
                let mut values = vec![0.0f32; (buffer.size() / 4) as usize];
                let matrix = style.and_then(|style| style.of_tap(tap)).unwrap_or_default();
                values.iter_mut().zip(matrix).for_each(|(to, from)| *to = *from as f32);
                gpu.write(buffer, 0, bytemuck::cast_slice(&values))?;
            }
        }
        self.style.store(wanted, Ordering::Relaxed);
        Ok(())
    }

    /// Where in what is read back of a round the buffer lies.
    pub(super) fn place(&self, binding: &Binding) -> u64 {
        match binding {
            Binding::Notes => self.sums.size(),
            Binding::KeptNotes => self.sums.size() + self.notes.size(),
            Binding::Gradient => self.place(&Binding::KeptNotes) + NOTES,
            _ => 0,
        }
    }

    /// The parts of what was read back of a round.
    pub(super) fn read_back<'a>(&self, words: &'a [u32]) -> ReadBack<'a> {
        let (sums, rest) = words.split_at((self.sums.size() / 4) as usize);
        let (notes, rest) = rest.split_at((self.notes.size() / 4) as usize);
        let (of_target, gradient) = rest.split_at((NOTES / 4) as usize);
        ReadBack { sums, notes, of_target: of_target[0], gradient }
    }

    /// Bytes of all that is read back of a round.
    pub(super) fn result_bytes(&self) -> u64 {
        self.place(&Binding::Gradient) + self.gradient_bytes
    }

    /// What a binding stands for; none of weights, which are the model's, and of what there is no buffer for. `target` is one that
    /// is kept.
    pub(super) fn find<'a>(
        &'a self,
        binding: &Binding,
        target: Option<&'a Target>,
    ) -> Option<&'a wgpu::Buffer> {
        match *binding {
            Binding::Pictures(side) => self.pictures.get(side as usize),
            Binding::Slot(slot) => self.slots.get(slot),
            Binding::KeptPicture => target.map(|target| &target.picture),
            Binding::Kept(map) => target?.maps.get(map),
            Binding::Scratch(index) => self.scratch.get(index),
            Binding::Matrix(tap) => self.matrices.get(tap),
            Binding::Style(tap) => self.styles.get(tap),
            Binding::Partials => Some(&self.partials),
            Binding::Sums => Some(&self.sums),
            Binding::Notes => Some(&self.notes),
            Binding::KeptNotes => target.map(|target| &target.notes),
            Binding::Gradient => Some(&self.gradient),
            Binding::Loss => Some(&self.loss),
            Binding::Weights { .. } | Binding::Bias { .. } | Binding::ChannelWeights { .. } => None,
        }
    }
}
