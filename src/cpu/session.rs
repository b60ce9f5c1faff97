//! Comparing on the CPU. The target's maps and the difference's go through the steps side by side, so that each is let go of as
//! soon as nothing reads it.

use std::{borrow::Cow, sync::Arc};

use super::{Engine, compute::Packed, executor::Executor, lines::Lines};
use crate::{
    clock::Instant,
    error::Result,
    follow::{Follow, Wait},
    image::Image,
    memory::Memory,
    plan::{Parts, Plans},
    profile::Stopwatch,
};

/// A session on the CPU.
#[derive(Debug)]
pub(crate) struct Session {
    engine: Engine,
    plans: Plans,
    parts: Parts,
    /// Whether there is room for a target's maps.
    keeps_targets: bool,
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
enum Compared<'a> {
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
        Self { engine, plans, parts, keeps_targets, executor }
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

    /// The sum of differences between a generated picture and its target at each tap.
    pub(crate) async fn pair(
        &mut self,
        generated: &Image<'_>,
        target: &Image<'_>,
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<f64>> {
        self.run(Compared::Pair(generated, target), wait, watch, follow).await
    }

    /// The sum of differences between a picture and a target at each tap, where pictures do not go through in parts.
    pub(crate) async fn candidate(
        &mut self,
        picture: &Image<'_>,
        target: &Target,
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<f64>> {
        self.run(Compared::Candidate(picture, target), wait, watch, follow).await
    }

    /// The sum over a picture's own features at each tap, where pictures do not go through in parts.
    pub(crate) async fn magnitude(
        &mut self,
        picture: &Image<'_>,
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<f64>> {
        self.run(Compared::Magnitude(picture), wait, watch, follow).await
    }

    /// Runs every step of every part, and gives the sum at each tap.
    async fn run(
        &mut self,
        compared: Compared<'_>,
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
        let (mut sums, mut seconds) = (vec![0.0; whole.taps().len()], vec![0.0; whole.steps().len()]);
        executor.restart(whole.clone())?;
        for (index, (band, strip)) in parts.order().enumerate() {
            let mut follow = follow.share(index, parts.count() as usize);
            if parts.is_cut() {
                executor.begin(parts.part(band, strip)?)?;
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
            for (sum, of_part) in sums.iter_mut().zip(executor.sums()) {
                *sum += of_part.iter().sum::<f64>();
            }
        }
        follow.at(1.0)?;
        if let Some(watch) = watch {
            watch.round(&whole, 1, &seconds);
        }
        Ok(sums)
    }
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
