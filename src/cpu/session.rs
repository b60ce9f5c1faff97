//! Comparing on the CPU. The target's maps and the difference's go through the steps side by side, so that each is let go of as
//! soon as nothing reads it.

use std::{borrow::Cow, sync::Arc};

use super::{Engine, compute::Packed, engine::gradient_outline, executor::Executor, lines::Lines};
use crate::{
    clock::Instant,
    error::{Error, Result},
    follow::{Follow, Wait},
    image::Image,
    memory::Memory,
    plan::{Parts, Plan, Plans},
    profile::Stopwatch,
    style::Style,
};

/// A session on the CPU.
#[derive(Debug)]
pub(crate) struct Session {
    engine: Engine,
    plans: Plans,
    parts: Parts,
    /// Whether there is room for a target's maps.
    keeps_targets: bool,
    /// The parts in which pictures go through whose gradient is made, once one is asked for.
    gradient: Option<Parts>,
    /// Bytes that are allowed.
    allowed: u64,
    executor: Executor,
}

/// A picture, packed, and the maps that the network makes of it, as the kernels lay them out.
#[derive(Debug)]
pub(crate) struct Target {
    picture: Vec<u32>,
    maps: Vec<Arc<Lines>>,
}

/// What is compared.
#[derive(Clone, Copy)]
pub(super) enum Compared<'a> {
    /// A generated picture and its target.
    Pair(&'a Image<'a>, &'a Image<'a>),
    Candidate(&'a Image<'a>, &'a Target),
    /// A picture by itself.
    Magnitude(&'a Image<'a>),
}

impl Session {
    /// `executor` is one of a pair's plan; the session takes `memory` of so many bytes that are allowed.
    pub(super) fn new(
        engine: Engine,
        plans: Plans,
        parts: Parts,
        executor: Executor,
        (memory, allowed): (Memory, u64),
    ) -> Self {
        let keeps_targets = !parts.is_cut() && memory.counted().saturating_add(memory.target) <= allowed;
        Self { engine, plans, parts, keeps_targets, gradient: None, allowed, executor }
    }

    /// Whether pictures go through in parts.
    pub(crate) fn is_cut(&self) -> bool {
        self.parts.is_cut()
    }

    /// A picture's maps; none where there is no room to keep them.
    pub(crate) fn target(&mut self, picture: &Image<'_>) -> Result<Option<Target>> {
        if !self.keeps_targets {
            return Ok(None);
        }
        let Self { engine, executor, .. } = self;
        executor.restart(self.plans.target()?)?;
        engine.run(|| {
            let packed = executor.packed(&[*picture])?;
            for now in 0..executor.plan().steps().len() {
                executor.step(now, &packed)?;
                executor.release_after(now);
            }
            let kept = executor.plan().kept().to_vec();
            let maps = kept.into_iter().map(|id| Arc::new(executor.take(id))).collect();
            let picture = packed.targets.into_iter().map(Cow::into_owned).next().unwrap_or_default();
            Ok(Some(Target { picture, maps }))
        })
    }

    /// The sum of differences between a generated picture and its target at each tap: of Gram matrices from the style's, where there is
    /// one.
    pub(crate) async fn pair(
        &mut self,
        [generated, target]: [&Image<'_>; 2],
        style: Option<&Arc<Style>>,
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<f64>> {
        self.run((Compared::Pair(generated, target), style), wait, watch, follow).await
    }

    /// The sum of differences between a picture and a target at each tap, where pictures do not go through in parts.
    pub(crate) async fn candidate(
        &mut self,
        picture: &Image<'_>,
        target: &Target,
        style: Option<&Arc<Style>>,
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<f64>> {
        self.run((Compared::Candidate(picture, target), style), wait, watch, follow).await
    }

    /// The sum over a picture's own features at each tap, where pictures do not go through in parts.
    pub(crate) async fn magnitude(
        &mut self,
        picture: &Image<'_>,
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<f64>> {
        self.run((Compared::Magnitude(picture), None), wait, watch, follow).await
    }

    /// Whether gradients of a kept target can be made: the picture goes through as a whole then.
    pub(crate) fn keeps_for_gradient(&mut self) -> Result<bool> {
        Ok(!self.gradient_parts()?.is_cut())
    }

    fn gradient_parts(&mut self) -> Result<&Parts> {
        let parts = match self.gradient.take() {
            Some(parts) => parts,
            None => gradient_outline(&self.plans, self.executor.border(), self.allowed)?.1,
        };
        Ok(self.gradient.insert(parts))
    }

    /// For a generated picture and its target, the sum of differences at each tap, and the gradient, shape (3, H, W).
    pub(crate) async fn pair_gradient(
        &mut self,
        [generated, target]: &[Image<'_>; 2],
        style: Option<&Arc<Style>>,
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<(Vec<f64>, Vec<f32>)> {
        self.gradient((Compared::Pair(generated, target), style), wait, watch, follow).await
    }

    /// The same of a picture and a target, where [its maps can be used](Self::keeps_for_gradient).
    pub(crate) async fn candidate_gradient(
        &mut self,
        target: &Target,
        style: Option<&Arc<Style>>,
        picture: &Image<'_>,
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<(Vec<f64>, Vec<f32>)> {
        self.gradient((Compared::Candidate(picture, target), style), wait, watch, follow).await
    }

    async fn gradient(
        &mut self,
        (compared, style): (Compared<'_>, Option<&Arc<Style>>),
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<(Vec<f64>, Vec<f32>)> {
        self.gradient_parts()?;
        let Self { engine, plans, gradient: Some(parts), executor, .. } = self else {
            return Err(Error::Config("there are no parts for a gradient".to_owned()));
        };
        let plan = match compared {
            Compared::Candidate(..) => plans.candidates(1)?,
            _ => plans.pairs(1)?,
        };
        let whole = plan.with_gradient()?;
        let mut gradient = whole.zero_gradient()?;
        let timed = watch.map(|watch| (watch, whole.clone()));
        let ran = run(engine, executor, whole, parts, (compared, style), wait, follow, |executor| {
            if let Some(id) = executor.plan().gradient().filter(|_| executor.plan().makes_gradient()) {
                executor.plan().place_gradient(&executor.read(id)?, &mut gradient);
            }
            Ok(())
        });
        let (sums, seconds) = ran.await?;
        if let Some((watch, whole)) = timed {
            watch.round(&whole, 1, &seconds);
        }
        Ok((sums, gradient))
    }

    /// Runs every step of every part, and gives the sum at each tap.
    async fn run(
        &mut self,
        (compared, style): (Compared<'_>, Option<&Arc<Style>>),
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<f64>> {
        let Self { engine, plans, parts, executor, .. } = self;
        let whole = match compared {
            Compared::Pair(..) => plans.pairs(1)?,
            Compared::Candidate(..) => plans.candidates(1)?,
            Compared::Magnitude(_) => plans.magnitudes(1)?,
        };
        let timed = watch.map(|watch| (watch, whole.clone()));
        let compared = (compared, style);
        let (sums, seconds) = run(engine, executor, whole, parts, compared, wait, follow, |_| Ok(())).await?;
        if let Some((watch, whole)) = timed {
            watch.round(&whole, 1, &seconds);
        }
        Ok(sums)
    }
}

/// Runs every step of every part of `whole`, with `done` after each part, and gives the sum at each tap, and the seconds of each
/// step. Gram matrices begin with those of a style, where there is one.
#[expect(clippy::too_many_arguments, reason = "a session's fields, and what one of its comparisons is of")]
pub(super) async fn run(
    engine: &Engine,
    executor: &mut Executor,
    whole: Plan,
    parts: &Parts,
    (compared, style): (Compared<'_>, Option<&Arc<Style>>),
    wait: Wait,
    follow: &mut Follow<'_>,
    mut done: impl FnMut(&Executor) -> Result<()>,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut sums, mut seconds) = (vec![0.0; whole.taps().len()], vec![0.0; whole.steps().len()]);
    executor.restart(whole)?;
    executor.set_style(style.cloned());
    for (index, (sweep, band, strip)) in parts.runs().enumerate() {
        let mut follow = follow.share(index, parts.run_count());
        if parts.is_cut() {
            executor.begin(parts.part_of(sweep, band, strip)?)?;
        }
        let packed = engine.run(|| pack(executor, compared))?;
        let steps = executor.plan().steps().len();
        for now in 0..steps {
            follow.at(now as f64 / steps as f64)?;
            let start = Instant::now();
            engine.run(|| executor.step(now, &packed))?;
            executor.release_after(now);
            let step = if parts.is_cut() { parts.step_of(&executor.plan().steps()[now]) } else { now };
            seconds[step] += start.elapsed().as_secs_f64();
            wait.give_way().await;
        }
        // A part may have nothing of a deep tap.
        for (tap, (sum, of_part)) in sums.iter_mut().zip(executor.sums()).enumerate() {
            let so_far = if executor.plan().is_of_all(tap) && !of_part.is_empty() { 0.0 } else { *sum };
            *sum = so_far + of_part.iter().sum::<f64>();
        }
        done(executor)?;
    }
    follow.at(1.0)?;
    Ok((sums, seconds))
}

/// The pictures as the executor's plan reads them, with a target's maps where there is one.
fn pack<'a>(executor: &mut Executor, compared: Compared<'a>) -> Result<Packed<'a>> {
    match compared {
        Compared::Pair(generated, target) => executor.packed(&[*generated, *target]),
        Compared::Magnitude(picture) => executor.packed(&[*picture]),
        Compared::Candidate(picture, Target { picture: target, maps }) => {
            let kept = executor.plan().kept().to_vec();
            for (id, map) in kept.into_iter().zip(maps) {
                executor.give(id, Arc::clone(map));
            }
            Ok(Packed { targets: vec![target.into()], ..executor.packed(&[*picture])? })
        }
    }
}
