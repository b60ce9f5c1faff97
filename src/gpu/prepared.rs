//! A program whose parameters are uploaded and whose bind groups are made.

use std::{collections::HashMap, sync::Arc};

use super::{
    buffers::Buffers,
    kernel::Kernel,
    model::Model,
    pipelines::Pipeline,
    program::{Binding, Command, Program},
    target::Target,
};
use crate::{
    error::{Error, Result},
    plan::Plan,
};

#[derive(Debug)]
pub(super) struct Prepared {
    /// What the program is of.
    pub(super) plan: Plan,
    pub(super) program: Program,
    params: wgpu::Buffer,
    /// What each dispatch runs with; none for other commands.
    bound: Vec<Option<Bound>>,
    /// All that was made for its parameters: parts of a picture share most of it.
    made: HashMap<(&'static Kernel, Vec<Binding>), Bound>,
    /// Bytes of its parameters.
    pub(super) bytes: u64,
}

/// A kernel with what it binds.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) bind_group: wgpu::BindGroup,
}

impl Prepared {
    /// `target` is what the program keeps, or is given.
    pub(super) fn new(
        model: &Model,
        (plan, program): (Plan, Program),
        buffers: &Buffers,
        target: Option<&Target>,
    ) -> Result<Self> {
        let bytes = program.params_bytes();
        Self::with_room(model, (plan, program), buffers, target, bytes)
    }

    /// With room for the parameters of other programs, that it is to become.
    pub(super) fn with_room(
        model: &Model,
        (plan, program): (Plan, Program),
        buffers: &Buffers,
        target: Option<&Target>,
        bytes: u64,
    ) -> Result<Self> {
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let params =
            model.gpu.create("parameters", bytes, || model.gpu.buffer("parameters", bytes, usage))?;
        let mut prepared = Self { plan, program, params, bound: vec![], made: HashMap::new(), bytes };
        prepared.bind(model, buffers, target)?;
        Ok(prepared)
    }

    /// Another program, of the same buffers. Its parameters are there for what is submitted from now on.
    pub(super) fn become_program(
        &mut self,
        model: &Model,
        (plan, program): (Plan, Program),
        buffers: &Buffers,
    ) -> Result<()> {
        (self.plan, self.program) = (plan, program);
        self.bind(model, buffers, None)
    }

    /// The same with another target.
    pub(super) fn with_target(mut self, model: &Model, buffers: &Buffers, target: &Target) -> Result<Self> {
        self.made.retain(|(_, bindings), _| !bindings.iter().any(Binding::is_kept));
        self.bind(model, buffers, Some(target))?;
        Ok(self)
    }

    /// Uploads the program's parameters, and makes the bind groups that are not there.
    fn bind(&mut self, model: &Model, buffers: &Buffers, target: Option<&Target>) -> Result<()> {
        let gpu = &model.gpu;
        let find = |binding: &Binding| -> Result<wgpu::Buffer> {
            match *binding {
                Binding::Weights { layer, transposed, tuning } => {
                    Ok(model.weights(layer, transposed, tuning)?.weights)
                }
                Binding::Bias { layer, transposed, tuning } => {
                    Ok(model.weights(layer, transposed, tuning)?.bias)
                }
                Binding::ChannelWeights { layer } => model.channel_weights(layer),
                _ => buffers
                    .find(binding, target)
                    .cloned()
                    .ok_or_else(|| Error::Config(format!("there is no buffer for {binding:?}"))),
            }
        };
        let mut missing: HashMap<(&'static Kernel, Vec<Binding>), _> = HashMap::new();
        for (kernel, bindings) in self.program.commands.iter().filter_map(Command::bound) {
            let key = (kernel, bindings.to_vec());
            if !self.made.contains_key(&key) && !missing.contains_key(&key) {
                let buffers = bindings.iter().map(find).collect::<Result<Vec<_>>>()?;
                missing.insert(key, (gpu.pipeline(kernel)?, buffers));
            }
        }
        if !missing.is_empty() {
            let bind = |pipeline: Arc<Pipeline>, buffers: &[wgpu::Buffer]| {
                let buffers: Vec<_> = buffers.iter().collect();
                Bound { bind_group: gpu.bind(&pipeline, &self.params, &buffers), pipeline }
            };
            let made: Vec<_> = gpu.create("bind groups", 0, || {
                missing
                    .into_iter()
                    .map(|(key, (pipeline, buffers))| (key, bind(pipeline, &buffers)))
                    .collect()
            })?;
            self.made.extend(made);
        }
        let bound = |command: &Command| {
            let (kernel, bindings) = command.bound()?;
            self.made.get(&(kernel, bindings.to_vec())).cloned()
        };
        self.bound = self.program.commands.iter().map(bound).collect();
        gpu.write(&self.params, 0, &self.program.params)
    }

    /// What a dispatch runs with.
    pub(super) fn bound(&self, index: usize) -> Option<&Bound> {
        self.bound.get(index)?.as_ref()
    }
}
