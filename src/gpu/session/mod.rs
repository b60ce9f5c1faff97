//! One shape's buffers, and comparing through them: upload, record, submit, read back.

mod flight;
mod gradient;
mod mapping;
mod parts;
mod style;
mod whole;

use std::sync::Arc;

pub(crate) use self::style::gram_matrices;
use self::{flight::Flight, gradient::Gradients, parts::InParts, whole::Whole};
use super::{
    arrange::{Arrangement, arrange, arrange_gradient, parts_memory},
    context::Gpu,
    model::Model,
    prepared::Prepared,
    target::Target,
    timing::timed,
    workspace::{Round, Workspace},
};
use crate::{
    error::{Error, Result},
    follow::{Follow, Wait},
    image::Image,
    memory::Memory,
    plan::{Parts, Plans},
    profile::Stopwatch,
    style::Style,
};

/// A session on a GPU.
#[derive(Debug)]
pub(crate) struct Session {
    way: Way,
    model: Arc<Model>,
    plans: Plans,
    budget: u64,
    /// Made by the first gradient that is asked for.
    gradients: Option<Box<Gradients>>,
    /// Whether gradients of a kept target can be made, once somebody has asked.
    keeps_for_gradient: Option<bool>,
}

/// How pictures go through.
#[derive(Debug)]
enum Way {
    /// As a whole, many together.
    Whole(Box<Whole>),
    /// A pair at a time, in parts.
    InParts(Box<InParts>),
}

impl Session {
    /// Buffers for rounds of up to `pairs` pairs, or as many candidates, in `memory` bytes of features and scratch.
    pub(crate) fn new(model: &Arc<Model>, plans: &Plans, pairs: u32, memory: u64) -> Result<Self> {
        let arranged = arrange(plans, pairs, memory, model.means())?;
        let takes = arranged.memory(model.means());
        let of = || Arc::clone(model);
        let way = match arranged {
            Arrangement::Whole(whole) => Way::Whole(Box::new(Whole::new(of(), plans, &whole, memory)?)),
            Arrangement::Parts(parts) => Way::InParts(Box::new(InParts::new(of(), *parts, takes)?)),
        };
        let plans = plans.clone();
        Ok(Self { way, model: of(), plans, budget: memory, gradients: None, keeps_for_gradient: None })
    }

    /// What [`new`](Self::new) would allocate, and the parts in which pictures go through: one where they are not cut.
    pub(crate) fn outline(model: &Model, plans: &Plans, pairs: u32, memory: u64) -> Result<(Memory, Parts)> {
        let arranged = arrange(plans, pairs, memory, model.means())?;
        let memory = arranged.memory(model.means());
        Ok(match arranged {
            Arrangement::Whole(_) => (memory, Parts::uncut(plans.pairs(1)?.into(), 0)?),
            Arrangement::Parts(parts) => (memory, *parts),
        })
    }

    /// What gradients would take, and the parts in which pictures go through then.
    pub(crate) fn gradient_outline(model: &Model, plans: &Plans, memory: u64) -> Result<(Memory, Parts)> {
        let parts = arrange_gradient(plans, memory, model.means())?;
        Ok((parts_memory(&parts, model.means()), parts))
    }

    /// Whether pictures go through in parts.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self.way, Way::InParts(_))
    }

    /// Pairs, or candidates, that one round holds.
    pub(crate) fn images(&self) -> usize {
        match &self.way {
            Way::Whole(whole) => whole.images() as usize,
            Way::InParts(_) => 1,
        }
    }

    /// Compares pictures 2k and 2k + 1, at most [`images`](Self::images) pairs of them. For each pair, the sum of
    /// differences at each tap: of Gram matrices from the style's, where there is one.
    pub(crate) async fn pairs(
        &mut self,
        pictures: &[Image<'_>],
        style: Option<&Style>,
        wait: Wait,
        mut watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<Vec<f64>>> {
        match &mut self.way {
            Way::Whole(whole) => whole.pairs(pictures, style, wait, watch, follow).await,
            Way::InParts(parts) => {
                let mut sums = vec![];
                for (index, pair) in pictures.as_chunks().0.iter().enumerate() {
                    let mut follow = follow.share(index, pictures.len() / 2);
                    let watch = watch.as_deref_mut();
                    sums.push(parts.pair(pair, style, wait, watch, &mut follow).await?);
                }
                Ok(sums)
            }
        }
    }

    /// Compares each picture, at most [`images`](Self::images) of them, with the target. For each, the sum of differences at
    /// each tap.
    ///
    /// # Errors
    /// [`Error::Config`] where pictures go through in parts.
    pub(crate) async fn candidates(
        &mut self,
        target: &Target,
        style: Option<&Style>,
        pictures: &[Image<'_>],
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<Vec<f64>>> {
        self.whole()?.candidates(target, style, pictures, wait, watch, follow).await
    }

    /// For each picture, at most [`images`](Self::images) of them, the sum of its own features at each tap.
    ///
    /// # Errors
    /// As [`candidates`](Self::candidates).
    pub(crate) async fn magnitudes(
        &mut self,
        pictures: &[Image<'_>],
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<Vec<f64>>> {
        self.whole()?.magnitudes(pictures, wait, watch, follow).await
    }

    /// What pictures are to be compared with; none where its maps are not kept, since pictures go through in parts or there is no
    /// memory for them. Nothing is waited for.
    pub(crate) fn target(&mut self, picture: &Image<'_>) -> Result<Option<Target>> {
        match &mut self.way {
            Way::Whole(whole) => whole.target(picture),
            Way::InParts(_) => Ok(None),
        }
    }

    /// Whether gradients of a kept target can be made: the picture goes through as a whole then.
    pub(crate) fn keeps_for_gradient(&mut self) -> Result<bool> {
        let keeps = match self.keeps_for_gradient {
            Some(keeps) => keeps,
            None => !arrange_gradient(&self.plans, self.budget, self.model.means())?.is_cut(),
        };
        Ok(*self.keeps_for_gradient.insert(keeps))
    }

    /// For a generated picture and its target, the sum of differences at each tap, and the gradient, shape (3, H, W).
    pub(crate) async fn pair_gradient(
        &mut self,
        pair: &[Image<'_>; 2],
        style: Option<&Style>,
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<(Vec<f64>, Vec<f32>)> {
        self.gradients()?.pair(pair, style, wait, watch, follow).await
    }

    /// The same of a picture and a target, where [its maps can be used](Self::keeps_for_gradient).
    pub(crate) async fn candidate_gradient(
        &mut self,
        target: &Target,
        style: Option<&Style>,
        picture: &Image<'_>,
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<(Vec<f64>, Vec<f32>)> {
        self.gradients()?.candidate(target, style, picture, wait, watch, follow).await
    }

    fn gradients(&mut self) -> Result<&mut Gradients> {
        let made = match self.gradients.take() {
            Some(gradients) => gradients,
            None => Box::new(Gradients::new(&self.model, &self.plans, self.budget)?),
        };
        Ok(self.gradients.insert(made))
    }

    fn whole(&mut self) -> Result<&mut Whole> {
        match &mut self.way {
            Way::Whole(whole) => Ok(whole),
            // The front door lets none come here.
            Way::InParts(_) => Err(Error::Config("pictures in parts are compared in pairs alone".to_owned())),
        }
    }
}

/// Floating-point operations of a submission: about a second of a software adapter's time, and half a second of a slow
/// GPU's. Systems end submissions that take many seconds, and what is submitted cannot be cancelled.
fn submission_flops(gpu: &Gpu) -> u64 {
    if gpu.adapter.software { 20_000_000_000 } else { 100_000_000_000 }
}

/// Uploads a round's pictures, and records what a program begins with.
fn begin(
    workspace: &Workspace,
    prepared: &Prepared,
    round: &mut Round<'_>,
    encoder: &mut wgpu::CommandEncoder,
) -> Result<()> {
    let before = 0..prepared.program.steps.start;
    workspace.upload(prepared, before.clone(), round)?;
    workspace.record(encoder, prepared, before, round);
    Ok(())
}

/// Runs a program's commands for a round, in several submissions where they are long. What is recorded last is in the encoder
/// that this gives.
async fn run(
    workspace: &Workspace,
    prepared: &Prepared,
    round: &mut Round<'_>,
    flight: &mut Flight<'_>,
    follow: &mut Follow<'_>,
) -> Result<wgpu::CommandEncoder> {
    let gpu = workspace.gpu();
    let mut last = encoder(gpu);
    begin(workspace, prepared, round, &mut last)?;
    let runs = prepared.program.runs(round.images, submission_flops(gpu));
    for (index, run) in runs.iter().enumerate() {
        workspace.record(&mut last, prepared, run.clone(), round);
        if index + 1 < runs.len() {
            flight.submit(std::mem::replace(&mut last, encoder(gpu))).await?;
            follow.at((index + 1) as f64 / runs.len() as f64)?;
        }
    }
    Ok(last)
}

/// The same with every step timed by itself, and their seconds.
async fn run_timed(
    workspace: &Workspace,
    prepared: &Prepared,
    round: &mut Round<'_>,
    flight: &mut Flight<'_>,
    watch: &mut Stopwatch,
) -> Result<(wgpu::CommandEncoder, Vec<f64>)> {
    let gpu = workspace.gpu();
    let steps = prepared.program.steps.clone();
    let mut first = encoder(gpu);
    begin(workspace, prepared, round, &mut first)?;
    flight.submit(first).await?;
    let (clock, times) = timed(workspace, prepared, round.images)?;
    watch.clock = clock;
    let mut last = encoder(gpu);
    workspace.record(&mut last, prepared, steps.end..prepared.program.commands.len(), round);
    Ok((last, times))
}

fn encoder(gpu: &Gpu) -> wgpu::CommandEncoder {
    gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("perceptual-loss") })
}

/// A buffer that sums are read through.
fn readback(gpu: &Gpu, bytes: u64) -> Result<wgpu::Buffer> {
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    gpu.create("readback", bytes, || gpu.buffer("readback", bytes, usage))
}
