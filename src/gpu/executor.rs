//! A plan's steps on a device, by themselves: for tests and diagnosis.

use std::{ops::Range, sync::Arc};

use super::{
    arrange,
    kernels::partials_of,
    lower::{Host, Keeper},
    model::Model,
    prepared::Prepared,
    program::{Command, Side},
    record::{Recorded, record},
    source::{Source, Sources, Tone},
    workspace::{Round, Workspace},
};
use crate::{
    color::ToneMap,
    error::{Error, Result},
    image::Image,
    plan::{Maps, Plan, TensorId},
    tuning::Tunings,
    weights::Parameters,
};

/// Buffers for one plan, and its commands: tensors are written and read, and any range of steps is run. Maps that the plan keeps are
/// here like any other.
#[derive(Debug)]
pub struct Executor {
    workspace: Workspace,
    program: Prepared,
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
        let model = Arc::new(Model::new(gpu, parameters, tunings.into()));
        let program = model.lower(&plan, Host::Memory, Keeper::Executor)?;
        arrange::check(&plan, &program.sizes, &model.gpu.capabilities)?;
        let memory = program.sizes.memory(program.params_bytes());
        let workspace = Workspace::new(model, &program.sizes, memory)?;
        let program = Prepared::new(&workspace.model, (plan, program), &workspace.buffers, None)?;
        Ok(Self { workspace, program })
    }

    /// The plan it runs.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.program.plan
    }

    /// Reads a picture on the device as the first that [`run`](Self::run) takes, as frames do: a picture that is uploaded afterwards
    /// takes its place. `tone_map` and `exposure` are for light.
    ///
    /// # Errors
    /// [`Error::Config`] where the plan reads no pictures, or a part of one; [`Error::Image`] where the source cannot be
    /// read or is not of the plan's size; [`Error::Device`] and [`Error::DeviceLost`].
    pub fn load(&self, source: &Source, tone_map: ToneMap, exposure: f32) -> Result<()> {
        let gpu = self.workspace.gpu();
        let whole = self.plan().pixels().filter(|(_, region)| region.extent == region.whole);
        let Some((maps, region)) = whole else {
            return Err(Error::Config("the plan reads no whole picture that a source could fill".to_owned()));
        };
        let side = if maps == Maps::Target { Side::Target } else { Side::Generated };
        let picture = &self.workspace.buffers.pictures[side as usize];
        let mut sources = Sources::new(gpu, region.whole, Tone { map: tone_map, exposure }, 1)?;
        if let Some(ready) = sources.prepare(gpu, source, picture)? {
            let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            // As a frame's program begins.
            let clear = Recorded::Clear { buffer: picture, bytes: Some(4) };
            record(&mut encoder, [clear, sources.recorded(ready)]);
            gpu.queue.submit([encoder.finish()]);
        }
        gpu.check()
    }

    /// Sets a tensor's values, shape (N, C, H, W), for plans that do not begin with pixels, and of maps that a plan is given.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such tensor, or it has more or fewer values; [`Error::OutOfMemory`],
    /// [`Error::DeviceLost`].
    pub fn write(&self, tensor: TensorId, values: &[f32]) -> Result<()> {
        self.plan().check_values(tensor, values)?;
        self.workspace.gpu().write(self.slot(tensor), 0, bytemuck::cast_slice(values))
    }

    /// Sets what the Gram matrices of a tap begin with, shape (C, C): zeros until then.
    ///
    /// # Errors
    /// [`Error::Config`] where the tap has no such matrix; [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn begin_matrices(&self, tap: usize, values: &[f32]) -> Result<()> {
        self.plan().check_matrix(tap, values)?;
        match self.workspace.buffers.styles.get(tap) {
            Some(buffer) => self.workspace.gpu().write(buffer, 0, bytemuck::cast_slice(values)),
            None => Ok(()),
        }
    }

    /// Runs a range of the plan's steps for all of its images, with `pictures` uploaded first: one for each image of a target; or
    /// two for each image of a difference, the generated one and its target.
    ///
    /// # Errors
    /// [`Error::Config`] where there are no such steps; [`Error::Image`] where a picture is not valid or of another size,
    /// or there are more than the plan reads; [`Error::DeviceLost`] or [`Error::Device`] where the device had failed before.
    pub fn run(&self, steps: Range<usize>, pictures: &[Image<'_>]) -> Result<()> {
        let (plan, prepared, gpu) = (self.plan(), &self.program, self.workspace.gpu());
        plan.check_range(&steps)?;
        Image::validate_all(pictures, plan.picture_size(), plan.pictures())?;
        let mut words = vec![];
        let mut round = Round::of(plan.images(), pictures, &mut words);
        self.workspace.upload(prepared, 0..prepared.program.steps.start, &mut round)?;
        let of_steps = |index: &usize| {
            prepared.program.commands[*index].step().is_some_and(|step| steps.contains(&step))
        };
        let clears = |index: &usize| matches!(prepared.program.commands[*index], Command::Clear { .. });
        let cleared = (0..prepared.program.steps.start).filter(clears);
        let commands = cleared.chain(prepared.program.steps.clone().filter(of_steps));
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        record(
            &mut encoder,
            commands.filter_map(|index| self.workspace.recorded(prepared, index, None, &round)),
        );
        gpu.queue.submit([encoder.finish()]);
        gpu.check()
    }

    /// A tensor's values, shape (N, C, H, W): those of the last step run, if no later one has reused its memory.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such tensor; [`Error::DeviceLost`] where the device failed meanwhile.
    pub fn read_blocking(&self, tensor: TensorId) -> Result<Vec<f32>> {
        let bytes = self.plan().tensor(tensor)?.bytes();
        self.workspace.gpu().read(self.slot(tensor), 0, bytes)
    }

    /// That no convolution of the steps that ran last made a value that is not finite.
    ///
    /// # Errors
    /// [`Error::NotFinite`] of the first that did; [`Error::DeviceLost`] where the device failed meanwhile.
    pub fn check_finite_blocking(&self) -> Result<()> {
        let notes = &self.workspace.buffers.notes;
        let notes: Vec<u32> = self.workspace.gpu().read(notes, 0, notes.size())?;
        self.plan().check_notes(notes)
    }

    /// For each tap and each image, the sum of the difference.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] where the device failed meanwhile.
    pub fn sums_blocking(&self) -> Result<Vec<Vec<f32>>> {
        let (plan, sums) = (self.plan(), &self.workspace.buffers.sums);
        let sums: Vec<f32> = self.workspace.gpu().read(sums, 0, sums.size())?;
        let taps = plan.taps().iter().zip(sums.chunks(plan.images().max(1) as usize));
        let of_tap = |sums: &[f32], images: u32| sums.iter().take(images as usize).copied().collect();
        Ok(taps.map(|(tap, sums)| of_tap(sums, plan.tensors()[tap.tensor].images)).collect())
    }

    /// The partial sums that a tap's sums are made of, of each image: what `shaders/difference.wgsl` hands to `shaders/sum.wgsl`.
    /// All taps share the memory, so that these are of the last one run.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no such tap; [`Error::DeviceLost`] where the device failed meanwhile.
    pub fn partials_blocking(&self, tap: usize) -> Result<Vec<Vec<f32>>> {
        let (plan, partials) = (self.plan(), &self.workspace.buffers.partials);
        let tensor = &plan.tensors()[plan.tap(tap)?.tensor];
        let each =
            partials_of(plan.taps()[tap].criterion, tensor.region.owned_extent(), tensor.channels) as usize;
        let partials: Vec<f32> = self.workspace.gpu().read(partials, 0, partials.size())?;
        Ok(partials.chunks_exact(each).take(tensor.images as usize).map(<[f32]>::to_vec).collect())
    }

    /// Of a tensor that there is.
    fn slot(&self, tensor: TensorId) -> &wgpu::Buffer {
        if self.plan().gradient() == Some(tensor) {
            return &self.workspace.buffers.gradient;
        }
        &self.workspace.buffers.slots[self.plan().slot_of()[tensor]]
    }
}
