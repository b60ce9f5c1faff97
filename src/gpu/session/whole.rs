//! Comparing pictures as a whole, many together.

use std::sync::Arc;

use super::{encoder, flight::Flight, mapping::submit_and_read, readback, run, run_timed};
use crate::{
    error::Result,
    follow::{Follow, Wait},
    gpu::{
        arrange,
        buffers::ReadBack,
        lower::{Host, Keeper},
        model::Model,
        prepared::Prepared,
        target::Target,
        workspace::{Round, Workspace},
    },
    image::Image,
    memory::Memory,
    plan::Plans,
    profile::Stopwatch,
    style::Style,
};

/// Buffers that fit a round of pairs, of candidates, of pictures alone, and a target.
#[derive(Debug)]
pub(super) struct Whole {
    workspace: Workspace,
    plans: Plans,
    /// Pairs, or pictures, that a round holds.
    images: u32,
    memory: Memory,
    /// Bytes that the session may take, with a target.
    budget: u64,
    pairs: Prepared,
    /// Commands that make a target; made by the first, and bound to the last.
    target: Option<Prepared>,
    /// Commands that compare with a target, bound to the one last used.
    candidates: Option<(u64, Prepared)>,
    /// Commands that sum pictures' own features; made by the first round of them.
    magnitudes: Option<Prepared>,
    readback: wgpu::Buffer,
    /// Room for packing pictures.
    words: Vec<u32>,
}

impl Whole {
    pub(super) fn new(
        model: Arc<Model>,
        plans: &Plans,
        arranged: &arrange::Whole,
        budget: u64,
    ) -> Result<Self> {
        let arrange::Whole { images, sizes, memory } = arranged;
        let workspace = Workspace::new(model, sizes, *memory)?;
        Ok(Self {
            pairs: workspace.prepare(plans.pairs(*images)?, (Host::Memory, Keeper::Executor), None)?,
            readback: readback(workspace.gpu(), workspace.buffers.result_bytes())?,
            workspace,
            plans: plans.clone(),
            images: *images,
            memory: *memory,
            budget,
            target: None,
            candidates: None,
            magnitudes: None,
            words: vec![],
        })
    }

    pub(super) fn images(&self) -> u32 {
        self.images
    }

    pub(super) async fn pairs(
        &mut self,
        pictures: &[Image<'_>],
        style: Option<&Style>,
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<Vec<f64>>> {
        let Self { workspace, pairs, readback, words, .. } = self;
        let round = Round { style, ..Round::of(pictures.len() as u32 / 2, pictures, words) };
        sums(workspace, pairs, round, readback, wait, watch, follow).await
    }

    pub(super) async fn candidates(
        &mut self,
        target: &Target,
        style: Option<&Style>,
        pictures: &[Image<'_>],
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<Vec<f64>>> {
        let prepared = match self.candidates.take() {
            Some((id, prepared)) if id == target.id => prepared,
            Some((_, prepared)) => self.workspace.with_target(prepared, target)?,
            None => {
                let plan = self.plans.candidates(self.images)?;
                self.workspace.prepare(plan, (Host::Memory, Keeper::Target), Some(target))?
            }
        };
        let Self { workspace, candidates, readback, words, .. } = self;
        let (_, prepared) = candidates.insert((target.id, prepared));
        let round =
            Round { target: Some(target), style, ..Round::of(pictures.len() as u32, pictures, words) };
        sums(workspace, prepared, round, readback, wait, watch, follow).await
    }

    pub(super) async fn magnitudes(
        &mut self,
        pictures: &[Image<'_>],
        wait: Wait,
        watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<Vec<f64>>> {
        let Self { workspace, plans, images, magnitudes, readback, words, .. } = self;
        let prepared = match magnitudes.take() {
            Some(prepared) => prepared,
            None => workspace.prepare(plans.magnitudes(*images)?, (Host::Memory, Keeper::Executor), None)?,
        };
        let round = Round::of(pictures.len() as u32, pictures, words);
        sums(workspace, magnitudes.insert(prepared), round, readback, wait, watch, follow).await
    }

    /// A picture and its maps, in buffers of their own; none where there is no memory for them. Nothing is waited for.
    pub(super) fn target(&mut self, picture: &Image<'_>) -> Result<Option<Target>> {
        if self.memory.counted().saturating_add(self.memory.target) > self.budget {
            return Ok(None);
        }
        let Self { workspace, plans, words, .. } = self;
        let gpu = workspace.gpu();
        let (target, prepared) = match self.target.take() {
            Some(prepared) => {
                let target = Target::new(gpu, &prepared.plan)?;
                let prepared = workspace.with_target(prepared, &target)?;
                (target, prepared)
            }
            None => {
                let plan = plans.target()?;
                let target = Target::new(gpu, &plan)?;
                let prepared = workspace.prepare(plan, (Host::Memory, Keeper::Target), Some(&target))?;
                (target, prepared)
            }
        };
        let prepared = self.target.insert(prepared);
        let pictures = [*picture];
        let mut round = Round { target: Some(&target), ..Round::of(1, &pictures, words) };
        let all = 0..prepared.program.commands.len();
        let mut encoder = encoder(gpu);
        workspace.upload(prepared, all.clone(), &mut round)?;
        workspace.record(&mut encoder, prepared, all, &round);
        gpu.queue.submit([encoder.finish()]);
        gpu.check()?;
        Ok(Some(target))
    }
}

/// Runs a program's commands for a round, with every step timed where there is a watch. For each of the round's images, its sum at
/// each tap.
async fn sums(
    workspace: &Workspace,
    prepared: &Prepared,
    round: Round<'_>,
    readback: &wgpu::Buffer,
    wait: Wait,
    watch: Option<&mut Stopwatch>,
    follow: &mut Follow<'_>,
) -> Result<Vec<Vec<f64>>> {
    let gpu = workspace.gpu();
    follow.at(0.0)?;
    let mut round = Round { readback: Some((readback, 0)), ..round };
    let mut flight = Flight::new(gpu, wait);
    let last = if let Some(watch) = watch {
        let (last, times) = run_timed(workspace, prepared, &mut round, &mut flight, watch).await?;
        watch.round(&prepared.plan, round.images as usize, &times);
        last
    } else {
        run(workspace, prepared, &mut round, &mut flight, follow).await?
    };
    let result = submit_and_read(gpu, last, readback, wait).await?;
    let ReadBack { sums, notes, of_target, .. } = workspace.buffers.read_back(&result);
    follow.at(1.0)?;
    // Nothing notes of a target that is not kept; what lies there is another round's.
    let of_target = round.target.map(|_| of_target);
    prepared.plan.check_notes(notes[..round.images as usize].iter().copied().chain(of_target))?;
    // There is room for as many images as the plan has.
    let room = prepared.plan.images() as usize;
    let of =
        |image: usize| sums.chunks_exact(room).map(|tap| f64::from(f32::from_bits(tap[image]))).collect();
    Ok((0..round.images as usize).map(of).collect())
}
