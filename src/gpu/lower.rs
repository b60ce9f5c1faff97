//! From a plan to commands: which kernels, with which bindings, parameters and workgroups. Pure: nothing is allocated
//! here, and every grid is checked here; buffers are checked where pictures are arranged (`arrange.rs`).

use std::ops::Range;

use super::{
    capabilities::Capabilities,
    kernels::{
        Operand, PARAMS_BYTES,
        conv3x3::{Job, Shape},
        difference::{self, Side},
        elements, max_pool, pixels, total,
    },
    program::{Binding, Command, Count, Dispatch, Pieces, Program, TargetHeader},
    sets::{Sets, pictures_bytes},
    tuning,
};
use crate::{
    config::Criterion,
    error::{Error, Result},
    plan::{Cost, Operation, Plan, Region, Step},
    tuning::{Tuning, Tunings},
};

/// What the pictures of a round are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Pictures 2k and 2k + 1 are a pair.
    Pairs,
    /// Every picture is compared with a target's features.
    Candidates,
    /// The first picture's features are copied out, to become a target's.
    Features,
}

/// Where pictures come from, and where the result goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// From the host's memory and back to it.
    Memory,
    /// The same, a part of a picture at a time: deep taps may have nothing to compare in a part.
    Parts,
    /// From a source on the device; the total stays there, and is read back through a ring. Dispatches can be divided into
    /// pieces of a few milliseconds on the slowest devices. Frames are compared with such a target.
    Frame(TargetHeader),
}

/// What is asked of lowering beside the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) mode: Mode,
    pub(crate) host: Host,
    pub(crate) tunings: &'a Tunings,
    pub(crate) capabilities: &'a Capabilities,
}

/// Turns every step into dispatches, between what brings the pictures and what hands on the result.
///
/// # Errors
/// [`Error::TooLarge`] where a dispatch would need more workgroups than the device allows; [`Error::Config`] where the
/// device cannot run a tuning that was asked for, or the plan's taps are more than a network has.
pub(crate) fn lower(sets: &Sets, asked: Asked<'_>) -> Result<Program> {
    let mut lowering = Lowering { sets, asked, program: Program::default() };
    lowering.begin();
    let start = lowering.program.commands.len();
    for (index, step) in sets.plan.steps().iter().enumerate() {
        lowering.step(index, step)?;
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
    sets: &'a Sets,
    asked: Asked<'a>,
    program: Program,
}

impl Lowering<'_> {
    /// What brings the pictures.
    fn begin(&mut self) {
        let commands = &mut self.program.commands;
        match self.asked.host {
            Host::Memory | Host::Parts => {
                let uploads = 0..self.sets.pictures();
                commands.extend(uploads.map(|picture| Command::Upload { picture }));
                if self.asked.host == Host::Parts {
                    commands.push(Command::Clear { buffer: Binding::Sums, bytes: None });
                }
            }
            Host::Frame(_) => {
                // The source's kernel adds to the header's first word.
                let pictures = Binding::Pictures { set: 0 };
                commands.push(Command::Clear { buffer: pictures.clone(), bytes: Some(4) });
                commands.push(Command::Source);
                if self.asked.mode == Mode::Features {
                    let to = Binding::TargetHeader(TargetHeader::Recorded);
                    commands.push(Command::Copy { step: None, from: pictures, to, bytes: 4 });
                }
            }
        }
    }

    /// What hands the result on.
    fn end(&mut self) -> Result<()> {
        if self.asked.mode == Mode::Features {
            return Ok(());
        }
        let from = match self.asked.host {
            Host::Memory | Host::Parts => Binding::Sums,
            Host::Frame(target) => {
                let dispatch = total::lower(&self.sets.plan, target)?;
                self.dispatch(None, Count::One, dispatch)?;
                Binding::Loss
            }
        };
        self.program.commands.push(Command::ReadBack { from });
        Ok(())
    }

    fn step(&mut self, index: usize, step: &Step) -> Result<()> {
        let plan = &self.sets.plan;
        if let Operation::Difference { criterion, tap } = step.operation {
            return self.difference(index, step, criterion, tap);
        }
        let Some(output) = step.output() else { return Ok(()) };
        let tensors = plan.tensors();
        let to = &tensors[output];
        // What is kept at the output's top stays.
        let written = to.region.below(step.kept);
        let cost = plan.cost(index, 1, true);
        for set in 0..self.sets.sets {
            let operand = |id: usize| Operand {
                tensor: &tensors[id],
                binding: Binding::Slot { set, slot: plan.slot_of()[id] },
            };
            let to = operand(output);
            let dispatches = match (step.operation, step.input().map(operand)) {
                (Operation::Pixels { normalization }, _) => {
                    let words = pictures_bytes(plan) / 4;
                    let pictures = Binding::Pictures { set };
                    vec![pixels::lower(&normalization, pictures, words, to, &written, cost)]
                }
                (Operation::Conv3x3 { layer, relu }, Some(from)) => {
                    let row = tuning::of_step(plan, step, self.asked.tunings, self.asked.capabilities)?;
                    let Some(row) = row else { continue };
                    let job = Job { tuning: Tuning(row.name), layer, relu, from, to, written, cost };
                    let shape = Shape { layer, images: job.to.tensor.images, extent: written.extent };
                    self.program.needs_scratch(&(row.scratch)(&shape));
                    (row.lower)(&job)
                }
                (Operation::Relu, Some(from)) => {
                    vec![elements::lower(&elements::RELU, from, to, &written, cost)]
                }
                (Operation::Copy, Some(from)) => {
                    // The plan has checked that they share something.
                    let Some(shared) = from.tensor.region.shared(&to.tensor.region) else { continue };
                    vec![elements::lower(&elements::COPY, from, to, &shared, cost)]
                }
                (Operation::MaxPool, Some(from)) => vec![max_pool::lower(from, to, &written, cost)],
                // The check of a plan lets no such step through. Each is named, so that a new one is not forgotten here.
                (
                    Operation::Conv3x3 { .. }
                    | Operation::Relu
                    | Operation::MaxPool
                    | Operation::Copy
                    | Operation::Difference { .. },
                    _,
                ) => continue,
            };
            for dispatch in dispatches {
                self.dispatch(Some(index), Count::Images { set }, dispatch)?;
            }
        }
        Ok(())
    }

    /// A tap: its features copied out, or compared and summed in two stages.
    fn difference(&mut self, index: usize, step: &Step, criterion: Criterion, tap: usize) -> Result<()> {
        let plan = &self.sets.plan;
        let id = plan.taps()[tap].tensor;
        let tensor = &plan.tensors()[id];
        let image = tensor.image_stride() as u32;
        let slot = |set: u32| Binding::Slot { set, slot: plan.slot_of()[id] };
        let side = |binding: Binding, offset: u32, stride: u32| Side { binding, offset, stride };
        let first = tap as u32 * self.sets.pictures();
        match self.asked.mode {
            Mode::Features => {
                let bytes = tensor.image_stride() * tensor.element.bytes();
                let (from, to) = (slot(0), Binding::Target { tap });
                self.program.commands.push(Command::Copy { step: Some(index), from, to, bytes });
            }
            Mode::Pairs if tensor.images == 1 => {
                // Each picture of a pair has its set; the second one has a picture when the pair is complete.
                let sides = [&side(slot(0), 0, image), &side(slot(1), 0, image)];
                self.compare(index, step, criterion, sides, Count::Images { set: 1 }, first)?;
            }
            Mode::Pairs => {
                let sides = [&side(slot(0), 0, 2 * image), &side(slot(0), image, 2 * image)];
                self.compare(index, step, criterion, sides, Count::Pairs { set: 0 }, first)?;
            }
            Mode::Candidates => {
                for set in 0..self.sets.sets {
                    let sides = [&side(slot(set), 0, image), &side(Binding::Target { tap }, 0, 0)];
                    let first = first + set * tensor.images;
                    self.compare(index, step, criterion, sides, Count::Images { set }, first)?;
                }
            }
        }
        Ok(())
    }

    fn compare(
        &mut self,
        index: usize,
        step: &Step,
        criterion: Criterion,
        sides: [&Side; 2],
        count: Count,
        first: u32,
    ) -> Result<()> {
        let plan = &self.sets.plan;
        let Some(tensor) = step.input().map(|id| &plan.tensors()[id]) else { return Ok(()) };
        let cost = plan.cost(index, 1, true);
        for dispatch in difference::lower(criterion, tensor, sides, first, cost) {
            self.dispatch(Some(index), count, dispatch)?;
        }
        let Some(id) = step.output() else { return Ok(()) };
        let (map, set) = (
            &plan.tensors()[id],
            match count {
                Count::Images { set } | Count::Pairs { set } => set,
                Count::One => 0,
            },
        );
        let compared = match count {
            Count::Pairs { .. } => tensor.images / 2,
            _ => tensor.images,
        };
        if map.images != compared {
            return Err(Error::Config(format!(
                "step '{}': its map has {} images; {compared} are compared",
                step.name, map.images
            )));
        }
        let map = Operand { tensor: map, binding: Binding::Slot { set, slot: plan.slot_of()[id] } };
        let written: Region = map.tensor.region.below(step.kept);
        let dispatch = difference::lower_map(criterion, tensor, sides, map, &written, cost);
        self.dispatch(Some(index), count, dispatch)
    }

    /// Gives a dispatch its place among the parameters, once for each piece.
    fn dispatch(&mut self, step: Option<usize>, count: Count, dispatch: Dispatch) -> Result<()> {
        let Dispatch { kernel, bindings, params, groups, cost } = dispatch;
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
            count,
            pieces: Pieces { count: pieces, groups: each, stride: stride as u32 },
            cost,
        });
        Ok(())
    }

    /// About how many pieces a dispatch of such a cost is to be divided into.
    fn pieces(&self, cost: Cost, groups: u32) -> u32 {
        if !matches!(self.asked.host, Host::Frame(_)) {
            return 1;
        }
        let pieces = (cost.flops / PIECE_FLOPS).max(cost.bytes / PIECE_BYTES) + 1;
        pieces.min(MOST_PIECES).min(u64::from(groups)) as u32
    }
}

impl Program {
    /// Scratch buffers of at least so many bytes.
    fn needs_scratch(&mut self, bytes: &[u64]) {
        self.scratch.resize(self.scratch.len().max(bytes.len()), 0);
        for (own, bytes) in self.scratch.iter_mut().zip(bytes) {
            *own = (*own).max(*bytes);
        }
    }

    /// Bytes of the parameters on the device: every dispatch binds a window of the same size.
    pub(super) fn params_bytes(&self) -> u64 {
        self.params.len() as u64 + PARAMS_BYTES
    }
}

impl Command {
    /// Images or pairs of a round of `pictures` pictures that a dispatch works on.
    pub(super) fn images(&self, sets: &Sets, pictures: u32) -> u32 {
        match self {
            Self::Dispatch { count: Count::Images { set }, .. } => sets.in_set(*set, pictures),
            Self::Dispatch { count: Count::Pairs { set }, .. } => sets.in_set(*set, pictures) / 2,
            _ => 1,
        }
    }

    /// Floating-point operations that a dispatch does in a round of `pictures` pictures.
    fn flops(&self, sets: &Sets, pictures: u32) -> u64 {
        match self {
            Self::Dispatch { cost, .. } => cost.flops.saturating_mul(self.images(sets, pictures).into()),
            _ => 0,
        }
    }
}

impl Program {
    /// Its commands in runs of about so many floating-point operations, of which each can be submitted by itself.
    pub(super) fn runs(&self, sets: &Sets, pictures: u32, flops: u64) -> Vec<Range<usize>> {
        let mut runs = vec![];
        let (mut start, mut sum) = (0, 0u64);
        for index in self.steps.clone() {
            sum = sum.saturating_add(self.commands[index].flops(sets, pictures));
            if sum >= flops && index + 1 < self.steps.end {
                runs.push(start..index + 1);
                (start, sum) = (index + 1, 0);
            }
        }
        runs.push(start..self.commands.len());
        runs
    }
}

/// For each convolution of a plan its shape at the largest of `extent`, and its row.
pub(super) fn convolutions<'a>(
    plan: &'a Plan,
    asked: Asked<'a>,
    extent: impl Fn(usize) -> [u32; 2] + 'a,
) -> impl Iterator<Item = (Shape, &'static super::kernels::conv3x3::Row)> + 'a {
    plan.steps().iter().filter_map(move |step| {
        let (Operation::Conv3x3 { layer, .. }, Some(output)) = (step.operation, step.output()) else {
            return None;
        };
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
