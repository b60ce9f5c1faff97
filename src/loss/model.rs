//! A loss with its weights.

use std::sync::Arc;

use super::{Context, ModelOptions, Outline, Session, context::Device};
#[cfg(feature = "cpu")]
use crate::cpu;
#[cfg(feature = "gpu")]
use crate::gpu;
use crate::{
    config::Config,
    error::{Error, Result},
    memory::Memory,
    plan::{Plan, Plans},
    report::{LayerReport, Report},
    tuning::{Tunings, UsedTunings},
    weights::{Parameters, Precision, Weights, WeightsInfo},
};

/// A loss with its weights, on a context. Cheap to clone; its weights are on the device once, whatever the
/// number of sessions.
#[derive(Clone, Debug)]
pub struct Model(pub(super) Arc<ModelInner>);

#[derive(Clone, Debug)]
pub(super) struct ModelInner {
    pub(super) context: Context,
    pub(super) config: Config,
    pub(super) precision: Precision,
    pub(super) tunings: Tunings,
    pub(super) parameters: Arc<Parameters>,
    /// What LPIPS's weights of channels are, where the loss has them.
    pub(super) linears: Option<WeightsInfo>,
    pub(super) weights: DeviceWeights,
    /// Bytes of features and scratch that a session may take.
    pub(super) memory: u64,
}

/// The weights where the device wants them.
#[derive(Clone, Debug)]
pub(super) enum DeviceWeights {
    #[cfg(feature = "gpu")]
    Gpu(Arc<gpu::Model>),
    #[cfg(feature = "cpu")]
    Cpu(cpu::Model),
}

impl Model {
    /// Loads the weights that `config`'s taps need. It computes in float32, in at most 1 GiB a session.
    ///
    /// # Errors
    /// [`Error::Config`] where the config is not valid; [`Error::Weights`] and [`Error::Io`] where the weights
    /// cannot be used or read.
    pub fn new(context: &Context, config: &Config, weights: &Weights) -> Result<Self> {
        Self::with_options(context, config, weights, &ModelOptions::default())
    }

    /// [`new`](Self::new), with other memory, another precision or other tunings.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`Error::Config`] where the context has no such precision, or the network no layer that the
    /// tunings name; [`Error::Weights`] where the loss needs [`linears`](ModelOptions::linears) and has none.
    pub fn with_options(
        context: &Context,
        config: &Config,
        weights: &Weights,
        options: &ModelOptions,
    ) -> Result<Self> {
        let ModelOptions { memory, precision, tunings, linears } = options.clone();
        let linears = linears.filter(|_| config.uses_linears());
        config.validate()?;
        tunings.check(config.network)?;
        #[cfg(feature = "gpu")]
        if let (Device::Gpu(_), false) = (&context.0, precision == Precision::F32) {
            return Err(Error::Config(format!("GPUs compute in f32 alone; {precision} is for the CPU")));
        }
        let depth = config.tap_positions()?.last().map_or(0, |(position, _)| position + 1);
        if linears.is_none() && config.uses_linears() {
            return Err(Error::Weights(
                "lpips needs the weights of channels that were fitted for it: the v0.1/vgg.pth of the package lpips \
                 (ModelOptions::linears)"
                    .to_owned(),
            ));
        }
        let mut parameters = weights.load(config.network, depth)?;
        if let Some(linears) = &linears {
            parameters = parameters.with_linears(linears);
        }
        let parameters = Arc::new(parameters);
        let weights = match &context.0 {
            #[cfg(feature = "gpu")]
            Device::Gpu(gpu) => {
                let model = gpu::Model::new(Arc::clone(gpu), Arc::clone(&parameters), tunings.clone());
                DeviceWeights::Gpu(Arc::new(model))
            }
            #[cfg(feature = "cpu")]
            Device::Cpu(engine) => DeviceWeights::Cpu(cpu::Model::new(engine, &parameters, precision)?),
        };
        Ok(Self(Arc::new(ModelInner {
            context: context.clone(),
            config: config.clone(),
            precision,
            tunings,
            parameters,
            linears: linears.map(|linears| linears.info.clone()),
            weights,
            memory,
        })))
    }

    /// Bytes of features and scratch that a session takes at most, unless [`ModelOptions::memory`] or
    /// [`with_memory`](Self::with_memory) says otherwise: 1 GiB.
    pub const DEFAULT_MEMORY: u64 = 1 << 30;

    /// The same model, with the same weights where they are, whose sessions take at most so many bytes for the features of
    /// pairs and for scratch: a cheap way to another budget. [`Target`](super::Target)s of one are targets of the other.
    ///
    /// Pictures for which that is not enough, or which are larger than the device can bind, go through in parts: the loss is
    /// the same but for rounding (1e-6), and the same bits from run to run. Pictures and weights do not count. A
    /// [`Target`](super::Target) keeps its maps where they fit beside its session, and else its picture, from which each
    /// comparison makes them again. On the CPU, what threads work in does not count: 10 MiB a thread at most, and 19 MiB
    /// for all of them, which go with a context's last model and session. A `FrameSession` takes what one picture needs.
    #[must_use]
    pub fn with_memory(&self, bytes: u64) -> Self {
        Self(Arc::new(ModelInner { memory: bytes, ..(*self.0).clone() }))
    }

    /// What [`with_memory`](Self::with_memory) allows.
    pub(crate) fn allowed(&self) -> u64 {
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

    /// The precision of its convolutions.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.0.precision
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
    /// smallest parts fit, with the least memory that works, or where no memory holds a picture of that size;
    /// [`Error::OutOfMemory`], [`Error::DeviceLost`].
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
        let plans = self.plans(width, height);
        let budget = self.0.memory;
        let (weights, (memory, parts)) = match &self.0.weights {
            #[cfg(feature = "gpu")]
            DeviceWeights::Gpu(model) => {
                (self.0.parameters.bytes(), gpu::Session::outline(model, &plans, pairs, budget)?)
            }
            #[cfg(feature = "cpu")]
            DeviceWeights::Cpu(model) => {
                let _ = pairs; // one pair after another
                (model.bytes(), model.outline(&plans, budget)?)
            }
        };
        Ok(Outline { memory, budget, parts, weights })
    }

    /// How a session makes gradients of pictures of this size, and what that takes beside comparing, before anything is allocated: once
    /// the first gradient is asked for. Parts of a loss with Gram matrices go through twice, since a matrix is of all of them.
    ///
    /// # Errors
    /// As [`session`](Self::session).
    pub fn gradient_outline(&self, width: u32, height: u32) -> Result<Outline> {
        let plans = self.plans(width, height);
        let budget = self.0.memory;
        let (weights, (memory, parts)) = match &self.0.weights {
            #[cfg(feature = "gpu")]
            DeviceWeights::Gpu(model) => {
                (self.0.parameters.bytes(), gpu::Session::gradient_outline(model, &plans, budget)?)
            }
            #[cfg(feature = "cpu")]
            DeviceWeights::Cpu(model) => (model.bytes(), model.gradient_outline(&plans, budget)?),
        };
        Ok(Outline { memory, budget, parts, weights })
    }

    /// The weights on the device.
    #[cfg(feature = "gpu")]
    pub(crate) fn on_gpu(&self) -> Result<&Arc<gpu::Model>> {
        match &self.0.weights {
            DeviceWeights::Gpu(model) => Ok(model),
            #[cfg(feature = "cpu")]
            DeviceWeights::Cpu(_) => Err(Error::Config(
                "this model computes on the CPU; frames want one on a GPU, of gpu::from_device() or Context::gpu()"
                    .to_owned(),
            )),
        }
    }

    /// The plans for pictures of this size.
    pub(crate) fn plans(&self, width: u32, height: u32) -> Plans {
        Plans { config: self.0.config.clone(), size: [width, height] }
    }

    /// How a GPU computes a plan's convolutions; none on the CPU.
    pub(super) fn used_tunings(&self, plan: &Plan) -> Option<UsedTunings> {
        match &self.0.weights {
            #[cfg(feature = "gpu")]
            DeviceWeights::Gpu(model) => Some(model.used_tunings(plan)),
            #[cfg(feature = "cpu")]
            DeviceWeights::Cpu(_) => {
                let _ = plan;
                None
            }
        }
    }

    /// The report from each tap's sum of differences.
    pub(crate) fn report(&self, plan: &Plan, [width, height]: [u32; 2], sums: &[f64]) -> Result<Report> {
        let ModelInner { context, config, precision, parameters, linears, .. } = &*self.0;
        let layers: Vec<LayerReport> = plan
            .taps()
            .iter()
            .zip(sums)
            .map(|(tap, sum)| {
                let tensor = &plan.tensors()[tap.tensor];
                let [width, height] = tensor.region.extent;
                LayerReport {
                    name: tap.name,
                    weight: tap.weight,
                    criterion: tap.criterion,
                    loss: sum / plan.divisor(tap),
                    shape: [tensor.channels, height, width],
                }
            })
            .collect();
        if let Some(layer) = layers.iter().find(|layer| !layer.loss.is_finite()) {
            return Err(Error::NotFinite { layer: layer.name });
        }
        let total: f64 = layers.iter().map(|layer| layer.weight * layer.loss).sum();
        if !total.is_finite() {
            return Err(Error::Config(format!(
                "the total is not finite, while each layer's loss is: give taps smaller weights than {:e}",
                config.taps.iter().map(|tap| tap.weight).fold(0.0, f64::max)
            )));
        }
        Ok(Report {
            total,
            layers,
            network: config.network,
            preset: config.preset(),
            normalization: config.normalization,
            precision: *precision,
            tuning: self.used_tunings(plan),
            weights: parameters.info.clone(),
            linears: linears.clone(),
            backend: context.backend(),
            adapter: context.adapter_name(),
            width,
            height,
            version: env!("CARGO_PKG_VERSION"),
        })
    }
}
