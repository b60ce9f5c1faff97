//! A plan's buffers and programs on a device, and the one way to run its commands: recording them.

use std::{ops::Range, sync::Arc};

use super::{
    arrange,
    buffers::Buffers,
    context::Gpu,
    kernels::difference::partials_of,
    lower::{self, Host, Mode, grid},
    model::Model,
    prepared::Prepared,
    program::{Command, Program},
    record::{Recorded, record, record_timed},
    sets::{Sets, pictures_bytes},
    source::{Source, Sources, Tone},
    timestamps::Timestamps,
};
use crate::{
    color::ToneMap,
    error::{Error, Result},
    image::Image,
    memory::Memory,
    plan::{Part, Parts, Plan, TensorId},
    tuning::Tunings,
    weights::Parameters,
};

/// Buffers for one plan, and its commands for pairs of pictures.
///
/// Sessions are built on it. By itself it serves tests and diagnosis: tensors are written and read, and any
/// range of steps is run.
#[derive(Debug)]
pub struct Executor {
    pub(super) model: Arc<Model>,
    pub(super) sets: Sets,
    pub(super) memory: Memory,
    pub(super) buffers: Buffers,
    /// What [`run`](Self::run) records.
    pub(super) program: Prepared,
}

/// What a round's commands work on.
#[derive(Default)]
pub(super) struct Round<'a> {
    /// How many pictures there are.
    pub(super) pictures: u32,
    /// Those that are in the host's memory, and room for packing them, reused.
    pub(super) uploads: &'a [Image<'a>],
    pub(super) words: Option<&'a mut Vec<u32>>,
    /// Where a target's features go.
    pub(super) target: &'a [wgpu::Buffer],
    /// What packs a picture that is on the device.
    pub(super) source: Option<Recorded<'a>>,
    /// Where the host reads the result, and at which byte.
    pub(super) readback: Option<(&'a wgpu::Buffer, u64)>,
}

impl<'a> Round<'a> {
    /// Pictures of the host's memory.
    pub(super) fn of(pictures: &'a [Image<'a>], words: &'a mut Vec<u32>) -> Self {
        Self { pictures: pictures.len() as u32, uploads: pictures, words: Some(words), ..Self::default() }
    }

    /// Pictures that are uploaded already.
    pub(super) fn uploaded(pictures: u32) -> Self {
        Self { pictures, ..Self::default() }
    }
}

impl Executor {
    /// An executor of `plan` on the context's device, with `parameters` for its convolutions, in the tunings of the fixed
    /// table.
    ///
    /// # Errors
    /// [`Error::Config`] where the context is not a GPU's; [`Error::Weights`] where a convolution's weights are not among
    /// the parameters or have another shape; [`Error::TooLarge`], [`Error::OutOfMemory`] as for sessions.
    pub fn new(context: &crate::Context, plan: Plan, parameters: Arc<Parameters>) -> Result<Self> {
        Self::with_tunings(context, plan, parameters, Tunings::default())
    }

    /// [`new`](Self::new), in these tunings.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`Error::Config`] where the device cannot run a tuning.
    pub fn with_tunings(
        context: &crate::Context,
        plan: Plan,
        parameters: Arc<Parameters>,
        tunings: impl Into<Tunings>,
    ) -> Result<Self> {
        let gpu = super::gpu_of(context)?;
        // A pair needs two pictures: in one set, or in a set each.
        let sets = if plan.images() == 1 { 2 } else { 1 };
        let model = Arc::new(Model::new(gpu, parameters, tunings.into()));
        Self::with_sets(model, Sets { plan, sets }, Mode::Pairs, Host::Memory)
    }

    pub(super) fn with_sets(model: Arc<Model>, sets: Sets, mode: Mode, host: Host) -> Result<Self> {
        model.check(&sets.plan)?;
        let program = lower_checked(&model, &sets, mode, host)?;
        let sizes = arrange::checked_sizes(&sets, program.scratch.clone(), &model.gpu.capabilities)?;
        let memory = sizes.memory(sets.sets, program.params_bytes());
        let mut buffers = Buffers::allocate(&model.gpu, sets.sets, &sizes, memory)?;
        if let Host::Frame(_) = host {
            buffers.add_frame(&model.gpu, &sets)?;
        }
        let program = Prepared::new(&model, program, &buffers, &[])?;
        Ok(Self { model, sets, memory, buffers, program })
    }

    /// An executor of the parts of a picture, for pairs: [`begin`](Self::begin) goes on to each. It takes `memory`.
    pub(super) fn of_parts(model: Arc<Model>, parts: &Parts, memory: Memory) -> Result<Self> {
        model.check(parts.plan())?;
        let sets = Sets { plan: parts.part(0, 0)?.plan, sets: arrange::PART_SETS };
        let sizes = arrange::part_sizes(parts, model.means());
        let buffers = Buffers::allocate(&model.gpu, sets.sets, &sizes, memory)?;
        let program = lower_checked(&model, &sets, Mode::Pairs, Host::Parts)?;
        let room = arrange::most_params(parts, model.means());
        let program = Prepared::with_room(&model, program, &buffers, &[], room)?;
        let mut executor = Self { model, sets, memory, buffers, program };
        // What most parts have; nothing is left to be made while pictures wait.
        let middle = [parts.bands().min(2), parts.strips().min(2)].map(|count| count - 1);
        executor.begin(parts.part(middle[0], middle[1])?)?;
        Ok(executor)
    }

    /// Goes on with another part of a picture: the next strip, or the first of another band. Rows that strips have kept
    /// stay where they are.
    pub(super) fn begin(&mut self, part: Part) -> Result<()> {
        self.sets.plan = part.plan;
        let program = lower_checked(&self.model, &self.sets, Mode::Pairs, Host::Parts)?;
        self.program.become_program(&self.model, program, &self.buffers, &[])
    }

    /// The plan it runs.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.sets.plan
    }

    pub(super) fn gpu(&self) -> &Gpu {
        &self.model.gpu
    }

    /// Room for one picture's features at every tap.
    pub(super) fn target_features(&self) -> Result<Vec<wgpu::Buffer>> {
        let plan = self.plan();
        let tensors = plan.taps().iter().map(|tap| &plan.tensors()[tap.tensor]);
        let sizes: Vec<u64> = tensors.map(|tensor| tensor.image_stride() * tensor.element.bytes()).collect();
        self.gpu().create("a target's features", sizes.iter().sum(), || {
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
            sizes.iter().map(|&bytes| self.gpu().buffer("target features", bytes, usage)).collect()
        })
    }

    /// Commands of another kind for the same buffers. `target` has the features that candidates are compared with.
    pub(super) fn prepare(&self, mode: Mode, host: Host, target: &[wgpu::Buffer]) -> Result<Prepared> {
        let program = lower_checked(&self.model, &self.sets, mode, host)?;
        Prepared::new(&self.model, program, &self.buffers, target)
    }

    /// Records a range of a program's commands for a round, and uploads what they upload. Nothing is submitted.
    pub(super) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        prepared: &Prepared,
        range: Range<usize>,
        round: &mut Round<'_>,
    ) {
        self.upload(prepared, range.clone(), round);
        let round = &*round;
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

    /// Records a command in a pass of its own, whose beginning and end are noted as those of `place`.
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

    /// Uploads what the plan reads of each picture that a range of commands uploads.
    fn upload(&self, prepared: &Prepared, range: Range<usize>, round: &mut Round<'_>) {
        let plan = self.plan();
        let (Some(region), Some(words)) = (plan.pixels(), round.words.as_deref_mut()) else { return };
        let (images, stride) = (plan.images(), pictures_bytes(plan));
        for command in &prepared.program.commands[range] {
            let Command::Upload { picture } = *command else { continue };
            let Some(image) = round.uploads.get(picture as usize) else { continue };
            image.pack(region.origin, region.extent, words);
            let buffer = &self.buffers.pictures[(picture / images) as usize];
            let place = u64::from(picture % images) * stride;
            self.gpu().queue.write_buffer(buffer, place, bytemuck::cast_slice(words));
        }
    }

    /// A command, or some of its pieces, with all that it needs; none where there is nothing to record.
    fn recorded<'a>(
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
            Command::Copy { from, to, bytes, .. } => {
                Some(Recorded::Copy { from: find(from)?, to: find(to)?, at: 0, bytes: *bytes })
            }
            Command::ReadBack { from } => {
                let (from, (to, at)) = (find(from)?, round.readback?);
                Some(Recorded::Copy { from, to, at, bytes: from.size() })
            }
            Command::Source => round.source,
            Command::Dispatch { step, kernel, params, groups, pieces: all, .. } => {
                let bound = prepared.bound(index)?;
                let pieces = pieces.unwrap_or(0..all.count);
                let first = pieces.start * all.groups;
                let groups = (pieces.len() as u32 * all.groups).min(groups.saturating_sub(first));
                let images = command.images(&self.sets, round.pictures);
                // Lowering has checked that the whole dispatch fits.
                let [x, y] = grid(groups.into(), self.gpu().capabilities.max_workgroups).ok()?;
                (images > 0 && groups > 0).then_some(Recorded::Dispatch {
                    name: step.map_or(kernel.name, |step| &self.plan().steps()[step].name),
                    pipeline: &bound.pipeline.pipeline,
                    bind_group: &bound.bind_group,
                    params: params + pieces.start * all.stride,
                    groups: [x, y, images],
                })
            }
        }
    }

    /// Reads a picture on the device as the first of the round, as frames do: a picture that is uploaded afterwards
    /// takes its place. `tone_map` and `exposure` are for light.
    ///
    /// # Errors
    /// [`Error::Config`] where the plan reads no pictures, or a part of one; [`Error::Image`] where the source cannot be
    /// read or is not of the plan's size; [`Error::Device`] and [`Error::DeviceLost`].
    pub fn load(&self, source: &Source, tone_map: ToneMap, exposure: f32) -> Result<()> {
        let gpu = self.gpu();
        let whole = self.plan().pixels().filter(|region| region.extent == region.whole);
        let Some(region) = whole else {
            return Err(Error::Config("the plan reads no whole picture that a source could fill".to_owned()));
        };
        let mut sources = Sources::new(gpu, region.whole, Tone { map: tone_map, exposure }, 1)?;
        let picture = &self.buffers.pictures[0];
        if let Some(ready) = sources.prepare(gpu, source, picture)? {
            let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            // As a frame's program begins.
            let clear = Recorded::Clear { buffer: picture, bytes: Some(4) };
            record(&mut encoder, [clear, sources.recorded(ready)]);
            gpu.queue.submit([encoder.finish()]);
        }
        gpu.check()
    }

    /// Sets a tensor's values, in NCHW order, for plans that do not begin with pixels. Where pictures have a set
    /// each (a plan for one image), this is the first one's.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such tensor, or it has more or fewer values.
    pub fn write(&self, tensor: TensorId, values: &[f32]) -> Result<()> {
        let plan = self.plan();
        plan.check_values(tensor, values)?;
        let buffer = &self.buffers.slots[0][plan.slot_of()[tensor]];
        self.gpu().queue.write_buffer(buffer, 0, bytemuck::cast_slice(values));
        Ok(())
    }

    /// Runs a range of the plan's steps for a full round, with `pictures` uploaded first.
    ///
    /// # Errors
    /// [`Error::Config`] where there are no such steps; [`Error::Image`] where a picture is not valid or of another size,
    /// or there are more than a round holds; [`Error::DeviceLost`] or [`Error::Device`] where the device had failed before.
    pub fn run(&self, steps: Range<usize>, pictures: &[Image<'_>]) -> Result<()> {
        self.plan().check_range(&steps)?;
        let room = self.sets.pictures();
        Image::validate_all(pictures, self.plan().picture_size(), room)?;
        let prepared = &self.program;
        let mut words = vec![];
        let mut round = Round { pictures: room, ..Round::of(pictures, &mut words) };
        self.upload(prepared, 0..prepared.program.steps.start, &mut round);
        let of_steps = |index: &usize| {
            prepared.program.commands[*index].step().is_some_and(|step| steps.contains(&step))
        };
        let commands = prepared.program.steps.clone().filter(of_steps);
        let mut encoder =
            self.gpu().device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        record(&mut encoder, commands.filter_map(|index| self.recorded(prepared, index, None, &round)));
        self.gpu().queue.submit([encoder.finish()]);
        self.gpu().check()
    }

    /// A tensor's values, in NCHW order: those of the last step run, if no later one has reused its memory.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such tensor; [`Error::DeviceLost`] where the device failed meanwhile.
    pub fn read_blocking(&self, tensor: TensorId) -> Result<Vec<f32>> {
        let bytes = self.plan().tensor(tensor)?.bytes();
        self.gpu().read(&self.buffers.slots[0][self.plan().slot_of()[tensor]], 0, bytes)
    }

    /// For each tap and pair of images (2k, 2k + 1), the sum of differences.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] where the device failed meanwhile.
    pub fn sums_blocking(&self) -> Result<Vec<Vec<f32>>> {
        let pictures = self.sets.pictures() as usize;
        let sums: Vec<f32> = self.gpu().read(&self.buffers.sums, 0, self.buffers.sums.size())?;
        Ok(sums
            .chunks(pictures.max(1))
            .take(self.plan().taps().len())
            .map(|tap| tap[..pictures / 2].to_vec())
            .collect())
    }

    /// The partial sums that a tap's sums are made of, of each pair of images: what
    /// `shaders/difference.wgsl` hands to `shaders/sum.wgsl`. All taps share the memory, so that these are of the
    /// last one run.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such tap; [`Error::DeviceLost`] where the device failed meanwhile.
    pub fn partials_blocking(&self, tap: usize) -> Result<Vec<Vec<f32>>> {
        let plan = self.plan();
        let each = partials_of(&plan.tensors()[plan.tap(tap)?.tensor]) as usize;
        let partials: Vec<f32> = self.gpu().read(&self.buffers.partials, 0, self.buffers.partials.size())?;
        Ok(partials.chunks_exact(each).take(self.sets.pictures() as usize / 2).map(<[f32]>::to_vec).collect())
    }
}

fn lower_checked(model: &Model, sets: &Sets, mode: Mode, host: Host) -> Result<Program> {
    lower::lower(sets, model.means().asked(mode, host))
}
