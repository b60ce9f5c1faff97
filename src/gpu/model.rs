//! Weights on the device, each layout of them made and uploaded when first asked for.

use std::sync::Arc;

use super::{
    arrange::Means,
    context::Gpu,
    lower::{self, Host, Keeper},
    once::Once,
    program::{Binding, Command, Program},
    tuning,
};
use crate::{
    criterion::Criterion,
    error::{Error, Result},
    plan::{Operation, Plan},
    tuning::{Tuning, Tunings, UsedTunings},
    weights::{Convolution, Parameters},
};

/// A convolution's buffers.
#[derive(Clone, Debug)]
pub(super) struct WeightBuffers {
    pub(super) weights: wgpu::Buffer,
    pub(super) bias: wgpu::Buffer,
}

/// Weights uploaded once and shared by all sessions.
#[derive(Debug)]
pub(crate) struct Model {
    pub(super) gpu: Arc<Gpu>,
    pub(super) tunings: Tunings,
    parameters: Arc<Parameters>,
    /// By layer, whether it is transposed, and tuning.
    buffers: Once<(&'static str, bool, Tuning), WeightBuffers>,
    /// LPIPS's weights of channels, by layer.
    of_channels: Once<&'static str, wgpu::Buffer>,
}

impl Model {
    /// Nothing is uploaded yet.
    pub(crate) fn new(gpu: Arc<Gpu>, parameters: Arc<Parameters>, tunings: Tunings) -> Self {
        Self { gpu, tunings, parameters, buffers: Once::default(), of_channels: Once::default() }
    }

    /// What sessions are arranged and lowered by.
    pub(super) fn means(&self) -> Means<'_> {
        Means { tunings: &self.tunings, capabilities: &self.gpu.capabilities }
    }

    /// The tuning of each of a plan's convolutions.
    pub(crate) fn used_tunings(&self, plan: &Plan) -> UsedTunings {
        tuning::used(plan, &self.tunings, &self.gpu.capabilities)
    }

    /// A plan's commands.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) where a convolution of the plan has no weights here, or weights of another
    /// shape: shaders would read past their end. Else as [`lower::lower`].
    pub(super) fn lower(&self, plan: &Plan, host: Host, keeper: Keeper) -> Result<Program> {
        for tap in plan.taps().iter().filter(|tap| tap.criterion == Criterion::Lpips) {
            self.parameters.channel_weights(tap.name, plan.tensors()[tap.tensor].channels)?;
        }
        plan.steps().iter().try_for_each(|step| match &step.operation {
            Operation::Conv3x3 { layer, .. } | Operation::Conv3x3Gradient { layer, .. } => {
                self.parameters.of_layer(layer).map(drop)
            }
            _ => Ok(()),
        })?;
        lower::lower(plan, self.means().asked(host, keeper))
    }

    /// Compiles what a program runs, and uploads the weights that it reads.
    pub(super) fn warm_up(&self, program: &Program) -> Result<()> {
        for (kernel, bindings) in program.commands.iter().filter_map(Command::bound) {
            self.gpu.pipeline(kernel)?;
            for binding in bindings {
                match *binding {
                    Binding::Weights { layer, transposed, tuning } => {
                        self.weights(layer, transposed, tuning).map(drop)?;
                    }
                    Binding::ChannelWeights { layer } => self.channel_weights(layer).map(drop)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Weights and bias of a convolution of a plan that was checked, or of the transposed one, uploaded as this tuning wants them when first asked for.
    pub(super) fn weights(
        &self,
        layer: &'static str,
        transposed: bool,
        tuning: Tuning,
    ) -> Result<WeightBuffers> {
        self.buffers.get((layer, transposed, tuning), || {
            let convolution = self
                .parameters
                .convolution(layer)
                .ok_or_else(|| Error::Weights(format!("the weights of {layer} were not loaded")))?;
            if transposed {
                return self.upload(&convolution.transposed()?, tuning);
            }
            self.upload(convolution, tuning)
        })
    }

    fn upload(&self, convolution: &Convolution, tuning: Tuning) -> Result<WeightBuffers> {
        let packed = (tuning.row().packed)(convolution)?;
        let layer = convolution.layer().name;
        let bytes = (packed.weights.len() + packed.bias.len()) as u64 * 4;
        self.gpu.create(&format!("the weights of {layer}"), bytes, || WeightBuffers {
            weights: self.buffer_of(&packed.weights, &format!("{layer} weights")),
            bias: self.buffer_of(&packed.bias, &format!("{layer} bias")),
        })
    }

    /// LPIPS's weights of the channels of a layer of a plan that was checked, uploaded when first asked for.
    pub(super) fn channel_weights(&self, layer: &'static str) -> Result<wgpu::Buffer> {
        self.of_channels.get(layer, || {
            let values = self.parameters.all_channel_weights(layer)?;
            let label = format!("{layer} channel weights");
            self.gpu.create(&label, size_of_val(values) as u64, || self.buffer_of(values, &label))
        })
    }

    /// Not wgpu's buffer that is made with its contents: that panics where the device is lost or has no memory.
    fn buffer_of(&self, values: &[f32], label: &str) -> wgpu::Buffer {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let buffer = self.gpu.buffer(label, size_of_val(values) as u64, usage);
        self.gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(values));
        buffer
    }
}
