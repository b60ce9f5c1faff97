//! Comparing on the CPU. The two pictures of a pair go through the steps side by side, so that features are compared while both
//! are there and are let go of at once.

use std::time::Instant;

use super::{Engine, executor::Executor};
use crate::{
    config::Criterion,
    error::Result,
    follow::{Follow, Wait},
    image::Image,
    plan::{Operation, Parts, TensorId},
    profile::Stopwatch,
};

/// A session on the CPU.
#[derive(Debug)]
pub(crate) struct Session {
    engine: Engine,
    parts: Parts,
    executor: Executor,
}

/// A picture's features at every tap, as the kernels lay them out.
#[derive(Debug)]
pub(crate) struct Features(Vec<Vec<f32>>);

impl Session {
    /// `executor` is one of the whole picture's plan.
    pub(super) fn new(engine: Engine, parts: Parts, executor: Executor) -> Self {
        Self { engine, parts, executor }
    }

    /// Whether pictures go through in parts.
    pub(crate) fn is_cut(&self) -> bool {
        self.parts.is_cut()
    }

    /// A picture's features; none where they are too large to keep, since pictures go through in parts.
    pub(crate) fn target(&mut self, picture: &Image<'_>) -> Result<Option<Features>> {
        if self.is_cut() {
            return Ok(None);
        }
        let Self { engine, executor, .. } = self;
        let mut features = vec![];
        executor.reset(1);
        engine.run(|| {
            let packed = executor.packed(&[*picture]);
            (0..executor.plan().steps().len()).try_for_each(|step| {
                run_step(executor, step, &packed, |executor, _, tensor, _| {
                    features.push(executor.values(0, tensor).to_vec());
                })
            })
        })?;
        Ok(Some(Features(features)))
    }

    /// Features of nothing but zeros, where features are kept at all.
    pub(crate) fn zero_target(&mut self) -> Result<Option<Features>> {
        if self.is_cut() {
            return Ok(None);
        }
        let [width, height] = self.parts.plan().picture_size().unwrap_or_default();
        let black = vec![0; width as usize * height as usize * 3];
        let mut target = self.target(&Image::rgb8(&black, width, height))?;
        if let Some(Features(features)) = &mut target {
            features.iter_mut().for_each(|values| values.fill(0.0));
        }
        Ok(target)
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

    /// The sum of differences between a picture and features at each tap, where pictures do not go through in parts.
    pub(crate) async fn candidate(
        &mut self,
        picture: &Image<'_>,
        Features(features): &Features,
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<f64>> {
        self.run(&[*picture], wait, watch, follow, |executor, tap, tensor, criterion| {
            executor.difference(tensor, criterion, executor.values(0, tensor), &features[tap])
        })
        .await
    }

    /// Runs every step of every part. Gives for each tap the sum of what `difference` says of it, which gets the tap's number and
    /// its tensor. One picture is compared with a target.
    async fn run(
        &mut self,
        pictures: &[Image<'_>],
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
        difference: impl Fn(&Executor, usize, TensorId, Criterion) -> f64 + Sync,
    ) -> Result<Vec<f64>> {
        let Self { engine, parts, executor } = self;
        let whole = parts.plan();
        let (mut sums, mut seconds) = (vec![0.0; whole.taps().len()], vec![0.0; whole.steps().len()]);
        executor.reset(pictures.len() as u32);
        for (index, (band, strip)) in parts.order().enumerate() {
            let mut follow = follow.share(index, parts.count() as usize);
            if parts.is_cut() {
                executor.begin(parts.part(band, strip)?)?;
            }
            let packed = engine.run(|| executor.packed(pictures));
            let steps = executor.plan().steps().len();
            for now in 0..steps {
                follow.at(now as f64 / steps as f64)?;
                let start = Instant::now();
                engine.run(|| {
                    run_step(executor, now, &packed, |executor, tap, tensor, criterion| {
                        sums[tap] += difference(executor, tap, tensor, criterion);
                    })
                })?;
                seconds[parts.step_of(&executor.plan().steps()[now])] += start.elapsed().as_secs_f64();
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

/// Runs a step of the executor's plan; where features are compared, `at_tap` does it.
fn run_step(
    executor: &mut Executor,
    now: usize,
    pictures: &[Vec<u32>],
    mut at_tap: impl FnMut(&Executor, usize, TensorId, Criterion),
) -> Result<()> {
    let step = &executor.plan().steps()[now];
    match (step.operation, step.input()) {
        (Operation::Difference { criterion, tap }, Some(tensor)) => at_tap(executor, tap, tensor, criterion),
        _ => executor.step(now, pictures)?,
    }
    executor.release_after(now);
    Ok(())
}
