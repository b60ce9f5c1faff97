//! One shape's buffers, and comparing through them: upload, record, submit, read back.

mod flight;
mod mapping;
mod parts;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use self::{flight::Flight, mapping::submit_and_read, parts::InParts};
use super::{
    arrange::{Arrangement, arrange},
    context::Gpu,
    executor::{Executor, Round},
    lower::{Host, Mode},
    model::Model,
    prepared::Prepared,
    timing::timed,
};
use crate::{
    error::{Error, Result},
    follow::{Follow, Wait},
    image::{Image, Owned},
    memory::Memory,
    plan::{Parts, Plan},
    profile::Stopwatch,
};

/// A session on a GPU.
#[derive(Debug)]
pub(crate) struct Session(Way);

/// How pictures go through.
#[derive(Debug)]
enum Way {
    /// As a whole, many together.
    Whole(Box<Whole>),
    /// A pair at a time, in parts.
    InParts(Box<InParts>),
}

#[derive(Debug)]
struct Whole {
    executor: Executor,
    readback: wgpu::Buffer,
    /// Commands that copy features out; made by the first target.
    features: Option<Prepared>,
    /// Commands that compare with a target, bound to the target last used.
    candidates: Option<(u64, Prepared)>,
    /// Room for packing pictures.
    words: Vec<u32>,
}

/// What pictures are compared with.
#[derive(Debug)]
pub(crate) enum Target {
    /// A picture's features at every tap, on the device.
    Features { id: u64, features: Vec<wgpu::Buffer> },
    /// The picture, whose features are too large to keep.
    Picture(Owned),
}

impl Session {
    /// Buffers for rounds of up to `pairs` pairs of the pictures that `plan` is for, in `memory` bytes of features and
    /// scratch.
    pub(crate) fn new(
        model: &Arc<Model>,
        plan: impl Fn(u32) -> Result<Plan>,
        pairs: u32,
        memory: u64,
    ) -> Result<Self> {
        let arranged = arrange(plan, pairs, memory, model.means())?;
        let takes = arranged.memory(model.means())?;
        let model = Arc::clone(model);
        Ok(Self(match arranged {
            Arrangement::Whole(sets) => {
                let executor = Executor::with_sets(model, sets, Mode::Pairs, Host::Memory)?;
                Way::Whole(Box::new(Whole::new(executor)?))
            }
            Arrangement::Parts(parts) => Way::InParts(Box::new(InParts::new(model, *parts, takes)?)),
        }))
    }

    /// What [`new`](Self::new) would allocate, and the parts in which pictures go through: one where they are not cut.
    pub(crate) fn outline(
        model: &Model,
        plan: impl Fn(u32) -> Result<Plan>,
        pairs: u32,
        memory: u64,
    ) -> Result<(Memory, Parts)> {
        let arranged = arrange(&plan, pairs, memory, model.means())?;
        let memory = arranged.memory(model.means())?;
        Ok(match arranged {
            Arrangement::Whole(_) => (memory, Parts::uncut(plan(1)?.into(), 0)?),
            Arrangement::Parts(parts) => (memory, *parts),
        })
    }

    /// Whether pictures go through in parts.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self.0, Way::InParts(_))
    }

    /// Pictures that one round holds.
    pub(crate) fn pictures(&self) -> usize {
        match &self.0 {
            Way::Whole(whole) => whole.pictures(),
            Way::InParts(_) => 2,
        }
    }

    /// Compares pictures 2k and 2k + 1, at most [`pictures`](Self::pictures) of them. For each pair, the sum of
    /// differences at each tap.
    pub(crate) async fn pairs(
        &mut self,
        pictures: &[Image<'_>],
        wait: Wait,
        mut watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<Vec<f64>>> {
        match &mut self.0 {
            Way::Whole(whole) => whole.pairs(pictures, wait, watch, follow).await,
            Way::InParts(parts) => {
                let mut sums = vec![];
                for (index, pair) in pictures.as_chunks().0.iter().enumerate() {
                    let [a, b] = pair;
                    let mut follow = follow.share(index, pictures.len() / 2);
                    sums.push(parts.pair(a, b, wait, watch.as_deref_mut(), &mut follow).await?);
                }
                Ok(sums)
            }
        }
    }

    /// Compares each picture, at most [`pictures`](Self::pictures) of them, with the target. For each, the sum
    /// of differences at each tap.
    pub(crate) async fn candidates(
        &mut self,
        target: &Target,
        pictures: &[Image<'_>],
        wait: Wait,
        mut watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<Vec<f64>>> {
        match (&mut self.0, target) {
            (Way::Whole(whole), Target::Features { id, features }) => {
                whole.candidates((*id, features), pictures, wait, watch, follow).await
            }
            (Way::InParts(parts), Target::Picture(target)) => {
                let mut sums = vec![];
                for (index, picture) in pictures.iter().enumerate() {
                    let mut follow = follow.share(index, pictures.len());
                    let watch = watch.as_deref_mut();
                    sums.push(parts.pair(picture, &target.view(), wait, watch, &mut follow).await?);
                }
                Ok(sums)
            }
            // Not to be seen: whether pictures are cut depends on the model and the size, which the target shares.
            _ => Err(Error::Config("the target is of a session that is cut in another way".to_owned())),
        }
    }

    /// What pictures are to be compared with. Nothing is waited for.
    pub(crate) fn target(&mut self, picture: &Image<'_>) -> Result<Target> {
        match &mut self.0 {
            Way::Whole(whole) => whole.target(picture),
            Way::InParts(_) => Ok(Target::Picture(picture.owned())),
        }
    }

    /// Features of nothing but zeros, where features are kept at all.
    pub(crate) fn zero_target(&mut self) -> Result<Option<Target>> {
        match &mut self.0 {
            // New buffers are zero.
            Way::Whole(whole) => Ok(Some(Target::features(whole.executor.target_features()?))),
            Way::InParts(_) => Ok(None),
        }
    }
}

impl Target {
    fn features(features: Vec<wgpu::Buffer>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self::Features { id: NEXT.fetch_add(1, Ordering::Relaxed), features }
    }
}

impl Whole {
    fn new(executor: Executor) -> Result<Self> {
        let readback = readback(executor.gpu(), executor.buffers.sums.size())?;
        Ok(Self { executor, readback, features: None, candidates: None, words: vec![] })
    }

    fn pictures(&self) -> usize {
        self.executor.sets.pictures() as usize
    }

    async fn pairs(
        &mut self,
        pictures: &[Image<'_>],
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<Vec<f64>>> {
        let Self { executor, readback, words, .. } = self;
        let prepared = &executor.program;
        let sums = round(executor, prepared, readback, (pictures, words), wait, (watch, false), follow);
        Ok(by_item(&sums.await?, self.pictures(), pictures.len() / 2))
    }

    async fn candidates(
        &mut self,
        (target, features): (u64, &[wgpu::Buffer]),
        pictures: &[Image<'_>],
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<Vec<f64>>> {
        let prepared = match self.candidates.take() {
            Some((id, prepared)) if id == target => prepared,
            _ => self.executor.prepare(Mode::Candidates, Host::Memory, features)?,
        };
        let Self { executor, readback, candidates, words, .. } = self;
        let (_, prepared) = candidates.insert((target, prepared));
        let sums = round(executor, prepared, readback, (pictures, words), wait, (watch, true), follow);
        Ok(by_item(&sums.await?, self.pictures(), pictures.len()))
    }

    /// A picture's features, kept in buffers of their own. Nothing is waited for.
    fn target(&mut self, picture: &Image<'_>) -> Result<Target> {
        let features = self.executor.target_features()?;
        let prepared = match self.features.take() {
            Some(prepared) => prepared,
            None => self.executor.prepare(Mode::Features, Host::Memory, &[])?,
        };
        let prepared = self.features.insert(prepared);
        let (executor, gpu) = (&self.executor, self.executor.gpu());
        let pictures = [*picture];
        let mut round = Round { target: &features, ..Round::of(&pictures, &mut self.words) };
        let mut encoder = encoder(gpu);
        executor.record(&mut encoder, prepared, 0..prepared.program.commands.len(), &mut round);
        gpu.queue.submit([encoder.finish()]);
        gpu.check()?;
        Ok(Target::features(features))
    }
}

/// Floating-point operations of a submission: about a second of a software adapter's time, and half a second of a slow
/// GPU's. Systems end submissions that take many seconds, and what is submitted cannot be cancelled.
fn submission_flops(gpu: &Gpu) -> u64 {
    if gpu.adapter.software { 20_000_000_000 } else { 100_000_000_000 }
}

/// Runs a program's commands for a round of pictures, with every step timed where there is a watch, and reads the sums.
async fn round(
    executor: &Executor,
    prepared: &Prepared,
    readback: &wgpu::Buffer,
    (pictures, words): (&[Image<'_>], &mut Vec<u32>),
    wait: Wait,
    (watch, cached_target): (Option<&mut Stopwatch>, bool),
    follow: &mut Follow<'_>,
) -> Result<Vec<f32>> {
    let gpu = executor.gpu();
    follow.at(0.0)?;
    let mut round = Round { readback: Some((readback, 0)), ..Round::of(pictures, words) };
    let mut flight = Flight::new(gpu, wait);
    let last = if let Some(watch) = watch {
        let (last, times) = run_timed(executor, prepared, &mut round, &mut flight, watch).await?;
        watch.round(executor.plan(), pictures.len(), cached_target, &times);
        last
    } else {
        run(executor, prepared, &mut round, &mut flight, follow).await?
    };
    let sums = submit_and_read(gpu, last, readback, wait).await?;
    follow.at(1.0)?;
    Ok(sums)
}

/// Runs a program's commands for a round, in several submissions where they are long. What is recorded last is in the encoder
/// that this gives.
async fn run(
    executor: &Executor,
    prepared: &Prepared,
    round: &mut Round<'_>,
    flight: &mut Flight<'_>,
    follow: &mut Follow<'_>,
) -> Result<wgpu::CommandEncoder> {
    let gpu = executor.gpu();
    let mut last = encoder(gpu);
    executor.record(&mut last, prepared, 0..prepared.program.steps.start, round);
    let runs = prepared.program.runs(&executor.sets, round.pictures, submission_flops(gpu));
    for (index, run) in runs.iter().enumerate() {
        executor.record(&mut last, prepared, run.clone(), round);
        if index + 1 < runs.len() {
            flight.submit(std::mem::replace(&mut last, encoder(gpu))).await?;
            follow.at((index + 1) as f64 / runs.len() as f64)?;
        }
    }
    Ok(last)
}

/// The same with every step timed by itself, and their seconds.
async fn run_timed(
    executor: &Executor,
    prepared: &Prepared,
    round: &mut Round<'_>,
    flight: &mut Flight<'_>,
    watch: &mut Stopwatch,
) -> Result<(wgpu::CommandEncoder, Vec<f64>)> {
    let gpu = executor.gpu();
    let steps = prepared.program.steps.clone();
    let mut first = encoder(gpu);
    executor.record(&mut first, prepared, 0..steps.start, round);
    flight.submit(first).await?;
    let (clock, times) = timed(executor, prepared, round.pictures)?;
    watch.clock = clock;
    let mut last = encoder(gpu);
    executor.record(&mut last, prepared, steps.end..prepared.program.commands.len(), round);
    Ok((last, times))
}

/// Each of `items` pairs' or candidates' sums, from those of each tap, of which there is room for `pictures`.
fn by_item(sums: &[f32], pictures: usize, items: usize) -> Vec<Vec<f64>> {
    let of = |item: usize| sums.chunks_exact(pictures).map(|tap| f64::from(tap[item])).collect();
    (0..items).map(of).collect()
}

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("perceptual-loss") })
}

/// A buffer that sums are read through.
fn readback(gpu: &Gpu, bytes: u64) -> Result<wgpu::Buffer> {
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    gpu.create("readback", bytes, || gpu.buffer("readback", bytes, usage))
}
