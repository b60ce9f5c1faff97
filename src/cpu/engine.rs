//! Which executor computes, on which threads; and a model's weights in the form that it wants.

use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Session, fast, session::Execute, twin};
use crate::{
    error::{Error, Result},
    memory::Memory,
    plan::{Layout, Plan, Room, Strips},
    weights::{Parameters, Precision},
};

/// An executor and its threads.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(crate) kind: Kind,
    /// What the fast executor multiplies.
    factors: fast::Factors,
    /// None: the pool of the thread that asks, which is rayon's global one where the host has set up no other.
    pool: Option<Arc<ThreadPool>>,
}

/// Which executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Fast,
    Twin,
}

impl Engine {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, factors: fast::Factors::F32, pool: None }
    }

    /// The same, on a pool of the host's.
    pub(crate) fn on_pool(self, pool: Arc<ThreadPool>) -> Self {
        Self { pool: Some(pool), ..self }
    }

    /// The same, on a pool of this many threads.
    pub(crate) fn on_threads(self, threads: usize) -> Result<Self> {
        // rayon takes 0 for "as many as there are cores", and silently lowers what is beyond its own limit.
        if !(1..=MOST_THREADS).contains(&threads) {
            return Err(Error::Config(format!(
                "{threads} threads cannot be used; the number must be from 1 to {MOST_THREADS}"
            )));
        }
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("perceptual-loss {index}"))
            .build()
            .map_err(|error| Error::Device(format!("{threads} threads could not be started: {error}")))?;
        Ok(self.on_pool(Arc::new(pool)))
    }

    /// The same, with products in this precision.
    pub(crate) fn with_precision(self, precision: Precision) -> Result<Self> {
        if self.kind == Kind::Twin && precision != Precision::F32 {
            return Err(Error::Config(format!("the twins compute in f32 alone, not in {precision}")));
        }
        Ok(Self { factors: fast::Factors::of(precision)?, ..self })
    }

    pub(crate) fn precision(&self) -> Precision {
        self.factors.precision()
    }

    /// Runs `work` on the engine's threads.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

/// More than any machine has cores; each thread takes a stack.
const MOST_THREADS: usize = 1024;

/// How pictures go through in at most `memory` bytes of a pair's features with such a layout, for a plan of one image.
pub(crate) fn cut(plan: &Plan, layout: Layout, memory: u64) -> Result<(Memory, Strips)> {
    let takes = |cut: &Strips| Memory {
        features: cut.bytes().saturating_mul(2),
        pictures: cut.packed_bytes().saturating_mul(2),
        scratch: 0,
    };
    let needs = |cut: &Strips| takes(cut).counted();
    let room = Room { bytes: memory, largest: u64::MAX, needs: &needs, grain: [1, 1] };
    let strips = Strips::within(plan.clone(), layout, &room)?;
    Ok((takes(&strips), strips))
}

/// Weights, shared by all sessions.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    engine: Engine,
    weights: ModelWeights,
}

#[derive(Clone, Debug)]
enum ModelWeights {
    Fast(Arc<fast::Filters>),
    Twin(Arc<Parameters>),
}

impl Model {
    pub(crate) fn new(engine: &Engine, parameters: &Arc<Parameters>) -> Self {
        let weights = match engine.kind {
            Kind::Fast => {
                ModelWeights::Fast(Arc::new(engine.run(|| fast::Filters::new(parameters, engine.factors))))
            }
            Kind::Twin => ModelWeights::Twin(Arc::clone(parameters)),
        };
        Self { engine: engine.clone(), weights }
    }

    /// Bytes of the weights in that form.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.weights {
            ModelWeights::Fast(filters) => filters.bytes(),
            ModelWeights::Twin(parameters) => parameters.bytes(),
        }
    }

    /// How pictures go through in at most `memory` bytes of a pair's features, for a plan of one image.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where no cut is small enough.
    pub(crate) fn cut(&self, plan: &Plan, memory: u64) -> Result<(Memory, Strips)> {
        let layout = match &self.weights {
            ModelWeights::Fast(_) => Layout::NhwcFramed,
            ModelWeights::Twin(_) => Layout::Nchw,
        };
        cut(plan, layout, memory)
    }

    /// A session over a plan of one image, cut for at most `memory` bytes of a pair's features.
    ///
    /// # Errors
    /// As [`cut`](Self::cut).
    pub(crate) fn session(&self, plan: &Plan, memory: u64) -> Result<Session> {
        let (_, strips) = self.cut(plan, memory)?;
        let executor: Box<dyn Execute> = match &self.weights {
            ModelWeights::Fast(filters) => {
                Box::new(fast::Executor::with_filters(plan.clone(), Arc::clone(filters)))
            }
            ModelWeights::Twin(parameters) => {
                Box::new(twin::Executor::new(plan.clone(), Arc::clone(parameters)))
            }
        };
        Ok(Session::new(self.engine.clone(), strips, executor))
    }
}
