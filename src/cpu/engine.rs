//! Which kernels compute, on which threads; and a model's weights in the layout that they want.

use std::sync::{Arc, Mutex, Once, PoisonError, Weak};

use rayon::ThreadPool;

use super::{
    Session,
    executor::Executor,
    fast::{Factors, Fast},
    kernels::Kernels,
    scratch::Scratch,
    threads::{MOST_THREADS, Threads},
    twin::Twins,
};
use crate::{
    error::{Error, Result},
    image::Image,
    memory::Memory,
    plan::{Parts, Plan, Plans, Room},
    weights::{Parameters, Precision},
};

/// A set of kernels and the threads that they run on.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(crate) kernels: KernelSet,
    threads: Threads,
    /// Shared by all models there are, which own it: it goes with the last of them and of their sessions.
    scratch: Arc<Mutex<Weak<Scratch>>>,
}

/// Which kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KernelSet {
    Fast,
    Twins,
}

impl Engine {
    pub(crate) fn new(kernels: KernelSet) -> Self {
        Self { kernels, threads: Threads::Callers, scratch: Arc::default() }
    }

    /// The same, on a pool of the host's.
    pub(crate) fn on_pool(self, pool: Arc<ThreadPool>) -> Self {
        Self { threads: Threads::Pool(pool), scratch: Arc::default(), ..self }
    }

    /// The same, on a pool of this many threads, or fewer where the system does not give as many.
    pub(crate) fn on_threads(self, threads: usize) -> Result<Self> {
        // rayon takes 0 for "as many as there are cores", and silently lowers what is beyond its own limit.
        if !(1..=MOST_THREADS).contains(&threads) {
            return Err(Error::Config(format!(
                "{threads} threads cannot be used; the number must be from 1 to {MOST_THREADS}"
            )));
        }
        Ok(Self { threads: Threads::at_most(threads), scratch: Arc::default(), ..self })
    }

    /// Runs `work` on the engine's threads.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.threads.run(work)
    }

    /// The scratch memory of the models there are, or new where there are none.
    fn scratch(&self) -> Arc<Scratch> {
        let mut shared = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let scratch = Arc::default();
            *shared = Arc::downgrade(&scratch);
            scratch
        })
    }
}

/// Says once what to do about kernels that were compiled without optimization, as a host's debug build has them.
fn warn_where_slow() {
    static SAID: Once = Once::new();
    // By `build.rs`.
    if cfg!(unoptimized) {
        SAID.call_once(|| {
            tracing::warn!(
                "perceptual-loss was compiled without optimization and is some 20 times slower on the CPU; put                  [profile.dev.package.perceptual-loss] opt-level = 3 into Cargo.toml"
            );
        });
    }
}

/// What pictures take that go through in at most `memory` bytes of a pair's maps, and the parts in which they go, for an executor
/// whose tensors have `border` positions around each image.
///
/// # Errors
/// [`Error::TooLarge`] where no parts are small enough.
pub(crate) fn outline(plans: &Plans, border: u32, memory: u64) -> Result<(Memory, Parts)> {
    outline_of(plans.pairs(1)?, plans, border, memory)
}

/// The same where the gradient is made, too.
///
/// # Errors
/// As [`outline`].
pub(crate) fn gradient_outline(plans: &Plans, border: u32, memory: u64) -> Result<(Memory, Parts)> {
    outline_of(plans.pairs(1)?.with_gradient()?, plans, border, memory)
}

fn outline_of(pair: Plan, plans: &Plans, border: u32, memory: u64) -> Result<(Memory, Parts)> {
    let picture = |size: [u32; 2]| Image::packed_words(size).saturating_mul(4);
    let target = plans.target()?;
    let kept = target.kept().iter().map(|&id| {
        let tensor = &target.tensors()[id];
        tensor.bytes_of(tensor.region.extent, border)
    });
    let of_target = kept.fold(picture(plans.size), u64::saturating_add);
    let takes = |parts: &Parts| Memory {
        features: parts.bytes(),
        pictures: picture(parts.largest_picture()).saturating_mul(2),
        scratch: parts.plan().gram_bytes(),
        target: of_target,
    };
    let needs = |parts: &Parts| takes(parts).counted();
    let room = Room { bytes: memory, largest: u64::MAX, needs: &needs, grain: [1, 1] };
    let parts = Parts::within(pair, border, &room)?;
    Ok((takes(&parts), parts))
}

/// Weights, shared by all sessions.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    engine: Engine,
    kernels: Arc<dyn Kernels>,
}

impl Model {
    /// # Errors
    /// [`Error::Config`] where the engine has no such precision.
    pub(crate) fn new(engine: &Engine, parameters: &Arc<Parameters>, precision: Precision) -> Result<Self> {
        warn_where_slow();
        let kernels: Arc<dyn Kernels> = match engine.kernels {
            KernelSet::Fast => {
                let factors = Factors::of(precision)?;
                Arc::new(engine.run(|| Fast::new(parameters, factors, engine.scratch()))?)
            }
            KernelSet::Twins if precision == Precision::F32 => Arc::new(Twins::new(Arc::clone(parameters))),
            KernelSet::Twins => {
                return Err(Error::Config(format!("the twins compute in f32 alone, not in {precision}")));
            }
        };
        Ok(Self { engine: engine.clone(), kernels })
    }

    /// Bytes of the weights in that layout.
    pub(crate) fn bytes(&self) -> u64 {
        self.kernels.bytes()
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// An executor of a plan by its kernels.
    pub(super) fn executor(&self, plan: Plan) -> Result<Executor> {
        Executor::with_kernels(plan, Arc::clone(&self.kernels))
    }

    /// What a [`session`](Self::session) takes, and its parts.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where no parts are small enough.
    pub(crate) fn outline(&self, plans: &Plans, memory: u64) -> Result<(Memory, Parts)> {
        outline(plans, self.kernels.border(), memory)
    }

    /// What gradients of such a session take, and their parts.
    ///
    /// # Errors
    /// As [`outline`](Self::outline).
    pub(crate) fn gradient_outline(&self, plans: &Plans, memory: u64) -> Result<(Memory, Parts)> {
        gradient_outline(plans, self.kernels.border(), memory)
    }

    /// A session for pairs, in parts where their maps take more than `memory` bytes.
    ///
    /// # Errors
    /// As [`outline`](Self::outline).
    pub(crate) fn session(&self, plans: &Plans, memory: u64) -> Result<Session> {
        let (takes, parts) = self.outline(plans, memory)?;
        let executor = self.executor(plans.pairs(1)?)?;
        Ok(Session::new(self.engine.clone(), plans.clone(), parts, executor, (takes, memory)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Weights};

    /// The tests' profile has debug assertions and is optimized: the warning is of the second alone.
    #[test]
    fn an_optimized_build_is_not_warned_of() {
        if cfg!(unoptimized) {
            panic!("build.rs takes this build for one without optimization");
        }
    }

    /// What tasks work in belongs to the models and sessions that there are, is one for all of them, and goes with the last,
    /// whichever threads it was used on.
    #[test]
    fn scratch_goes_with_the_last_model_and_session() {
        let pool = Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap());
        let engine = Engine::new(KernelSet::Fast).on_pool(pool);
        let mut config = Config::default();
        config.taps.truncate(2);
        let parameters = Arc::new(Weights::seeded(1).load(config.network, 9).unwrap());
        let (width, height) = (64, 48);
        let pixels = vec![77; width as usize * height as usize * 3];
        let picture = Image::rgb8(&pixels, width, height);
        let plans = Plans { config: config.clone(), size: [width, height] };
        let compute = |session: &mut Session| drop(session.target(&picture).unwrap().unwrap());

        let models = [(); 2].map(|()| Model::new(&engine, &parameters, Precision::F32).unwrap());
        let [mut one, mut two] = models.each_ref().map(|model| model.session(&plans, 1 << 30).unwrap());
        let shared = Arc::downgrade(&engine.scratch());
        let bytes = || shared.upgrade().map(|scratch| scratch.bytes());
        assert_eq!(bytes(), Some(0));
        compute(&mut one);
        let worked_in = bytes().unwrap();
        assert!(worked_in > 1 << 20, "kernels work in it: {worked_in} bytes");
        drop(one);
        drop(models);
        assert_eq!(bytes(), Some(worked_in), "the other model's session has it too");
        compute(&mut two);
        drop(two);
        assert_eq!(bytes(), None, "nobody has it");
    }
}
