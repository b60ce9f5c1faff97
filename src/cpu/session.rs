//! Comparing on the CPU. The two pictures of a pair go through the steps side by side, so that features are compared while both
//! are there and are let go of at once.

use std::{fmt, time::Instant};

use super::Engine;
use crate::{
    config::Criterion,
    error::Result,
    follow::{Follow, Wait},
    image::{Image, Owned},
    plan::{Operation, Part, Plan, Strips, TensorId},
    profile::Stopwatch,
};

/// What a session asks of an executor.
pub(super) trait Execute: fmt::Debug + Send + Sync {
    /// Lets go of everything, rows that were kept too, whatever became of what was before: a comparison of so many pictures
    /// begins.
    fn reset(&mut self, pictures: u32);

    /// Goes on with another part of pictures that are cut, planned for one.
    fn begin(&mut self, part: Part);

    /// Runs one step, with packed pictures.
    fn step(&mut self, step: usize, packed: &[Vec<u32>]) -> Result<()>;

    /// A picture's values of a tensor in the executor's own order, which other executors of its kind and plan share.
    fn values(&self, picture: usize, tensor: TensorId) -> &[f32];

    /// Lets go of a tensor's values.
    fn release(&mut self, tensor: TensorId);

    /// The sum of differences between two pictures' values of a tensor, in the executor's own order.
    fn difference(&self, tensor: TensorId, criterion: Criterion, a: &[f32], b: &[f32]) -> f64;
}

/// A session on the CPU.
#[derive(Debug)]
pub(crate) struct Session {
    engine: Engine,
    strips: Strips,
    executor: Box<dyn Execute>,
}

/// What pictures are compared with.
#[derive(Debug)]
pub(crate) enum Target {
    /// A picture's features at every tap, in the executor's own order.
    Features(Vec<Vec<f32>>),
    /// The picture, whose features are too large to keep.
    Picture(Owned),
}

impl Session {
    /// `executor` is one of the whole picture's plan.
    pub(super) fn new(engine: Engine, strips: Strips, executor: Box<dyn Execute>) -> Self {
        Self { engine, strips, executor }
    }

    /// What pictures are to be compared with.
    pub(crate) fn target(&mut self, picture: &Image<'_>) -> Result<Target> {
        if self.strips.is_cut() {
            return Ok(Target::Picture(picture.owned()));
        }
        let plan = self.strips.plan().clone();
        let Self { engine, executor, .. } = self;
        let mut features = vec![];
        executor.reset(1);
        engine.run(|| {
            let packed = plan.packed(&[*picture]);
            (0..plan.steps.len()).try_for_each(|step| {
                run_step(&mut **executor, &plan, step, &packed, |executor, _, tensor, _| {
                    features.push(executor.values(0, tensor).to_vec());
                })
            })
        })?;
        Ok(Target::Features(features))
    }

    /// Features of nothing but zeros, where features are kept at all.
    pub(crate) fn zero_target(&mut self) -> Result<Option<Target>> {
        if self.strips.is_cut() {
            return Ok(None);
        }
        let [width, height] = self.strips.plan().picture_size().unwrap_or_default();
        let black = vec![0; width as usize * height as usize * 3];
        let mut target = self.target(&Image::rgb8(&black, width, height))?;
        if let Target::Features(features) = &mut target {
            features.iter_mut().for_each(|values| values.fill(0.0));
        }
        Ok(Some(target))
    }

    /// The sum of differences between a pair of pictures at each tap.
    pub(crate) async fn pair(
        &mut self,
        a: &Image<'_>,
        b: &Image<'_>,
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<f64>> {
        self.run(&[*a, *b], wait, watch, follow, |executor, _, tensor, criterion| {
            let [a, b] = [0, 1].map(|picture| executor.values(picture, tensor));
            executor.difference(tensor, criterion, a, b)
        })
        .await
    }

    /// The sum of differences between a picture and a target at each tap.
    pub(crate) async fn candidate(
        &mut self,
        picture: &Image<'_>,
        target: &Target,
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<f64>> {
        match target {
            Target::Features(features) => {
                self.run(&[*picture], wait, watch, follow, |executor, tap, tensor, criterion| {
                    executor.difference(tensor, criterion, executor.values(0, tensor), &features[tap])
                })
                .await
            }
            Target::Picture(target) => self.pair(picture, &target.view(), wait, watch, follow).await,
        }
    }

    /// Runs every step of every part. Gives for each tap the sum of what `difference` says of it, which gets the tap's number and
    /// its tensor. One picture is compared with a target.
    async fn run(
        &mut self,
        pictures: &[Image<'_>],
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
        difference: impl Fn(&dyn Execute, usize, TensorId, Criterion) -> f64 + Sync,
    ) -> Result<Vec<f64>> {
        let Self { engine, strips, executor } = self;
        let whole = strips.plan();
        let (mut sums, mut seconds) = (vec![0.0; whole.taps.len()], vec![0.0; whole.steps.len()]);
        executor.reset(pictures.len() as u32);
        for (index, (band, strip)) in strips.order().enumerate() {
            let mut follow = follow.share(index, strips.count() as usize);
            let part = strips.part(band, strip)?;
            if strips.is_cut() {
                executor.begin(part.clone());
            }
            let plan = &part.plan;
            let packed = engine.run(|| plan.packed(pictures));
            for (now, step) in plan.steps.iter().enumerate() {
                follow.at(now as f64 / plan.steps.len() as f64)?;
                let start = Instant::now();
                engine.run(|| {
                    run_step(&mut **executor, plan, now, &packed, |executor, tap, tensor, criterion| {
                        sums[tap] += difference(executor, tap, tensor, criterion);
                    })
                })?;
                seconds[strips.step_of(step)] += start.elapsed().as_secs_f64();
                wait.give_way().await;
            }
        }
        follow.at(1.0)?;
        if let Some(watch) = watch {
            watch.round(whole, pictures.len(), pictures.len() == 1, &seconds);
        }
        Ok(sums)
    }
}

/// Runs a step of a plan; where features are compared, `at_tap` does it.
fn run_step(
    executor: &mut dyn Execute,
    plan: &Plan,
    now: usize,
    pictures: &[Vec<u32>],
    mut at_tap: impl FnMut(&dyn Execute, usize, TensorId, Criterion),
) -> Result<()> {
    let step = &plan.steps[now];
    match (step.operation, step.input) {
        (Operation::Difference { criterion, tap }, Some(tensor)) => at_tap(executor, tap, tensor, criterion),
        _ => executor.step(now, pictures)?,
    }
    // Nobody reads it any more.
    if let Some(input) = step.input
        && plan.steps[now + 1..].iter().all(|later| later.input != Some(input))
    {
        executor.release(input);
    }
    Ok(())
}
