//! A plan's buffers on a device.

use super::{
    context::Gpu,
    kernels::total::HEADER_WORDS,
    program::{Binding, TargetHeader},
    sets::{Sets, Sizes},
};
use crate::{error::Result, memory::Memory};

/// The header's bit that says that a picture was written: `WRITTEN` in `shaders/include/picture.wgsl`.
const WRITTEN: u32 = 1 << 9;

#[derive(Debug)]
pub(super) struct Buffers {
    /// A set each.
    pub(super) pictures: Vec<wgpu::Buffer>,
    /// Slots of each set.
    pub(super) slots: Vec<Vec<wgpu::Buffer>>,
    scratch: Vec<wgpu::Buffer>,
    pub(super) partials: wgpu::Buffer,
    pub(super) sums: wgpu::Buffer,
    pub(super) frame: Option<FrameBuffers>,
}

/// What frames have beside.
#[derive(Debug)]
pub(super) struct FrameBuffers {
    /// The result of the comparison that ran last.
    pub(super) loss: wgpu::Buffer,
    /// The first word of the header of the picture that the recorded target was made from.
    recorded: wgpu::Buffer,
    /// That of a picture that was checked.
    given: wgpu::Buffer,
}

impl Buffers {
    pub(super) fn allocate(gpu: &Gpu, sets: u32, sizes: &Sizes, memory: Memory) -> Result<Self> {
        let Memory { features, pictures, scratch } = memory;
        let slots = sizes.slots.len();
        tracing::debug!(sets, slots, features, pictures, scratch, "buffers");
        gpu.create("feature maps", memory.total(), || Self::new(gpu, sets, sizes))
    }

    fn new(gpu: &Gpu, sets: u32, sizes: &Sizes) -> Self {
        use wgpu::BufferUsages as Usage;
        let map = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
        let sets = 0..sets;
        let slots = |set: u32| {
            let label = |slot: usize| format!("features {set}.{slot}");
            let slots = sizes.slots.iter().enumerate();
            slots.map(|(slot, &bytes)| gpu.buffer(&label(slot), bytes, map)).collect()
        };
        let scratch = sizes.scratch.iter().enumerate();
        Self {
            pictures: sets
                .clone()
                .map(|set| gpu.buffer(&format!("pictures {set}"), sizes.pictures, map))
                .collect(),
            slots: sets.map(slots).collect(),
            scratch: scratch
                .map(|(index, &bytes)| gpu.buffer(&format!("scratch {index}"), bytes, Usage::STORAGE))
                .collect(),
            // Copied for diagnosis alone.
            partials: gpu.buffer("partial sums", sizes.partials, Usage::STORAGE | Usage::COPY_SRC),
            sums: gpu.buffer("sums", sizes.sums, map),
            frame: None,
        }
    }

    /// Room for what frames have beside.
    pub(super) fn add_frame(&mut self, gpu: &Gpu, sets: &Sets) -> Result<()> {
        use wgpu::BufferUsages as Usage;
        let bytes = (HEADER_WORDS + sets.plan.taps().len() as u64) * 4;
        self.frame = Some(gpu.create("the result", bytes, || {
            let buffer = |label: &str, bytes, usage| gpu.buffer(label, bytes, usage | Usage::COPY_DST);
            let given = buffer("given target header", 4, Usage::STORAGE);
            gpu.queue.write_buffer(&given, 0, bytemuck::bytes_of(&WRITTEN));
            FrameBuffers {
                loss: buffer("loss", bytes, Usage::STORAGE | Usage::COPY_SRC),
                recorded: buffer("target header", 4, Usage::STORAGE),
                given,
            }
        })?);
        Ok(())
    }

    /// A frame's result; the sums' where there are no frames.
    pub(super) fn loss(&self) -> &wgpu::Buffer {
        self.frame.as_ref().map_or(&self.sums, |frame| &frame.loss)
    }

    /// What a binding stands for; none of weights, which are the model's, and of what there is no buffer for. `target` has a
    /// target's features at every tap.
    pub(super) fn find<'a>(
        &'a self,
        binding: &Binding,
        target: &'a [wgpu::Buffer],
    ) -> Option<&'a wgpu::Buffer> {
        let frame = self.frame.as_ref();
        match *binding {
            Binding::Pictures { set } => self.pictures.get(set as usize),
            Binding::Slot { set, slot } => self.slots.get(set as usize)?.get(slot),
            Binding::Scratch(index) => self.scratch.get(index),
            Binding::Partials => Some(&self.partials),
            Binding::Sums => Some(&self.sums),
            Binding::Target { tap } => target.get(tap),
            Binding::TargetHeader(TargetHeader::Recorded) => frame.map(|frame| &frame.recorded),
            Binding::TargetHeader(TargetHeader::Given) => frame.map(|frame| &frame.given),
            Binding::Loss => frame.map(|frame| &frame.loss),
            Binding::Weights { .. } | Binding::Bias { .. } => None,
        }
    }
}
