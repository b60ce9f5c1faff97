//! Comparing on the CPU. The two pictures of a pair go through the steps side by side, each in a lane of its own,
//! so that features are compared while both are there and are let go of at once.

use std::{fmt, time::Instant};

use rayon::prelude::*;

use super::Engine;
use crate::{
    config::Criterion,
    error::Result,
    image::Image,
    plan::{Operation, Plan, TensorId},
    profile::Stopwatch,
};

/// What a session asks of an executor whose plan is for one image.
pub(super) trait Execute: fmt::Debug + Send + Sync {
    /// Runs one step, with packed pictures.
    fn step(&mut self, step: usize, packed: &[Vec<u32>]) -> Result<()>;

    /// A tensor's values in the executor's own order, which other executors of its kind and plan share.
    fn values(&self, tensor: TensorId) -> &[f32];

    /// Lets go of a tensor's values.
    fn release(&mut self, tensor: TensorId);

    /// The sum of differences between two pictures' values of a tensor, in the executor's own order.
    fn difference(&self, tensor: TensorId, criterion: Criterion, a: &[f32], b: &[f32]) -> f64;
}

type Lane = Box<dyn Execute>;

/// A session on the CPU.
#[derive(Debug)]
pub(crate) struct Session {
    engine: Engine,
    plan: Plan,
    lanes: [Lane; 2],
}

/// A picture's features at every tap, in the executor's own order.
pub(crate) type Features = Vec<Vec<f32>>;

impl Session {
    /// `lanes` are executors of `plan`, which is for one image.
    pub(super) fn new(engine: Engine, plan: Plan, lanes: [Lane; 2]) -> Self {
        Self { engine, plan, lanes }
    }

    /// A picture's features at every tap.
    pub(crate) fn features(&mut self, picture: &Image<'_>) -> Result<Features> {
        let mut features = vec![];
        self.run(&[picture], None, |lanes, tensor, _| features.push(lanes[0].values(tensor).to_vec()))?;
        Ok(features)
    }

    /// The sum of differences between a pair of pictures at each tap.
    pub(crate) fn pair(
        &mut self,
        a: &Image<'_>,
        b: &Image<'_>,
        watch: Option<&mut Stopwatch>,
    ) -> Result<Vec<f64>> {
        let mut sums = vec![];
        self.run(&[a, b], watch, |lanes, tensor, criterion| {
            let [a, b] = [0, 1].map(|lane| lanes[lane].values(tensor));
            sums.push(lanes[0].difference(tensor, criterion, a, b));
        })?;
        Ok(sums)
    }

    /// The sum of differences between a picture and a target at each tap.
    pub(crate) fn candidate(
        &mut self,
        picture: &Image<'_>,
        target: &Features,
        watch: Option<&mut Stopwatch>,
    ) -> Result<Vec<f64>> {
        let mut sums: Vec<f64> = vec![];
        self.run(&[picture], watch, |lanes, tensor, criterion| {
            let features = lanes[0].values(tensor);
            sums.push(lanes[0].difference(tensor, criterion, features, &target[sums.len()]));
        })?;
        Ok(sums)
    }

    /// Runs every step, a picture a lane, and calls `at_tap` in the order of the taps. One picture is compared with a
    /// target, or not at all.
    fn run(
        &mut self,
        pictures: &[&Image<'_>],
        watch: Option<&mut Stopwatch>,
        mut at_tap: impl FnMut(&[Lane], TensorId, Criterion) + Send,
    ) -> Result<()> {
        let Self { engine, plan, lanes } = self;
        let lanes = &mut lanes[..pictures.len()];
        engine.run(|| {
            let packed: Vec<_> = pictures.iter().map(|picture| [picture.packed()]).collect();
            let mut seconds = vec![];
            for (now, step) in plan.steps.iter().enumerate() {
                let start = Instant::now();
                match (step.operation, step.input) {
                    (Operation::Difference { criterion, .. }, Some(tensor)) => {
                        at_tap(lanes, tensor, criterion);
                    }
                    _ => lanes
                        .par_iter_mut()
                        .zip(&packed)
                        .try_for_each(|(lane, packed)| lane.step(now, packed))?,
                }
                // Nobody reads it any more.
                if let Some(input) = step.input
                    && plan.steps[now + 1..].iter().all(|later| later.input != Some(input))
                {
                    lanes.iter_mut().for_each(|lane| lane.release(input));
                }
                seconds.push(start.elapsed().as_secs_f64());
            }
            if let Some(watch) = watch {
                watch.round(plan, pictures.len(), pictures.len() == 1, &seconds);
            }
            Ok(())
        })
    }
}
