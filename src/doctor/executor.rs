//! An executor on any context.

use std::{ops::Range, sync::Arc};

use crate::{
    Context, cpu,
    error::Result,
    gpu,
    image::Image,
    loss::ModelOptions,
    network::Layer,
    plan::{Plan, TensorId},
    tuning::Tunings,
    weights::Parameters,
};

/// A plan on any context.
#[derive(Debug)]
#[non_exhaustive]
pub enum AnyExecutor {
    /// Shaders, in the tunings that were asked for.
    Gpu(Box<gpu::Executor>, Tunings),
    /// The CPU's kernels.
    Cpu(Box<cpu::executor::Executor>),
}

impl AnyExecutor {
    /// On a GPU in the options' tunings, and on the CPU in the options' precision.
    ///
    /// # Errors
    /// The executors'.
    pub fn new(
        context: &Context,
        options: &ModelOptions,
        plan: Plan,
        parameters: &Arc<Parameters>,
    ) -> Result<Self> {
        if context.gpu_handle().is_some() {
            let tunings = options.tunings.clone();
            let executor =
                gpu::Executor::with_tunings(context, plan, Arc::clone(parameters), tunings.clone())?;
            return Ok(Self::Gpu(Box::new(executor), tunings));
        }
        let executor = cpu::executor::Executor::fast_with_precision(plan, parameters, options.precision)?;
        Ok(Self::Cpu(Box::new(executor)))
    }

    /// Sets a tensor's values.
    ///
    /// # Errors
    /// The executors'.
    pub fn write(&mut self, tensor: TensorId, values: &[f32]) -> Result<()> {
        match self {
            Self::Gpu(executor, _) => executor.write(tensor, values),
            Self::Cpu(executor) => executor.write(tensor, values),
        }
    }

    /// Sets what the Gram matrices of a tap begin with.
    ///
    /// # Errors
    /// The executors'.
    pub fn begin_matrices(&mut self, tap: usize, values: &[f32]) -> Result<()> {
        match self {
            Self::Gpu(executor, _) => executor.begin_matrices(tap, values),
            Self::Cpu(executor) => executor.begin_matrices(tap, values),
        }
    }

    /// Runs a range of steps, with pictures for the one that reads them.
    ///
    /// # Errors
    /// The executors'.
    pub fn run(&mut self, steps: Range<usize>, pictures: &[Image<'_>]) -> Result<()> {
        match self {
            Self::Gpu(executor, _) => executor.run(steps, pictures),
            Self::Cpu(executor) => executor.run(steps, pictures),
        }
    }

    /// That no convolution of the steps that ran last made a value that is not finite. On the CPU the run itself ends with that.
    ///
    /// # Errors
    /// [`Error::NotFinite`](crate::Error::NotFinite) of the first that did; the executors'.
    pub fn check_finite(&self) -> Result<()> {
        match self {
            Self::Gpu(executor, _) => executor.check_finite_blocking(),
            Self::Cpu(_) => Ok(()),
        }
    }

    /// A tensor's values, as its step left them.
    ///
    /// # Errors
    /// The executors'.
    pub fn read(&self, tensor: TensorId) -> Result<Vec<f32>> {
        match self {
            Self::Gpu(executor, _) => executor.read_blocking(tensor),
            Self::Cpu(executor) => executor.read(tensor),
        }
    }

    /// For each tap and each image, the sum of its difference.
    ///
    /// # Errors
    /// The executors'.
    pub fn sums(&self) -> Result<Vec<Vec<f64>>> {
        match self {
            Self::Gpu(executor, _) => {
                let wide = |tap: &Vec<f32>| tap.iter().copied().map(f64::from).collect();
                Ok(executor.sums_blocking()?.iter().map(wide).collect())
            }
            Self::Cpu(executor) => Ok(executor.sums().to_vec()),
        }
    }

    /// Whether its way of computing this convolution makes unequal results of equal patches. A tuning that nobody has
    /// asked for makes none.
    #[must_use]
    pub fn breaks_ties(&self, layer: &Layer) -> bool {
        match self {
            Self::Gpu(_, tunings) => tunings.asked(layer.name).is_some_and(|tuning| tuning.row().breaks_ties),
            Self::Cpu(executor) => executor.breaks_ties(layer),
        }
    }
}
