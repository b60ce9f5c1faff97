//! From a plan to commands: which kernels, with which bindings, parameters and workgroups. Pure: nothing is allocated
//! here, and every grid is checked here; buffers are checked where pictures are arranged (`arrange.rs`).

mod steps;

use super::{
    capabilities::Capabilities,
    kernels::{
        conv3x3::{Row, Shape},
        total,
    },
    program::{Binding, Command, Dispatch, Pieces, Program, Side},
    sizes::{Sizes, pictures_bytes},
    tuning,
};
use crate::{
    error::{Error, Result},
    plan::{Cost, Maps, Operation, Plan},
    tuning::Tunings,
};

/// Where pictures come from, and where the result goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// From the host's memory and back to it.
    Memory,
    /// The same, a part of a picture at a time: deep taps may have nothing to compare in a part.
    Parts,
    /// From a source on the device; the total stays there, and is read back through a ring. Dispatches can be divided into
    /// pieces of a few milliseconds on the slowest devices.
    Frame,
}

/// Who has a target's picture, and the maps that a plan keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// The executor: its buffers have a picture for each image, and slots for the maps.
    Executor,
    /// A [`Target`](super::target::Target): one picture for all images.
    Target,
}

/// What is asked of lowering beside the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) host: Host,
    pub(crate) keeper: Keeper,
    pub(crate) tunings: &'a Tunings,
    pub(crate) capabilities: &'a Capabilities,
}

/// Turns every step into dispatches, between what brings the pictures and what hands on the result: a plan without taps has
/// none.
///
/// # Errors
/// [`Error::TooLarge`] where a dispatch would need more workgroups than the device allows; [`Error::Config`] where the
/// device cannot run a tuning that was asked for, or the plan has more taps than a total has room for.
pub(crate) fn lower(plan: &Plan, asked: Asked<'_>) -> Result<Program> {
    let sizes = Sizes::of(plan, asked.host, asked.keeper);
    let mut lowering = Lowering { plan, asked, program: Program { sizes, ..Program::default() } };
    lowering.begin();
    let start = lowering.program.commands.len();
    for (index, step) in plan.steps().iter().enumerate() {
        for dispatch in lowering.step(index, step)? {
            lowering.dispatch(Some(index), dispatch)?;
        }
    }
    lowering.program.steps = start..lowering.program.commands.len();
    lowering.end()?;
    Ok(lowering.program)
}

/// Floating-point operations of a piece, one image: a millisecond at 8 GFLOP/s.
const PIECE_FLOPS: u64 = 1 << 23;
/// Bytes that a piece reads and writes, one image: a millisecond at 2 GB/s.
const PIECE_BYTES: u64 = 1 << 21;
/// Pieces of a dispatch at most, since each has parameters of its own.
const MOST_PIECES: u64 = 1024;

struct Lowering<'a> {
    plan: &'a Plan,
    asked: Asked<'a>,
    program: Program,
}

impl Lowering<'_> {
    /// What brings the pictures.
    fn begin(&mut self) {
        let buffer = self.notes();
        self.program.commands.push(Command::Clear { buffer, bytes: None });
        let Some((maps, _)) = self.plan.pixels() else { return };
        if self.asked.host == Host::Frame {
            let source = source();
            self.program.commands.extend(source);
            if maps == Maps::Target {
                self.program.commands.push(keep_picture(pictures_bytes(self.plan)));
            }
            return;
        }
        // A target that is kept has its picture, unless it is made now.
        let brings_target = self.asked.keeper == Keeper::Executor || maps == Maps::Target;
        let generated = maps.difference().then_some(Binding::Pictures(Side::Generated));
        let target = brings_target.then(|| self.target_picture());
        let places: Vec<Binding> = generated.into_iter().chain(target).collect();
        let all = (0..self.plan.images()).flat_map(|image| places.iter().map(move |to| (to.clone(), image)));
        let uploads = (0..).zip(all).map(|(picture, (to, image))| Command::Upload { picture, to, image });
        self.program.commands.extend(uploads);
        if self.asked.host == Host::Parts {
            self.program.commands.push(Command::Clear { buffer: Binding::Sums, bytes: None });
        }
    }

    /// What hands the result on.
    fn end(&mut self) -> Result<()> {
        if self.plan.taps().is_empty() {
            return Ok(());
        }
        let results = match self.asked.host {
            Host::Memory | Host::Parts => {
                let kept = (self.asked.keeper == Keeper::Target).then_some(Binding::KeptNotes);
                let gradient = self.plan.makes_gradient().then_some(Binding::Gradient);
                [Binding::Sums, Binding::Notes].into_iter().chain(kept).chain(gradient).collect()
            }
            Host::Frame => {
                let target_notes = match self.asked.keeper {
                    Keeper::Executor => Binding::Notes,
                    Keeper::Target => Binding::KeptNotes,
                };
                let dispatch = total::lower(self.plan, self.target_picture(), target_notes)?;
                self.dispatch(None, dispatch)?;
                // Behind the loss, which says whether the gradient means anything.
                let gradient = self.plan.makes_gradient().then_some(Command::Destination);
                self.program.commands.extend(gradient);
                vec![Binding::Loss]
            }
        };
        self.program.commands.extend(results.into_iter().map(|from| Command::ReadBack { from }));
        Ok(())
    }

    /// Where what the plan's convolutions note begins as nothing: of the target that the plan makes, or of its images.
    fn notes(&self) -> Binding {
        let makes_target = self.plan.taps().is_empty() && self.asked.keeper == Keeper::Target;
        if makes_target { Binding::KeptNotes } else { Binding::Notes }
    }

    /// Where targets' packed pictures are.
    fn target_picture(&self) -> Binding {
        match self.asked.keeper {
            Keeper::Executor => Binding::Pictures(Side::Target),
            Keeper::Target => Binding::KeptPicture,
        }
    }

    /// Gives a dispatch its place among the parameters, once for each piece.
    fn dispatch(&mut self, step: Option<usize>, dispatch: Dispatch) -> Result<()> {
        let Dispatch { kernel, bindings, params, groups, images, cost } = dispatch;
        // That the whole can be dispatched; any piece can then.
        grid(groups, self.asked.capabilities.max_workgroups)?;
        let groups = groups.max(1) as u32;
        let wanted = if params.first_group.is_some() { self.pieces(cost, groups) } else { 1 };
        let each = groups.div_ceil(wanted);
        let pieces = groups.div_ceil(each);
        let all = &mut self.program.params;
        let window = all.len();
        let mut stride = 0;
        for piece in 0..pieces {
            let start = all.len();
            all.extend_from_slice(&params.bytes);
            if let Some(at) = params.first_group {
                all[start + at..][..4].copy_from_slice(&(piece * each).to_ne_bytes());
            }
            let alignment = self.asked.capabilities.uniform_alignment.max(16) as usize;
            all.resize(all.len().next_multiple_of(alignment), 0);
            stride = all.len() - start;
        }
        self.program.commands.push(Command::Dispatch {
            step,
            kernel,
            bindings,
            params: window as u32,
            groups,
            images,
            pieces: Pieces { count: pieces, groups: each, stride: stride as u32 },
            cost,
        });
        Ok(())
    }

    /// About how many pieces a dispatch of such a cost is to be divided into.
    fn pieces(&self, cost: Cost, groups: u32) -> u32 {
        if self.asked.host != Host::Frame {
            return 1;
        }
        let pieces = (cost.flops / PIECE_FLOPS).max(cost.bytes / PIECE_BYTES) + 1;
        pieces.min(MOST_PIECES).min(u64::from(groups)) as u32
    }
}

/// What reads a frame's source. Its kernel adds to the header's first word.
fn source() -> [Command; 2] {
    [Command::Clear { buffer: Binding::Pictures(Side::Generated), bytes: Some(4) }, Command::Source]
}

/// What makes the picture that was read that of a target.
fn keep_picture(bytes: u64) -> Command {
    Command::Copy { from: Binding::Pictures(Side::Generated), to: Binding::KeptPicture, bytes }
}

/// Reads a frame's source as a target's picture, and computes nothing of it: for frames that go through beside their target.
pub(crate) fn only_picture(plan: &Plan) -> Program {
    let clear = Command::Clear { buffer: Binding::KeptNotes, bytes: None };
    let commands: Vec<_> =
        [clear].into_iter().chain(source()).chain([keep_picture(pictures_bytes(plan))]).collect();
    let end = commands.len();
    Program { commands, steps: end..end, ..Program::default() }
}

/// For each convolution of a plan its shape at the largest of `extent`, and its row.
pub(super) fn convolutions<'a>(
    plan: &'a Plan,
    asked: Asked<'a>,
    extent: impl Fn(usize) -> [u32; 2] + 'a,
) -> impl Iterator<Item = (Shape, &'static Row)> + 'a {
    plan.steps().iter().filter_map(move |step| {
        let layer = match step.operation {
            Operation::Conv3x3 { layer, .. } => layer,
            Operation::Conv3x3Gradient { layer, .. } => layer.transposed(),
            _ => return None,
        };
        let output = step.output()?;
        let row = tuning::of_step(plan, step, asked.tunings, asked.capabilities).ok()??;
        let images = plan.tensors()[output].images;
        Some((Shape { layer, images, extent: extent(output) }, row))
    })
}

/// `groups` workgroups as x by y, neither above the limit, with as few as possible to spare.
pub(super) fn grid(groups: u64, limit: u32) -> Result<[u32; 2]> {
    let limit = u64::from(limit.max(1));
    let y = groups.div_ceil(limit).max(1);
    let x = groups.div_ceil(y);
    if y > limit || x * y > u64::from(u32::MAX) {
        return Err(Error::TooLarge(format!(
            "a step needs {groups} workgroups; this device dispatches {limit} by {limit} at most; use a smaller picture"
        )));
    }
    Ok([x as u32, y as u32])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Config, Preset, Tap},
        gpu::kernels::conv3x3::rows,
        tuning::Tuning,
    };

    fn program(plan: &Plan, host: Host, keeper: Keeper, tuning: Tuning) -> Program {
        let (tunings, capabilities) = (Tunings::forced(tuning), Capabilities::default());
        lower(plan, Asked { host, keeper, tunings: &tunings, capabilities: &capabilities }).unwrap()
    }

    /// What a dispatch reads and what it writes, in order, with the step that it is of.
    fn bound(program: &Program) -> impl Iterator<Item = (Option<usize>, &[Binding], &Binding)> {
        program.commands.iter().filter_map(|command| {
            let (_, bindings) = command.bound()?;
            let (writes, reads) = bindings.split_last()?;
            Some((command.step(), reads, writes))
        })
    }

    /// A difference reads its target's map, which must be there before.
    #[test]
    fn the_targets_half_of_a_step_comes_first() {
        for row in rows() {
            let plan = Plan::new(&Preset::StudyCard.config(), 64, 48, 2).unwrap();
            let program = program(&plan, Host::Memory, Keeper::Executor, Tuning(row.name));
            for (index, step) in plan.steps().iter().enumerate().filter(|(_, step)| step.writes.len() == 2) {
                let of_step: Vec<_> = bound(&program).filter(|(of, ..)| *of == Some(index)).collect();
                let [target, difference] = [0, 1].map(|map| Binding::Slot(plan.slot_of()[step.writes[map]]));
                let made = of_step.iter().position(|(_, _, writes)| **writes == target).unwrap();
                let then = of_step.iter().position(|(_, _, writes)| **writes == difference).unwrap();
                assert!(made < then, "{} of {}", step.name, row.name);
                let is_read = of_step.iter().rposition(|(_, reads, _)| reads.contains(&target));
                if let Operation::Conv3x3 { relu, .. } = step.operation {
                    assert_eq!(is_read, relu.then_some(of_step.len() - 1), "{} of {}", step.name, row.name);
                }
            }
        }
    }

    /// Candidates read every map that a target's program writes, and no other; neither touches the other pictures.
    #[test]
    fn candidates_read_what_a_target_keeps() {
        let own = Config { taps: Tap::list(&[("conv1_1", 1.0), ("relu2_1", 1.0)]), ..Config::default() };
        for config in [Preset::Vgg19.config(), own] {
            for host in [Host::Memory, Host::Frame] {
                let target = Plan::target(&config, 50, 33).unwrap();
                let candidates = Plan::candidates(&config, 50, 33, 3).unwrap();
                let [made, compared] =
                    [&target, &candidates].map(|plan| program(plan, host, Keeper::Target, Tuning::BLOCKED));
                let kept: Vec<_> = (0..target.kept().len()).map(Binding::Kept).collect();
                let is_kept = |binding: &&Binding| matches!(binding, Binding::Kept(_));
                let written: Vec<_> =
                    bound(&made).map(|(_, _, writes)| writes).filter(is_kept).cloned().collect();
                assert_eq!(written, kept);
                let mut read: Vec<_> =
                    bound(&compared).flat_map(|(_, reads, _)| reads).filter(is_kept).cloned().collect();
                read.dedup();
                assert!(kept.iter().all(|map| read.contains(map)) && read.len() == kept.len(), "{read:?}");
                assert!(bound(&compared).all(|(_, _, writes)| !writes.is_kept()));
                for program in [&made, &compared] {
                    let pictures = Binding::Pictures(Side::Target);
                    assert!(bound(program).all(|(_, reads, _)| !reads.contains(&pictures)));
                    assert_eq!(program.sizes.pictures[Side::Target as usize], 0);
                }
                assert!(!made.commands.iter().any(|command| matches!(command, Command::ReadBack { .. })));
            }
        }
    }

    /// A round of fewer pictures runs fewer images, and one target is made or read once.
    #[test]
    fn rounds_may_have_fewer_images() {
        let plan = Plan::candidates(&Config::default(), 64, 48, 5).unwrap();
        let program = program(&plan, Host::Memory, Keeper::Target, Tuning::BLOCKED);
        let dispatches = program.commands.iter().filter(|command| command.bound().is_some());
        assert!(dispatches.clone().count() > plan.steps().len());
        for dispatch in dispatches {
            assert_eq!([1, 3, 5, 9].map(|round| dispatch.images(round)), [1, 3, 5, 5]);
        }
        let uploads = program.commands.iter().filter(|command| matches!(command, Command::Upload { .. }));
        assert_eq!(uploads.count(), 5);
        let pairs = Plan::new(&Config::default(), 64, 48, 5).unwrap();
        let program = self::program(&pairs, Host::Memory, Keeper::Executor, Tuning::BLOCKED);
        let uploads = program.commands.iter().filter_map(|command| match command {
            Command::Upload { picture, to, image } => Some((*picture, to.clone(), *image)),
            _ => None,
        });
        let [generated, target] = [Side::Generated, Side::Target].map(Binding::Pictures);
        assert_eq!(
            uploads.take(3).collect::<Vec<_>>(),
            [(0, generated.clone(), 0), (1, target, 0), (2, generated, 1)]
        );
    }

    /// Equal patches stay equal where a map comes from a convolution that keeps them so.
    #[test]
    fn pools_mind_ties_that_convolutions_break() {
        for row in rows() {
            let plan = Plan::new(&Preset::StudyCard.config(), 64, 48, 1).unwrap();
            let program = program(&plan, Host::Memory, Keeper::Executor, Tuning(row.name));
            let mut pools = 0;
            for command in &program.commands {
                let Command::Dispatch { kernel, params, .. } = command else { continue };
                if kernel.name == "max_pool.difference" {
                    // Behind three tensors, the shift and the floor.
                    let at = *params as usize + 3 * 32 + 12;
                    let tied = f32::from_ne_bytes(program.params[at..][..4].try_into().unwrap());
                    assert_eq!(tied > 0.0, row.breaks_ties, "{}", row.name);
                    pools += 1;
                }
            }
            assert_eq!(pools, 3);
        }
    }
}
