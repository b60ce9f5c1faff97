//! Comparing on the CPU. The two pictures of a pair go through the steps side by side, each in a lane of its own,
//! so that features are compared while both are there and are let go of at once.

use std::{fmt, time::Instant};

use rayon::prelude::*;

use super::Engine;
use crate::{
    config::Criterion,
    error::Result,
    image::Image,
    plan::{Operation, Part, Plan, Step, Strips, TensorId},
    profile::Stopwatch,
};

/// What a session asks of an executor whose plan is for one image.
pub(super) trait Execute: fmt::Debug + Send + Sync {
    /// Goes on with another part of a picture that is cut.
    fn begin(&mut self, part: Part);

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
    strips: Strips,
    lanes: [Lane; 2],
}

/// What a target is kept as.
#[derive(Debug)]
pub(crate) enum Features {
    /// The features at every tap, in the executor's own order.
    Taps(Vec<Vec<f32>>),
    /// The packed picture, where it is cut: its features are too large to keep.
    Picture(Vec<u32>),
}

impl Session {
    /// `lanes` are executors of the whole picture's plan.
    pub(super) fn new(engine: Engine, strips: Strips, lanes: [Lane; 2]) -> Self {
        Self { engine, strips, lanes }
    }

    fn is_cut(&self) -> bool {
        self.strips.bands() > 1 || self.strips.strips() > 1
    }

    /// What a picture is compared by as a target.
    pub(crate) fn features(&mut self, picture: &Image<'_>) -> Result<Features> {
        let packed = picture.packed();
        if self.is_cut() {
            return Ok(Features::Picture(packed));
        }
        let mut features = vec![];
        self.run(&[&packed], None, |lanes, _, tensor, _| features.push(lanes[0].values(tensor).to_vec()))?;
        Ok(Features::Taps(features))
    }

    /// The sum of differences between a pair of pictures at each tap.
    pub(crate) fn pair(
        &mut self,
        a: &Image<'_>,
        b: &Image<'_>,
        watch: Option<&mut Stopwatch>,
    ) -> Result<Vec<f64>> {
        self.packed_pair(&a.packed(), &b.packed(), watch)
    }

    fn packed_pair(&mut self, a: &Vec<u32>, b: &Vec<u32>, watch: Option<&mut Stopwatch>) -> Result<Vec<f64>> {
        let mut sums = vec![0.0; self.strips.plan().taps.len()];
        self.run(&[a, b], watch, |lanes, tap, tensor, criterion| {
            let [a, b] = [0, 1].map(|lane| lanes[lane].values(tensor));
            sums[tap] += lanes[0].difference(tensor, criterion, a, b);
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
        let features = match target {
            Features::Taps(features) => features,
            Features::Picture(target) => return self.packed_pair(&picture.packed(), target, watch),
        };
        let mut sums = vec![0.0; features.len()];
        self.run(&[&picture.packed()], watch, |lanes, tap, tensor, criterion| {
            sums[tap] += lanes[0].difference(tensor, criterion, lanes[0].values(tensor), &features[tap]);
        })?;
        Ok(sums)
    }

    /// Runs every step of every part, a packed picture a lane, and calls `at_tap` in the order of the taps, with the
    /// tap's number and its tensor. One picture is compared with a target, or not at all.
    fn run(
        &mut self,
        pictures: &[&Vec<u32>],
        watch: Option<&mut Stopwatch>,
        mut at_tap: impl FnMut(&[Lane], usize, TensorId, Criterion) + Send,
    ) -> Result<()> {
        let cut = self.is_cut();
        let Self { engine, strips, lanes } = self;
        let lanes = &mut lanes[..pictures.len()];
        let whole = strips.plan();
        engine.run(|| {
            let mut seconds = vec![0.0; whole.steps.len()];
            if cut {
                for (band, strip) in
                    (0..strips.bands()).flat_map(|b| (0..strips.strips()).map(move |s| (b, s)))
                {
                    let part = strips.part(band, strip)?;
                    lanes.iter_mut().for_each(|lane| lane.begin(part.clone()));
                    run_plan(lanes, &part.plan, pictures, &mut at_tap, |step, time| {
                        seconds[step_of(whole, step)] += time;
                    })?;
                }
            } else {
                run_plan(lanes, whole, pictures, &mut at_tap, |step, time| {
                    seconds[step_of(whole, step)] += time
                })?;
            }
            if let Some(watch) = watch {
                watch.round(whole, pictures.len(), pictures.len() == 1, &seconds);
            }
            Ok(())
        })
    }
}

/// The step of the whole plan that a part's step is: that of its name, and for rows that are kept the one that made them.
fn step_of(whole: &Plan, step: &Step) -> usize {
    let same = |other: &Step| match step.operation {
        Operation::Copy => {
            other.output.is_some() && (other.output == step.output || other.output == step.input)
        }
        _ => other.name == step.name,
    };
    whole.steps.iter().position(same).unwrap_or_default()
}

/// Runs every step of a plan, a picture a lane.
fn run_plan(
    lanes: &mut [Lane],
    plan: &Plan,
    pictures: &[&Vec<u32>],
    at_tap: &mut (impl FnMut(&[Lane], usize, TensorId, Criterion) + Send),
    mut took: impl FnMut(&Step, f64),
) -> Result<()> {
    for (now, step) in plan.steps.iter().enumerate() {
        let start = Instant::now();
        match (step.operation, step.input) {
            (Operation::Difference { criterion, tap }, Some(tensor)) => at_tap(lanes, tap, tensor, criterion),
            _ => lanes
                .par_iter_mut()
                .zip(pictures)
                .try_for_each(|(lane, packed)| lane.step(now, std::slice::from_ref(*packed)))?,
        }
        // Nobody reads it any more.
        if let Some(input) = step.input
            && plan.steps[now + 1..].iter().all(|later| later.input != Some(input))
        {
            lanes.iter_mut().for_each(|lane| lane.release(input));
        }
        took(step, start.elapsed().as_secs_f64());
    }
    Ok(())
}
