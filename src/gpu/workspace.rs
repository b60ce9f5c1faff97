//! Buffers that programs of a model share, and the one way to run their commands: recording them.

use std::{ops::Range, sync::Arc};

use super::{
    buffers::Buffers,
    context::Gpu,
    lower::{Host, Keeper, grid},
    model::Model,
    prepared::Prepared,
    program::Command,
    record::{Recorded, record, record_timed},
    sizes::{Sizes, pictures_bytes},
    target::Target,
    timestamps::Timestamps,
};
use crate::{error::Result, image::Image, memory::Memory, plan::Plan, style::Style};

#[derive(Debug)]
pub(super) struct Workspace {
    pub(super) model: Arc<Model>,
    pub(super) buffers: Buffers,
}

/// What a round's commands work on.
#[derive(Default)]
pub(super) struct Round<'a> {
    /// How many pairs there are, or pictures that are compared with one target or with nothing.
    pub(super) images: u32,
    /// Pictures that are in the host's memory, and room for packing them, reused.
    pub(super) uploads: &'a [Image<'a>],
    pub(super) words: Option<&'a mut Vec<u32>>,
    /// The target that is kept.
    pub(super) target: Option<&'a Target>,
    /// What Gram matrices begin with; with zeros where there is none.
    pub(super) style: Option<&'a Style>,
    /// What packs a picture that is on the device.
    pub(super) source: Option<Recorded<'a>>,
    /// What writes the gradient to a buffer of the host's.
    pub(super) destination: Option<Recorded<'a>>,
    /// Where the host reads the result, and at which byte.
    pub(super) readback: Option<(&'a wgpu::Buffer, u64)>,
}

impl<'a> Round<'a> {
    /// So many images of pictures of the host's memory.
    pub(super) fn of(images: u32, pictures: &'a [Image<'a>], words: &'a mut Vec<u32>) -> Self {
        Self { images, uploads: pictures, words: Some(words), ..Self::default() }
    }

    /// Pictures that are uploaded already.
    pub(super) fn uploaded(images: u32) -> Self {
        Self { images, ..Self::default() }
    }
}

impl Workspace {
    /// Buffers of these sizes, which take `memory`.
    pub(super) fn new(model: Arc<Model>, sizes: &Sizes, memory: Memory) -> Result<Self> {
        let buffers = Buffers::allocate(&model.gpu, sizes, memory)?;
        Ok(Self { model, buffers })
    }

    pub(super) fn gpu(&self) -> &Gpu {
        &self.model.gpu
    }

    /// A program of `plan` over these buffers. `target` is what it makes, or is given.
    pub(super) fn prepare(
        &self,
        plan: Plan,
        (host, keeper): (Host, Keeper),
        target: Option<&Target>,
    ) -> Result<Prepared> {
        let program = self.model.lower(&plan, host, keeper)?;
        Prepared::new(&self.model, (plan, program), &self.buffers, target)
    }

    /// The same program with another target.
    pub(super) fn with_target(&self, prepared: Prepared, target: &Target) -> Result<Prepared> {
        prepared.with_target(&self.model, &self.buffers, target)
    }

    /// Records a range of a program's commands for a round. Nothing is submitted.
    pub(super) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        prepared: &Prepared,
        range: Range<usize>,
        round: &Round<'_>,
    ) {
        record(encoder, range.filter_map(|index| self.recorded(prepared, index, None, round)));
    }

    /// Records some pieces of a command.
    pub(super) fn record_pieces(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        prepared: &Prepared,
        (index, pieces): (usize, Range<u32>),
        round: &Round<'_>,
    ) {
        record(encoder, self.recorded(prepared, index, Some(pieces), round));
    }

    /// Records a dispatch in a pass of its own, whose beginning and end are noted as those of `place`.
    pub(super) fn record_timed(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        prepared: &Prepared,
        index: usize,
        round: &Round<'_>,
        (timestamps, place): (&Timestamps, usize),
    ) {
        record_timed(encoder, self.recorded(prepared, index, None, round).as_ref(), timestamps, place);
    }

    /// Uploads what the plan reads of each picture that a range of commands uploads, and what Gram matrices begin with.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) of either memory, [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub(super) fn upload(
        &self,
        prepared: &Prepared,
        range: Range<usize>,
        round: &mut Round<'_>,
    ) -> Result<()> {
        self.buffers.begin_matrices(self.gpu(), round.style)?;
        let (Some((_, region)), Some(words)) = (prepared.plan.pixels(), round.words.as_deref_mut()) else {
            return Ok(());
        };
        let stride = pictures_bytes(&prepared.plan);
        for command in &prepared.program.commands[range] {
            let Command::Upload { picture, to, image } = command else { continue };
            let Some(upload) = round.uploads.get(*picture as usize) else { continue };
            let Some(buffer) = self.buffers.find(to, round.target) else { continue };
            upload.pack(region.origin, region.extent, words)?;
            self.gpu().write(buffer, u64::from(*image) * stride, bytemuck::cast_slice(words))?;
        }
        Ok(())
    }

    /// A command, or some of its pieces, with all that it needs; none where there is nothing to record.
    pub(super) fn recorded<'a>(
        &'a self,
        prepared: &'a Prepared,
        index: usize,
        pieces: Option<Range<u32>>,
        round: &'a Round<'_>,
    ) -> Option<Recorded<'a>> {
        let find = |binding| self.buffers.find(binding, round.target);
        let command = &prepared.program.commands[index];
        match command {
            Command::Upload { .. } => None,
            Command::Clear { buffer, bytes } => {
                Some(Recorded::Clear { buffer: find(buffer)?, bytes: *bytes })
            }
            Command::Copy { from, to, bytes } => {
                Some(Recorded::Copy { from: find(from)?, to: find(to)?, at: 0, bytes: *bytes })
            }
            Command::ReadBack { from } => {
                let (place, from, (to, at)) = (self.buffers.place(from), find(from)?, round.readback?);
                Some(Recorded::Copy { from, to, at: at + place, bytes: from.size() })
            }
            Command::Source => round.source,
            Command::Destination => round.destination,
            Command::Dispatch { step, kernel, params, groups, pieces: all, .. } => {
                let bound = prepared.bound(index)?;
                let pieces = pieces.unwrap_or(0..all.count);
                let first = pieces.start * all.groups;
                let groups = (pieces.len() as u32 * all.groups).min(groups.saturating_sub(first));
                let images = command.images(round.images);
                // Lowering has checked that the whole dispatch fits.
                let [x, y] = grid(groups.into(), self.gpu().capabilities.max_workgroups).ok()?;
                (images > 0 && groups > 0).then_some(Recorded::Dispatch {
                    name: step.map_or(kernel.name, |step| &prepared.plan.steps()[step].name),
                    pipeline: &bound.pipeline.pipeline,
                    bind_group: &bound.bind_group,
                    params: params + pieces.start * all.stride,
                    groups: [x, y, images],
                })
            }
        }
    }
}
