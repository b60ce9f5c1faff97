//! Comparing pictures that are too large for the device or the budget, part after part.

use std::sync::Arc;

use super::{flight::Flight, mapping::submit_and_read, readback, run, run_timed};
use crate::{
    error::Result,
    follow::{Follow, Wait},
    gpu::{
        arrange::{self, pending},
        buffers::ReadBack,
        lower::{Host, Keeper},
        model::Model,
        prepared::Prepared,
        workspace::{Round, Workspace},
    },
    image::Image,
    memory::Memory,
    plan::{Part, Parts},
    profile::Stopwatch,
    style::Style,
};

/// Buffers that fit every part of a pair of pictures.
#[derive(Debug)]
pub(super) struct InParts {
    parts: Parts,
    workspace: Workspace,
    /// That of the part that was begun last.
    program: Prepared,
    /// The sums of some parts, one part after another.
    readback: wgpu::Buffer,
    /// Room for packing pictures.
    words: Vec<u32>,
}

/// What pairs of a part are lowered for.
const PARTS: (Host, Keeper) = (Host::Parts, Keeper::Executor);

impl InParts {
    pub(super) fn new(model: Arc<Model>, parts: Parts, memory: Memory) -> Result<Self> {
        let sizes = arrange::part_sizes(&parts, model.means());
        let workspace = Workspace::new(model, &sizes, memory)?;
        let model = &workspace.model;
        let first = parts.part(0, 0)?.plan;
        let program = model.lower(&first, PARTS.0, PARTS.1)?;
        let params = arrange::most_params(&parts, model.means());
        let mut program = Prepared::with_room(model, (first, program), &workspace.buffers, None, params)?;
        // What most parts have; nothing is left to be made while pictures wait.
        let middle = [parts.bands().min(2), parts.strips().min(2)].map(|count| count - 1);
        begin(&workspace, &mut program, parts.part(middle[0], middle[1])?)?;
        let readback = readback(workspace.gpu(), workspace.buffers.result_bytes() * pending(&parts))?;
        Ok(Self { parts, workspace, program, readback, words: vec![] })
    }

    /// The sum of differences between a pair of pictures at each tap: of the parts' sums, in order.
    pub(super) async fn pair(
        &mut self,
        pair: &[Image<'_>; 2],
        style: Option<&Style>,
        wait: Wait,
        mut watch: Option<&mut Stopwatch>,
        follow: &mut Follow<'_>,
    ) -> Result<Vec<f64>> {
        let Self { parts, workspace, program, readback, words } = self;
        let gpu = workspace.gpu();
        let mut flight = Flight::new(gpu, wait);
        let whole = parts.plan();
        let (count, bytes) = (parts.count() as usize, workspace.buffers.result_bytes());
        let mut seconds = vec![0.0; whole.steps().len()];
        let mut sums = vec![0.0; whole.taps().len()];
        // Of the parts that are pending, which sums they make that are of all parts so far.
        let mut of_all: Vec<Vec<usize>> = vec![];
        for (index, (band, strip)) in parts.order().enumerate() {
            let mut follow = follow.share(index, count);
            follow.at(0.0)?;
            begin(workspace, program, parts.part(band, strip)?)?;
            let place = Some((&*readback, of_all.len() as u64 * bytes));
            let mut round = Round { readback: place, style, ..Round::of(1, pair, words) };
            let last = if let Some(watch) = watch.as_deref_mut() {
                let (last, times) = run_timed(workspace, program, &mut round, &mut flight, watch).await?;
                for (step, time) in program.plan.steps().iter().zip(times) {
                    seconds[parts.step_of(step)] += time;
                }
                last
            } else {
                run(workspace, program, &mut round, &mut flight, &mut follow).await?
            };
            let taps = program.plan.steps().iter().filter_map(|step| step.operation.tap());
            of_all.push(taps.filter(|&tap| whole.is_of_all(tap)).collect());
            let pending = of_all.len() as u64;
            if pending * bytes < readback.size() && index + 1 < count {
                flight.submit(last).await?;
                continue;
            }
            let read = submit_and_read(gpu, last, readback, wait).await?;
            for (part, of_all) in read.chunks_exact((bytes / 4) as usize).zip(of_all.drain(..)) {
                let ReadBack { sums: of_part, notes, .. } = workspace.buffers.read_back(part);
                whole.check_notes(notes.iter().copied())?;
                of_all.into_iter().for_each(|tap| sums[tap] = 0.0);
                sums.iter_mut().zip(of_part).for_each(|(sum, part)| *sum += f64::from(f32::from_bits(*part)));
            }
        }
        follow.at(1.0)?;
        if let Some(watch) = watch {
            watch.round(whole, 1, &seconds);
        }
        Ok(sums)
    }
}

/// Goes on with another part of a picture: the next strip, or the first of another band. Rows that strips have kept stay where they
/// are.
fn begin(workspace: &Workspace, program: &mut Prepared, part: Part) -> Result<()> {
    let lowered = workspace.model.lower(&part.plan, PARTS.0, PARTS.1)?;
    program.become_program(&workspace.model, (part.plan, lowered), &workspace.buffers)
}
