//! A loss with its weights.

use std::sync::Arc;

use super::{Context, Outline, Session, context::Backend};
#[cfg(feature = "cpu")]
use crate::cpu;
#[cfg(feature = "gpu")]
use crate::gpu;
use crate::{
    config::Config,
    error::{Error, Result},
    memory::Memory,
    plan::Plan,
    tuning::Tuning,
    report::{LayerReport, Report},
    weights::{Parameters, Weights},
};

/// A loss with its weights, on a context. Cheap to clone; its weights are on the device once, whatever the
/// number of sessions.
#[derive(Clone, Debug)]
pub struct Model(pub(super) Arc<ModelInner>);

#[derive(Clone, Debug)]
pub(super) struct ModelInner {
    pub(super) context: Context,
    config: Config,
    tuning: Tuning,
    parameters: Arc<Parameters>,
    pub(super) backend: BackendModel,
    /// Bytes of features and scratch that a session may take.
    pub(super) memory: u64,
}

/// The weights where the backend wants them.
#[derive(Clone, Debug)]
pub(super) enum BackendModel {
    #[cfg(feature = "gpu")]
    Gpu(Arc<gpu::Model>),
    #[cfg(feature = "cpu")]
    Cpu(cpu::Model),
}

impl Model {
    /// Loads the weights that `config`'s taps need.
    ///
    /// # Errors
    /// [`Error::Config`] where the config is not valid; [`Error::Weights`] and [`Error::Io`] where the weights
    /// cannot be used or read.
    pub fn new(context: &Context, config: &Config, weights: &Weights) -> Result<Self> {
        Self::with_tuning(context, config, weights, Tuning::BLOCKED)
    }

    /// [`new`](Self::new), with a tuning of the 3x3 convolution forced.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_tuning(
        context: &Context,
        config: &Config,
        weights: &Weights,
        tuning: Tuning,
    ) -> Result<Self> {
        config.validate()?;
        let depth = config.tap_positions()?.last().map_or(0, |(position, _)| position + 1);
        let parameters = Arc::new(weights.load(config.network, depth)?);
        let backend = match &context.0 {
            #[cfg(feature = "gpu")]
            Backend::Gpu(gpu) => {
                BackendModel::Gpu(Arc::new(gpu::Model::new(Arc::clone(gpu), Arc::clone(&parameters), tuning.into())))
            }
            #[cfg(feature = "cpu")]
            Backend::Cpu(engine) => BackendModel::Cpu(cpu::Model::new(engine, &parameters)),
        };
        Ok(Self(Arc::new(ModelInner {
            backend,
            memory: Self::DEFAULT_MEMORY,
            context: context.clone(),
            config: config.clone(),
            tuning,
            parameters,
        })))
    }

    /// Bytes of features and scratch that a session takes at most, unless [`with_memory`](Self::with_memory) says
    /// otherwise: 1 GiB.
    pub const DEFAULT_MEMORY: u64 = 1 << 30;

    /// The same model, whose sessions take at most so many bytes for the features of pairs and for scratch. Pictures for
    /// which that is not enough, or which are larger than the device can bind, go through in parts: the loss is the same
    /// but for rounding (1e-6), and the same bits from run to run. Pictures and weights are not counted, nor are the
    /// features of targets, nor on the CPU the tiles that each thread has at work (9 MiB at the most).
    /// [`FrameSession`](crate::gpu::FrameSession)s take what they need.
    #[must_use]
    pub fn with_memory(&self, bytes: u64) -> Self {
        Self(Arc::new(ModelInner { memory: bytes, ..(*self.0).clone() }))
    }

    /// What [`with_memory`](Self::with_memory) allows.
    pub(super) fn allowed(&self) -> u64 {
        self.0.memory
    }

    /// What computes it.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.0.context
    }

    /// The loss it computes.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Buffers for comparing pairs of pictures of `width` by `height` pixels, one pair at a time.
    ///
    /// # Errors
    /// As [`batch_session`](Self::batch_session).
    pub fn session(&self, width: u32, height: u32) -> Result<Session> {
        self.batch_session(width, height, 1)
    }

    /// Buffers for comparing up to `pairs` pairs together (or twice as many candidates against a target), fewer
    /// where the device cannot bind as much or the memory allowed is not enough ([`with_memory`](Self::with_memory)).
    /// Larger batches go through in rounds, and larger pictures in parts.
    ///
    /// # Errors
    /// [`Error::Image`] where the size is zero or too small for the deepest tap; [`Error::TooLarge`] where not even the
    /// smallest parts fit, with the least memory that works; [`Error::OutOfMemory`].
    pub fn batch_session(&self, width: u32, height: u32, pairs: u32) -> Result<Session> {
        Session::new(self, [width, height], pairs)
    }

    /// Bytes that such a [`batch_session`](Self::batch_session) takes on the device, before anything is
    /// allocated. Weights are not counted: they are the model's, shared by all sessions.
    ///
    /// # Errors
    /// As [`batch_session`](Self::batch_session).
    pub fn memory(&self, width: u32, height: u32, pairs: u32) -> Result<Memory> {
        Ok(self.outline(width, height, pairs)?.memory)
    }

    /// How such a [`batch_session`](Self::batch_session) works and what it takes, before anything is allocated.
    ///
    /// # Errors
    /// As [`batch_session`](Self::batch_session).
    pub fn outline(&self, width: u32, height: u32, pairs: u32) -> Result<Outline> {
        let plan = self.plan(width, height);
        let (weights, (memory, strips)) = match &self.0.backend {
            #[cfg(feature = "gpu")]
            BackendModel::Gpu(model) => {
                (self.0.parameters.bytes(), gpu::Session::outline(model, &plan, pairs, self.0.memory)?)
            }
            #[cfg(feature = "cpu")]
            BackendModel::Cpu(model) => {
                let _ = pairs; // one pair after another
                (model.bytes(), model.cut(&plan(1)?, self.0.memory)?)
            }
        };
        Ok(Outline { memory, budget: self.0.memory, strips, weights })
    }

    /// The weights on the device.
    #[cfg(feature = "gpu")]
    pub(crate) fn on_gpu(&self) -> Result<&Arc<gpu::Model>> {
        match &self.0.backend {
            BackendModel::Gpu(model) => Ok(model),
            #[cfg(feature = "cpu")]
            BackendModel::Cpu(_) => Err(Error::Config("this model computes on the CPU".to_owned())),
        }
    }

    /// The plan for a number of pictures of this size.
    pub(crate) fn plan(&self, width: u32, height: u32) -> impl Fn(u32) -> Result<Plan> + '_ {
        move |images| {
            if width == 0 || height == 0 {
                return Err(Error::Image(format!(
                    "a picture of {width}x{height} has no pixels; both sides must be at least 1"
                )));
            }
            Plan::new(&self.0.config, width, height, images)
        }
    }

    /// The report from each tap's sum of differences.
    pub(crate) fn report(&self, plan: &Plan, [width, height]: [u32; 2], sums: &[f64]) -> Result<Report> {
        let ModelInner { context, config, tuning, parameters, .. } = &*self.0;
        let layers: Vec<LayerReport> = plan
            .taps()
            .iter()
            .zip(sums)
            .map(|(tap, sum)| {
                let tensor = &plan.tensors()[tap.tensor];
                let [width, height] = tensor.region.extent;
                let loss = sum / tensor.image_stride() as f64;
                LayerReport {
                    name: tap.name,
                    weight: tap.weight,
                    loss,
                    shape: [tensor.channels, height, width],
                }
            })
            .collect();
        if let Some(layer) = layers.iter().find(|layer| !layer.loss.is_finite()) {
            return Err(Error::Weights(format!(
                "{}: the loss at {} is {}: with these weights activations leave the range of float32",
                parameters.info.origin, layer.name, layer.loss
            )));
        }
        Ok(Report {
            total: layers.iter().map(|layer| layer.weight * layer.loss).sum(),
            layers,
            network: config.network.name(),
            preset: config.preset().map(|preset| preset.name()),
            normalization: config.normalization.to_string(),
            criterion: config.criterion.name(),
            precision: context.precision().name(),
            tuning: (context.backend() == "gpu").then(|| tuning.name()),
            weights: parameters.info.clone(),
            backend: context.backend(),
            adapter: context.adapter_name(),
            width,
            height,
            version: env!("CARGO_PKG_VERSION"),
        })
    }
}
