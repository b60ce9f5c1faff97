//! Comparing pictures and making the gradient, a picture at a time: buffers of their own, which are there once they are asked for.

use std::sync::Arc;

use super::{flight::Flight, mapping::submit_and_read, readback, run, run_timed};
use crate::{
    error::Result,
    follow::{Follow, Wait},
    gpu::{
        arrange::{self, arrange_gradient},
        buffers::ReadBack,
        lower::{Host, Keeper},
        model::Model,
        prepared::Prepared,
        target::Target,
        workspace::{Round, Workspace},
    },
    image::Image,
    plan::{Parts, Plans, Sweep},
    profile::Stopwatch,
    style::Style,
};

/// What a gradient's comparison gives: the sum of differences at each tap, and the gradient, shape (3, H, W).
type Compared = (Vec<f64>, Vec<f32>);

/// Buffers that fit every part of a pair of pictures with their gradient, and candidates that are not cut.
#[derive(Debug)]
pub(super) struct Gradients {
    plans: Plans,
    parts: Parts,
    workspace: Workspace,
    /// That of the part of a pair that was begun last.
    pairs: Option<Prepared>,
    /// Commands that compare with a target, bound to the one last used.
    candidates: Option<(u64, Prepared)>,
    /// What is read back of a part.
    readback: wgpu::Buffer,
    /// Room for packing pictures.
    words: Vec<u32>,
}

impl Gradients {
    /// In `memory` bytes of features and scratch.
    pub(super) fn new(model: &Arc<Model>, plans: &Plans, memory: u64) -> Result<Self> {
        let parts = arrange_gradient(plans, memory, model.means())?;
        let mut sizes = arrange::part_sizes(&parts, model.means());
        let takes = arrange::parts_memory(&parts, model.means());
        if !parts.is_cut() {
            let candidates = plans.candidates(1)?.with_gradient()?;
            sizes = sizes.and(&model.lower(&candidates, Host::Memory, Keeper::Target)?.sizes);
        }
        let workspace = Workspace::new(Arc::clone(model), &sizes, takes)?;
        let readback = readback(workspace.gpu(), workspace.buffers.result_bytes())?;
        let plans = plans.clone();
        Ok(Self { plans, parts, workspace, pairs: None, candidates: None, readback, words: vec![] })
    }

    /// Of a generated picture and its target.
    pub(super) async fn pair(
        &mut self,
        pair: &[Image<'_>; 2],
        style: Option<&Style>,
        wait: Wait,
        mut watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Compared> {
        let Self { parts, workspace, pairs, readback, words, .. } = self;
        let whole = parts.plan();
        let (mut sums, mut gradient) = (vec![0.0; whole.taps().len()], whole.zero_gradient()?);
        let mut seconds = vec![0.0; whole.steps().len()];
        for (index, run) in parts.runs().enumerate() {
            let mut follow = follow.share(index, parts.run_count());
            let prepared = match pairs.take() {
                // Of the whole picture it is there already.
                Some(prepared) if !parts.is_cut() => prepared,
                before => prepare(workspace, parts, run, before)?,
            };
            let prepared = pairs.insert(prepared);
            let round = Round { style, ..Round::of(1, pair, words) };
            let watched = watch.as_deref_mut();
            let (of_part, times) =
                compare(workspace, prepared, round, readback, wait, watched, &mut follow).await?;
            for (step, time) in prepared.plan.steps().iter().zip(times) {
                seconds[parts.step_of(step)] += time;
            }
            let taps = prepared.plan.steps().iter().filter_map(|step| step.operation.tap());
            taps.filter(|&tap| parts.plan().is_of_all(tap)).for_each(|tap| sums[tap] = 0.0);
            sums.iter_mut().zip(of_part.0).for_each(|(sum, part)| *sum += part);
            prepared.plan.place_gradient(&of_part.1, &mut gradient);
        }
        follow.at(1.0)?;
        if let Some(watch) = watch {
            watch.round(parts.plan(), 1, &seconds);
        }
        Ok((sums, gradient))
    }

    /// Of a picture and a target whose maps are kept, where pictures are not cut.
    pub(super) async fn candidate(
        &mut self,
        target: &Target,
        style: Option<&Style>,
        picture: &Image<'_>,
        wait: Wait,
        mut watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Compared> {
        let prepared = match self.candidates.take() {
            Some((id, prepared)) if id == target.id => prepared,
            Some((_, prepared)) => self.workspace.with_target(prepared, target)?,
            None => {
                let plan = self.plans.candidates(1)?.with_gradient()?;
                self.workspace.prepare(plan, (Host::Memory, Keeper::Target), Some(target))?
            }
        };
        let Self { workspace, candidates, readback, words, .. } = self;
        let (_, prepared) = candidates.insert((target.id, prepared));
        let pictures = [*picture];
        let round = Round { target: Some(target), style, ..Round::of(1, &pictures, words) };
        let watched = watch.as_deref_mut();
        let ((sums, of_whole), times) =
            compare(workspace, prepared, round, readback, wait, watched, follow).await?;
        if let Some(watch) = watch {
            watch.round(&prepared.plan, 1, &times);
        }
        let mut gradient = prepared.plan.zero_gradient()?;
        prepared.plan.place_gradient(&of_whole, &mut gradient);
        Ok((sums, gradient))
    }
}

/// The program of a part, in place of that of the part before.
pub(super) fn prepare(
    workspace: &Workspace,
    parts: &Parts,
    (sweep, band, strip): (Sweep, u32, u32),
    before: Option<Prepared>,
) -> Result<Prepared> {
    let (model, buffers) = (&workspace.model, &workspace.buffers);
    let part = parts.part_of(sweep, band, strip)?.plan;
    let lowered = model.lower(&part, Host::Parts, Keeper::Executor)?;
    match before {
        Some(mut prepared) => {
            prepared.become_program(model, (part, lowered), buffers)?;
            Ok(prepared)
        }
        None => {
            let bytes = arrange::most_params(parts, model.means());
            Prepared::with_room(model, (part, lowered), buffers, None, bytes)
        }
    }
}

/// Runs a program's commands for an image, with every step timed where there is a watch.
async fn compare(
    workspace: &Workspace,
    prepared: &Prepared,
    round: Round<'_>,
    readback: &wgpu::Buffer,
    wait: Wait,
    watch: Option<&mut Stopwatch>,
    follow: &mut Follow<'_>,
) -> Result<(Compared, Vec<f64>)> {
    let gpu = workspace.gpu();
    follow.at(0.0)?;
    let mut round = Round { readback: Some((readback, 0)), ..round };
    let mut flight = Flight::new(gpu, wait);
    let (last, times) = match watch {
        Some(watch) => run_timed(workspace, prepared, &mut round, &mut flight, watch).await?,
        None => (run(workspace, prepared, &mut round, &mut flight, follow).await?, vec![]),
    };
    let result = submit_and_read(gpu, last, readback, wait).await?;
    let ReadBack { sums, notes, of_target, gradient } = workspace.buffers.read_back(&result);
    follow.at(1.0)?;
    // Nothing notes of a target that is not kept; what lies there is another round's.
    let of_target = round.target.map(|_| of_target);
    prepared.plan.check_notes(notes.iter().copied().chain(of_target))?;
    let sums = sums.iter().map(|&sum| f64::from(f32::from_bits(sum))).take(prepared.plan.taps().len());
    Ok(((sums.collect(), gradient.iter().map(|&value| f32::from_bits(value)).collect()), times))
}
