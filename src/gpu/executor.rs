//! A plan's buffers and bind groups on a device, and the one way to run its commands: recording them.

use std::{collections::HashMap, ops::Range, sync::Arc};

use super::{
    arrange::{self, Lanes, Sizes, params_bytes},
    context::Gpu,
    kernel::Kernel,
    lower::{self, Binding, Command, Cut, Mode, Program, grid},
    model::Model,
    source::{Source, Sources, Tone},
};
use crate::{
    color::ToneMap,
    error::Result,
    image::Image,
    memory::Memory,
    plan::{Part, Plan, Strips, TensorId},
    weights::Parameters,
};

/// Buffers for one plan, and its commands for pairs of pictures.
///
/// Sessions are built on it. By itself it serves tests and diagnosis: tensors are written and read, and any
/// range of steps is run.
#[derive(Debug)]
pub struct Executor {
    pub(super) model: Arc<Model>,
    pub(super) lanes: Lanes,
    pub(super) memory: Memory,
    pub(super) buffers: Buffers,
    /// What [`run`](Self::run) records.
    pub(super) program: Prepared,
}

#[derive(Debug)]
pub(super) struct Buffers {
    /// A lane each.
    pub(super) pictures: Vec<wgpu::Buffer>,
    /// Slots of each lane.
    pub(super) slots: Vec<Vec<wgpu::Buffer>>,
    partials: wgpu::Buffer,
    pub(super) sums: wgpu::Buffer,
}

/// A program whose parameters are uploaded and whose bind groups are made.
#[derive(Debug)]
pub(super) struct Prepared {
    program: Program,
    params: wgpu::Buffer,
    /// A dispatch's bind group; none for other commands.
    bind_groups: Vec<Option<wgpu::BindGroup>>,
    /// All that were made for its parameters: parts of a picture share most of them.
    made: HashMap<(Kernel, Vec<Binding>), wgpu::BindGroup>,
    /// Bytes of its parameters.
    pub(super) bytes: u64,
}

impl Executor {
    /// An executor of `plan` on the context's device, with `parameters` for its convolutions.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where the context is not a GPU's;
    /// [`Error::TooLarge`](crate::Error::TooLarge), [`Error::OutOfMemory`](crate::Error::OutOfMemory) and
    /// [`Error::Weights`](crate::Error::Weights) as for sessions.
    pub fn new(context: &crate::Context, plan: Plan, parameters: Arc<Parameters>) -> Result<Self> {
        let gpu = super::gpu_of(context)?;
        // A pair needs two pictures: in one lane, or in a lane each.
        let lanes = if plan.images == 1 { 2 } else { 1 };
        Self::with_lanes(
            Arc::new(Model::new(gpu, parameters)),
            Lanes { plan, lanes },
            Mode::Pairs,
            Cut::Whole,
        )
    }

    pub(super) fn with_lanes(model: Arc<Model>, lanes: Lanes, mode: Mode, cut: Cut) -> Result<Self> {
        let capabilities = &model.gpu.capabilities;
        let sizes = arrange::sizes(&lanes, capabilities)?;
        let program = lower::lower(&lanes, mode, cut, capabilities)?;
        let memory = sizes.memory(lanes.lanes, params_bytes(&program.params));
        let buffers = Buffers::allocate(&model.gpu, lanes.lanes, &sizes, memory)?;
        let program = Prepared::new(&model, program, &buffers, &[])?;
        Ok(Self { model, lanes, memory, buffers, program })
    }

    /// An executor of the parts of a picture, for pairs: [`begin`](Self::begin) goes on to each. It takes `memory`.
    pub(super) fn of_parts(model: Arc<Model>, strips: &Strips, memory: Memory) -> Result<Self> {
        let capabilities = &model.gpu.capabilities;
        let lanes = Lanes { plan: strips.part(0, 0)?.plan, lanes: arrange::PART_LANES };
        let sizes = arrange::part_sizes(strips);
        let buffers = Buffers::allocate(&model.gpu, lanes.lanes, &sizes, memory)?;
        let program = lower::lower(&lanes, Mode::Pairs, Cut::Whole, capabilities)?;
        let room = arrange::most_params(strips, capabilities);
        let program = Prepared::with_room(&model, program, &buffers, &[], room)?;
        let mut executor = Self { model, lanes, memory, buffers, program };
        // What most parts have; nothing is left to be made while pictures wait.
        let middle = [strips.bands().min(2), strips.strips().min(2)].map(|count| count - 1);
        executor.begin(strips.part(middle[0], middle[1])?)?;
        Ok(executor)
    }

    /// Goes on with another part of a picture: the next strip, or the first of another band. Rows that strips have kept
    /// stay where they are.
    pub(super) fn begin(&mut self, part: Part) -> Result<()> {
        self.lanes.plan = part.plan;
        let program = lower::lower(&self.lanes, Mode::Pairs, Cut::Whole, &self.gpu().capabilities)?;
        self.program.become_program(&self.model, program, &self.buffers, &[])
    }

    /// The plan it runs.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.lanes.plan
    }

    pub(super) fn gpu(&self) -> &Gpu {
        &self.model.gpu
    }

    /// Room for one picture's features at every tap.
    pub(super) fn target_features(&self) -> Result<Vec<wgpu::Buffer>> {
        let plan = self.plan();
        let tensors = plan.taps.iter().map(|tap| &plan.tensors[tap.tensor]);
        let sizes: Vec<u64> = tensors.map(|tensor| tensor.image_stride() * tensor.element.bytes()).collect();
        self.gpu().create("a target's features", sizes.iter().sum(), || {
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
            sizes.iter().map(|&bytes| self.gpu().buffer("target features", bytes, usage)).collect()
        })
    }

    pub(super) fn prepare(&self, mode: Mode, cut: Cut, target: &[wgpu::Buffer]) -> Result<Prepared> {
        let program = lower::lower(&self.lanes, mode, cut, &self.gpu().capabilities)?;
        Prepared::new(&self.model, program, &self.buffers, target)
    }

    /// Reads a picture on the device as the first of the round, as frames do: a picture that is uploaded afterwards
    /// takes its place. `tone_map` and `exposure` are for light.
    ///
    /// # Errors
    /// [`Error::Image`](crate::Error::Image) where the source cannot be read or is not of the plan's size;
    /// [`Error::Device`](crate::Error::Device) and [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn load(&self, source: &Source, tone_map: ToneMap, exposure: f32) -> Result<()> {
        let gpu = self.gpu();
        let size = self.plan().picture_size().unwrap_or_default();
        let mut sources = Sources::new(gpu, size, Tone { map: tone_map, exposure }, 1)?;
        let picture = &self.buffers.pictures[0];
        if let Some(ready) = sources.prepare(gpu, source, picture)? {
            let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            sources.record(gpu, &mut encoder, ready, picture);
            gpu.queue.submit([encoder.finish()]);
        }
        gpu.check()
    }

    /// Uploads what the plan reads of a picture, as number `index` of the round. `words` is room for packing, reused.
    pub(super) fn upload(&self, index: u32, picture: &Image<'_>, words: &mut Vec<u32>) {
        let plan = &self.lanes.plan;
        let Some(region) = plan.pixels() else { return };
        picture.pack(region, words);
        let images = plan.images;
        let buffer = &self.buffers.pictures[(index / images) as usize];
        let stride = arrange::pictures_bytes(plan);
        self.gpu().queue.write_buffer(
            buffer,
            u64::from(index % images) * stride,
            bytemuck::cast_slice(words),
        );
    }

    /// Records a range of a program's commands for a round of `pictures` pictures. Nothing is submitted.
    pub(super) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        prepared: &Prepared,
        range: Range<usize>,
        pictures: u32,
        target: &[wgpu::Buffer],
    ) {
        let mut indices = range.peekable();
        while let Some(index) = indices.next() {
            if prepared.is_copy(index) {
                self.copy(encoder, prepared, index, target);
                continue;
            }
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: Some("perceptual-loss"),
                timestamp_writes: None,
            });
            self.dispatch(&mut pass, prepared, index, None, pictures);
            while let Some(index) = indices.next_if(|&index| !prepared.is_copy(index)) {
                self.dispatch(&mut pass, prepared, index, None, pictures);
            }
        }
    }

    /// Records one command of a program, or some of its pieces, in a pass of its own. A copy is in no pass: what is
    /// timed then is an empty one.
    pub(super) fn record_alone(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        prepared: &Prepared,
        (index, pieces): (usize, Option<Range<u32>>),
        pictures: u32,
        target: &[wgpu::Buffer],
        timestamp_writes: Option<wgpu::ComputePassTimestampWrites<'_>>,
    ) {
        self.copy(encoder, prepared, index, target);
        if prepared.is_copy(index) && timestamp_writes.is_none() {
            return;
        }
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("perceptual-loss step"),
            timestamp_writes,
        });
        self.dispatch(&mut pass, prepared, index, pieces, pictures);
    }

    /// Records a copy; nothing where the command is a dispatch.
    fn copy(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        prepared: &Prepared,
        index: usize,
        target: &[wgpu::Buffer],
    ) {
        if let Command::CopyToTarget { slot, tap, bytes } = &prepared.program.commands[index] {
            encoder.copy_buffer_to_buffer(&self.buffers.slots[0][*slot], 0, &target[*tap], 0, *bytes);
        }
    }

    /// Records a dispatch, or some of its pieces, in a debug group of its step's name.
    ///
    /// No group of ours spans passes: each pass is a command buffer of its own to wgpu, and Mesa's software driver
    /// (22.3) crashes where a group ends in another command buffer than it began in.
    fn dispatch(
        &self,
        pass: &mut wgpu::ComputePass<'_>,
        Prepared { program, bind_groups, .. }: &Prepared,
        index: usize,
        pieces: Option<Range<u32>>,
        pictures: u32,
    ) {
        let command = &program.commands[index];
        let Command::Dispatch { step, kernel, params, groups, pieces: cut, .. } = command else {
            return;
        };
        let images = command.images(&self.lanes, pictures);
        let pieces = pieces.unwrap_or(0..cut.count);
        let first = pieces.start * cut.groups;
        let groups = (pieces.len() as u32 * cut.groups).min(groups.saturating_sub(first));
        // Lowering has checked that the whole dispatch fits.
        let Ok([x, y]) = grid(groups.into(), self.gpu().capabilities.max_workgroups) else { return };
        if images == 0 || groups == 0 {
            return;
        }
        pass.push_debug_group(&self.lanes.plan.steps[*step].name);
        pass.set_pipeline(&self.gpu().pipeline(*kernel).pipeline);
        pass.set_bind_group(0, bind_groups[index].as_ref(), &[*params + pieces.start * cut.stride]);
        pass.dispatch_workgroups(x, y, images);
        pass.pop_debug_group();
    }

    /// Sets a tensor's values, in NCHW order, for plans that do not begin with pixels. Where pictures have a lane
    /// each (a plan for one image), this is the first one's.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where there are more or fewer values than the tensor has.
    pub fn write(&self, tensor: TensorId, values: &[f32]) -> Result<()> {
        let plan = &self.lanes.plan;
        plan.check_values(tensor, values)?;
        let buffer = &self.buffers.slots[0][plan.slot_of[tensor]];
        self.gpu().queue.write_buffer(buffer, 0, bytemuck::cast_slice(values));
        Ok(())
    }

    /// Runs a range of the plan's steps for a full round, with `pictures` uploaded first.
    ///
    /// # Errors
    /// [`Error::Image`](crate::Error::Image) where a picture is not valid or of another size, or there are more than a
    /// round holds; [`Error::DeviceLost`](crate::Error::DeviceLost) or [`Error::Device`](crate::Error::Device) where
    /// the device had failed before.
    pub fn run(&self, steps: Range<usize>, pictures: &[Image<'_>]) -> Result<()> {
        self.lanes.plan.check_pictures(pictures, self.lanes.pictures())?;
        let mut words = vec![];
        for (index, picture) in pictures.iter().enumerate() {
            self.upload(index as u32, picture, &mut words);
        }
        let mut encoder =
            self.gpu().device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        for (index, command) in self.program.program.commands.iter().enumerate() {
            if command.step().is_some_and(|step| steps.contains(&step)) {
                self.record(&mut encoder, &self.program, index..index + 1, self.lanes.pictures(), &[]);
            }
        }
        self.gpu().queue.submit([encoder.finish()]);
        self.gpu().check()
    }

    /// A tensor's values, in NCHW order: those of the last step run, if no later one has reused its memory.
    ///
    /// # Errors
    /// [`Error::DeviceLost`](crate::Error::DeviceLost) where the device failed meanwhile.
    pub fn read_blocking(&self, tensor: TensorId) -> Result<Vec<f32>> {
        let slot = self.lanes.plan.slot_of[tensor];
        self.gpu().read(&self.buffers.slots[0][slot], 0, self.lanes.plan.tensors[tensor].bytes())
    }

    /// For each tap and pair of images (2k, 2k + 1), the sum of differences.
    ///
    /// # Errors
    /// [`Error::DeviceLost`](crate::Error::DeviceLost) where the device failed meanwhile.
    pub fn sums_blocking(&self) -> Result<Vec<Vec<f32>>> {
        let pictures = self.lanes.pictures() as usize;
        let sums: Vec<f32> = self.gpu().read(&self.buffers.sums, 0, self.buffers.sums.size())?;
        Ok(sums
            .chunks(pictures)
            .take(self.lanes.plan.taps.len())
            .map(|tap| tap[..pictures / 2].to_vec())
            .collect())
    }

    /// The partial sums that a tap's sums are made of, of each pair of images: what
    /// `shaders/difference.wgsl` hands to `shaders/sum.wgsl`. All taps share the memory, so that these are of the
    /// last one run.
    ///
    /// # Errors
    /// [`Error::DeviceLost`](crate::Error::DeviceLost) where the device failed meanwhile.
    pub fn partials_blocking(&self, tap: usize) -> Result<Vec<Vec<f32>>> {
        let plan = &self.lanes.plan;
        let each = lower::partials_of(&plan.tensors[plan.taps[tap].tensor]) as usize;
        let partials: Vec<f32> = self.gpu().read(&self.buffers.partials, 0, self.buffers.partials.size())?;
        Ok(partials
            .chunks_exact(each)
            .take(self.lanes.pictures() as usize / 2)
            .map(<[f32]>::to_vec)
            .collect())
    }
}

impl Buffers {
    fn allocate(gpu: &Gpu, lanes: u32, sizes: &Sizes, memory: Memory) -> Result<Self> {
        let Memory { features, pictures, scratch } = memory;
        let slots = sizes.slots.len();
        tracing::debug!(lanes, slots, features, pictures, scratch, "buffers");
        gpu.create("feature maps", memory.total(), || Self::new(gpu, lanes, sizes))
    }

    fn new(gpu: &Gpu, lanes: u32, sizes: &Sizes) -> Self {
        use wgpu::BufferUsages as Usage;
        let map = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
        let lanes = 0..lanes;
        let slots = |lane: u32| {
            let label = |slot: usize| format!("features {lane}.{slot}");
            let slots = sizes.slots.iter().enumerate();
            slots.map(|(slot, &bytes)| gpu.buffer(&label(slot), bytes, map)).collect()
        };
        Self {
            pictures: lanes
                .clone()
                .map(|lane| gpu.buffer(&format!("pictures {lane}"), sizes.pictures, map))
                .collect(),
            slots: lanes.map(slots).collect(),
            // Copied for diagnosis alone.
            partials: gpu.buffer("partial sums", sizes.partials, Usage::STORAGE | Usage::COPY_SRC),
            sums: gpu.buffer("sums", sizes.sums, map),
        }
    }
}

impl Prepared {
    fn new(model: &Model, program: Program, buffers: &Buffers, target: &[wgpu::Buffer]) -> Result<Self> {
        let bytes = params_bytes(&program.params);
        Self::with_room(model, program, buffers, target, bytes)
    }

    /// With room for the parameters of other programs, that it is to become.
    fn with_room(
        model: &Model,
        program: Program,
        buffers: &Buffers,
        target: &[wgpu::Buffer],
        bytes: u64,
    ) -> Result<Self> {
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let params =
            model.gpu.create("parameters", bytes, || model.gpu.buffer("parameters", bytes, usage))?;
        let (empty, made) = (Program { commands: vec![], params: vec![] }, HashMap::new());
        let mut prepared = Self { program: empty, params, bind_groups: vec![], made, bytes };
        prepared.become_program(model, program, buffers, target)?;
        Ok(prepared)
    }

    /// Another program, of the same buffers. Its parameters are there for what is submitted from now on.
    fn become_program(
        &mut self,
        model: &Model,
        program: Program,
        buffers: &Buffers,
        target: &[wgpu::Buffer],
    ) -> Result<()> {
        let gpu = &model.gpu;
        let find = |binding: &Binding| -> Result<wgpu::Buffer> {
            Ok(match *binding {
                Binding::Pictures { lane } => buffers.pictures[lane as usize].clone(),
                Binding::Slot { lane, slot } => buffers.slots[lane as usize][slot].clone(),
                Binding::Weights { layer, form } => model.weights(layer, form)?.0,
                Binding::Bias { layer, form } => model.weights(layer, form)?.1,
                Binding::Partials => buffers.partials.clone(),
                Binding::Sums => buffers.sums.clone(),
                Binding::Target { tap } => target[tap].clone(),
            })
        };
        let mut missing: HashMap<(Kernel, Vec<Binding>), Vec<wgpu::Buffer>> = HashMap::new();
        for (kernel, bindings) in program.commands.iter().filter_map(Command::bound) {
            let key = (kernel, bindings.to_vec());
            if !self.made.contains_key(&key) && !missing.contains_key(&key) {
                missing.insert(key, bindings.iter().map(find).collect::<Result<_>>()?);
            }
        }
        if !missing.is_empty() {
            let params = &self.params;
            let bind = |kernel: Kernel, buffers: &[wgpu::Buffer]| {
                gpu.bind(kernel, params, &buffers.iter().collect::<Vec<_>>())
            };
            let made: Vec<_> = gpu.create("bind groups", 0, || {
                missing.into_iter().map(|(key, buffers)| (bind(key.0, &buffers), key)).collect()
            })?;
            self.made.extend(made.into_iter().map(|(group, key)| (key, group)));
        }
        let group = |command: &Command| {
            let (kernel, bindings) = command.bound()?;
            self.made.get(&(kernel, bindings.to_vec())).cloned()
        };
        self.bind_groups = program.commands.iter().map(group).collect();
        gpu.queue.write_buffer(&self.params, 0, &program.params);
        self.program = program;
        Ok(())
    }

    /// Whether a command copies, and is no dispatch.
    pub(super) fn is_copy(&self, index: usize) -> bool {
        matches!(self.program.commands[index], Command::CopyToTarget { .. })
    }

    /// How many pieces a command can be cut into.
    pub(super) fn pieces(&self, index: usize) -> u32 {
        self.program.commands[index].pieces()
    }

    /// The step of each command; copies belong to none.
    pub(super) fn steps(&self) -> Vec<Option<usize>> {
        self.program.commands.iter().map(Command::step).collect()
    }

    /// Its commands in runs of about so many floating-point operations, of which each can be submitted by itself.
    pub(super) fn runs(&self, lanes: &Lanes, pictures: u32, flops: u64) -> Vec<Range<usize>> {
        let mut runs = vec![];
        let (mut start, mut sum) = (0, 0u64);
        for (index, command) in self.program.commands.iter().enumerate() {
            sum = sum.saturating_add(command.flops(lanes, pictures));
            if sum >= flops {
                runs.push(start..index + 1);
                (start, sum) = (index + 1, 0);
            }
        }
        if start < self.program.commands.len() {
            runs.push(start..self.program.commands.len());
        }
        runs
    }

    /// Its commands, for recording all of them.
    pub(super) fn range(&self) -> Range<usize> {
        0..self.program.commands.len()
    }
}
