//! From a plan to dispatches: which kernel, with which bindings, parameters and workgroups. Pure: nothing is
//! allocated here, and everything that a device could refuse is checked here.

use super::{
    arrange::{Lanes, pictures_bytes},
    capabilities::Capabilities,
    kernel::Kernel,
    params,
    weights::{BLOCK, Form},
};
use crate::{
    config::Criterion,
    error::{Error, Result},
    plan::{Operation, Region, Step, Tensor, Tuning},
};

/// Threads of a workgroup, in every kernel.
pub(super) const WORKGROUP: u64 = 64;
/// Elements that a workgroup of `shaders/difference.wgsl` sums.
pub(crate) const DIFFERENCE_ELEMENTS: u64 = WORKGROUP * 8 * 8;

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

/// A buffer that a dispatch binds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Binding {
    /// A lane's packed pictures.
    Pictures { lane: u32 },
    /// A slot of a lane's feature maps.
    Slot { lane: u32, slot: usize },
    /// A convolution's weights in a form.
    Weights { layer: &'static str, form: Form },
    /// A convolution's bias in a form.
    Bias { layer: &'static str, form: Form },
    /// Partial sums.
    Partials,
    /// Sums, at tap * pictures + pair.
    Sums,
    /// A target's features at a tap.
    Target { tap: usize },
}

/// What the number of workgroups along z, one an image or a pair, follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// The pictures in a lane.
    Images { lane: u32 },
    /// The pairs in a lane.
    Pairs { lane: u32 },
}

/// One command of a program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// A kernel's dispatch.
    Dispatch {
        /// Index into [`Plan::steps`].
        step: usize,
        kernel: Kernel,
        bindings: Vec<Binding>,
        /// Byte offset of its parameters.
        params: u32,
        /// Workgroups of each image or pair.
        groups: u32,
        count: Count,
        pieces: Pieces,
    },
    /// The first image of a slot copied to a target's features.
    CopyToTarget { slot: usize, tap: usize, bytes: u64 },
}

/// How a dispatch may be cut into several, each of a run of its workgroups: the same results, to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pieces {
    /// How many there are at most.
    pub(crate) count: u32,
    /// Workgroups of each but the last, which may have fewer.
    pub(crate) groups: u32,
    /// Bytes between the parameters of one that begins with a piece and those of the next.
    pub(crate) stride: u32,
}

impl Command {
    /// How many pieces it can be cut into.
    pub(crate) fn pieces(&self) -> u32 {
        match self {
            Self::Dispatch { pieces, .. } => pieces.count,
            Self::CopyToTarget { .. } => 1,
        }
    }

    /// A dispatch's kernel and what it binds.
    pub(crate) fn bound(&self) -> Option<(Kernel, &[Binding])> {
        match self {
            Self::Dispatch { kernel, bindings, .. } => Some((*kernel, bindings)),
            Self::CopyToTarget { .. } => None,
        }
    }

    /// Images or pairs of a round of `pictures` pictures that a dispatch works on.
    pub(crate) fn images(&self, lanes: &Lanes, pictures: u32) -> u32 {
        match self {
            Self::Dispatch { count: Count::Images { lane }, .. } => lanes.in_lane(*lane, pictures),
            Self::Dispatch { count: Count::Pairs { lane }, .. } => lanes.in_lane(*lane, pictures) / 2,
            Self::CopyToTarget { .. } => 1,
        }
    }

    /// Floating-point operations that a dispatch does in a round of `pictures` pictures.
    pub(crate) fn flops(&self, lanes: &Lanes, pictures: u32) -> u64 {
        match self {
            Self::Dispatch { step, .. } => {
                lanes.plan.cost(*step, self.images(lanes, pictures).into(), true).flops
            }
            Self::CopyToTarget { .. } => 0,
        }
    }

    /// The step that it is part of; a copy is part of none.
    pub(crate) fn step(&self) -> Option<usize> {
        match self {
            Self::Dispatch { step, .. } => Some(*step),
            Self::CopyToTarget { .. } => None,
        }
    }
}

/// A plan's commands for a mode, and the buffers that they need beside the plan's slots.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Program {
    pub(crate) commands: Vec<Command>,
    /// All dispatches' parameters, each at an aligned offset.
    pub(crate) params: Vec<u8>,
}

/// Turns every step into dispatches, which can be cut into pieces where `cut` says so.
///
/// # Errors
/// [`Error::TooLarge`] where a dispatch would need more workgroups than the device allows.
pub(crate) fn lower(lanes: &Lanes, mode: Mode, cut: Cut, capabilities: &Capabilities) -> Result<Program> {
    let program = Program { commands: vec![], params: vec![] };
    let mut lowering = Lowering { lanes, mode, cut, capabilities, program };
    for (index, step) in lanes.plan.steps.iter().enumerate() {
        lowering.step(index, step)?;
    }
    Ok(lowering.program)
}

/// Whether dispatches can be cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Whole,
    /// Into pieces of a few milliseconds on the slowest devices.
    Pieces,
}

/// Floating-point operations of a piece, one image: a millisecond at 8 GFLOP/s.
const PIECE_FLOPS: u64 = 1 << 23;
/// Bytes that a piece reads and writes, one image: a millisecond at 2 GB/s.
const PIECE_BYTES: u64 = 1 << 21;
/// Pieces of a dispatch at most, since each has parameters of its own.
const MOST_PIECES: u64 = 1024;

struct Lowering<'a> {
    lanes: &'a Lanes,
    mode: Mode,
    cut: Cut,
    capabilities: &'a Capabilities,
    program: Program,
}

impl Lowering<'_> {
    fn step(&mut self, index: usize, step: &Step) -> Result<()> {
        let plan = &self.lanes.plan;
        let input = step.input.map(|id| (id, &plan.tensors[id]));
        let output = step.output.map(|id| (id, &plan.tensors[id]));
        if let Operation::Difference { criterion, tap } = step.operation {
            return self.difference(index, criterion, tap);
        }
        let Some((output_id, to)) = output else { return Ok(()) };
        // What is kept at the output's top stays.
        let written = to.region.below(step.kept);
        let elements = written.positions() * u64::from(to.channels);
        for lane in 0..self.lanes.lanes {
            let slot = |id: usize| Binding::Slot { lane, slot: plan.slot_of[id] };
            let count = Count::Images { lane };
            match (step.operation, input) {
                (Operation::Pixels { normalization }, _) => {
                    let channels = normalization.channels();
                    let four = |f: &dyn Fn((usize, f64, f64)) -> f64| {
                        std::array::from_fn(|c| channels.get(c).map_or(0.0, |&channel| f(channel) as f32))
                    };
                    let groups = written.positions().div_ceil(WORKGROUP);
                    let params = params::Pixels {
                        output: params::Tensor::part(to, &written),
                        scale: four(&|(_, factor, _)| factor),
                        scale_8bit: four(&|(_, factor, _)| factor / 255.0),
                        offset: four(&|(_, _, offset)| offset),
                        source: std::array::from_fn(|c| {
                            channels.get(c).map_or(0, |(source, ..)| *source as u32)
                        }),
                        picture_stride: (pictures_bytes(plan) / 4) as u32,
                        groups: groups as u32,
                        first_group: 0,
                        pad: 0,
                    };
                    let bindings = vec![Binding::Pictures { lane }, slot(output_id)];
                    self.dispatch(index, Kernel::Pixels, bindings, groups, count, params)?;
                }
                (Operation::Conv3x3 { layer, relu, tuning }, Some((id, from))) => {
                    let form = Form::of_tuning(tuning);
                    let kernel = Kernel::of_tuning(tuning);
                    let groups = conv3x3_groups(kernel, to.channels, &written);
                    let shift =
                        |axis: usize| i64::from(written.origin[axis]) - i64::from(from.region.origin[axis]);
                    let params = params::Conv3x3 {
                        input: from.into(),
                        output: params::Tensor::part(to, &written),
                        shift: [shift(0) as i32, shift(1) as i32],
                        relu: u32::from(relu),
                        groups: groups as u32,
                        first_group: 0,
                        pad: [0; 3],
                    };
                    let layer = layer.name;
                    let bindings = vec![
                        slot(id),
                        Binding::Weights { layer, form },
                        Binding::Bias { layer, form },
                        slot(output_id),
                    ];
                    self.dispatch(index, kernel, bindings, groups, count, params)?;
                }
                (Operation::Relu, Some((id, from))) => {
                    let groups = elements.div_ceil(WORKGROUP);
                    let params = params::Relu {
                        input: from.into(),
                        output: params::Tensor::part(to, &written),
                        groups: groups as u32,
                        first_group: 0,
                        pad: [0; 2],
                    };
                    self.dispatch(
                        index,
                        Kernel::Relu,
                        vec![slot(id), slot(output_id)],
                        groups,
                        count,
                        params,
                    )?;
                }
                (Operation::Copy, Some((id, from))) => {
                    // The plan has checked that they share something.
                    let Some(shared) = from.region.shared(&to.region) else { continue };
                    let groups = (shared.positions() * u64::from(to.channels)).div_ceil(WORKGROUP);
                    let params = params::Copy {
                        input: params::Tensor::part(from, &shared),
                        output: params::Tensor::part(to, &shared),
                        groups: groups as u32,
                        first_group: 0,
                        pad: [0; 2],
                    };
                    self.dispatch(
                        index,
                        Kernel::Copy,
                        vec![slot(id), slot(output_id)],
                        groups,
                        count,
                        params,
                    )?;
                }
                (Operation::MaxPool, Some((id, from))) => {
                    let groups = elements.div_ceil(WORKGROUP);
                    let shift = |axis: usize| 2 * written.origin[axis] - from.region.origin[axis];
                    let params = params::MaxPool {
                        input: from.into(),
                        output: params::Tensor::part(to, &written),
                        shift: [shift(0), shift(1)],
                        groups: groups as u32,
                        first_group: 0,
                    };
                    self.dispatch(
                        index,
                        Kernel::MaxPool,
                        vec![slot(id), slot(output_id)],
                        groups,
                        count,
                        params,
                    )?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A tap: its features copied out, or compared and summed in two stages.
    fn difference(&mut self, step: usize, criterion: Criterion, tap: usize) -> Result<()> {
        let Lanes { plan, lanes } = self.lanes;
        let id = plan.taps[tap].tensor;
        let tensor = &plan.tensors[id];
        let image = tensor.image_stride() as u32;
        let slot = |lane: u32| Binding::Slot { lane, slot: plan.slot_of[id] };
        let first = tap as u32 * self.lanes.pictures();
        match self.mode {
            Mode::Features => {
                let bytes = tensor.image_stride() * tensor.element.bytes();
                let slot = plan.slot_of[id];
                self.program.commands.push(Command::CopyToTarget { slot, tap, bytes });
            }
            Mode::Pairs if plan.images == 1 => {
                // Each picture of a pair has its lane; the second one has a picture when the pair is complete.
                let operands = Operands { a: (slot(0), 0, image), b: (slot(1), 0, image) };
                self.compare(step, criterion, tensor, operands, Count::Images { lane: 1 }, first)?;
            }
            Mode::Pairs => {
                let operands = Operands { a: (slot(0), 0, 2 * image), b: (slot(0), image, 2 * image) };
                self.compare(step, criterion, tensor, operands, Count::Pairs { lane: 0 }, first)?;
            }
            Mode::Candidates => {
                for lane in 0..*lanes {
                    let operands = Operands { a: (slot(lane), 0, image), b: (Binding::Target { tap }, 0, 0) };
                    let first = first + lane * plan.images;
                    self.compare(step, criterion, tensor, operands, Count::Images { lane }, first)?;
                }
            }
        }
        Ok(())
    }

    fn compare(
        &mut self,
        step: usize,
        criterion: Criterion,
        tensor: &Tensor,
        Operands { a, b }: Operands,
        count: Count,
        first: u32,
    ) -> Result<()> {
        let region = &tensor.region;
        let corner = u64::from(region.halo[1]) * tensor.row_stride() + u64::from(region.halo[0]);
        let [mut width, mut height] = region.owned_extent();
        let mut channels = tensor.channels;
        if region.halo == [0; 4] {
            // Densely packed: one long row.
            (width, height, channels) = (tensor.image_stride() as u32, 1, 1);
        }
        let groups = partials_of(tensor);
        let params = params::Difference {
            a_offset: a.1 + corner as u32,
            a_stride: a.2,
            b_offset: b.1 + corner as u32,
            b_stride: b.2,
            width,
            height,
            channels,
            row_stride: tensor.row_stride() as u32,
            channel_stride: tensor.channel_stride() as u32,
            absolute: u32::from(criterion == Criterion::Mae),
            groups: groups as u32,
            first_group: 0,
        };
        self.dispatch(step, Kernel::Difference, vec![a.0, b.0, Binding::Partials], groups, count, params)?;
        let params = params::Sum { count: groups as u32, first, pad: [0; 2] };
        self.dispatch(step, Kernel::Sum, vec![Binding::Partials, Binding::Sums], 1, count, params)
    }

    fn dispatch(
        &mut self,
        step: usize,
        kernel: Kernel,
        bindings: Vec<Binding>,
        groups: u64,
        count: Count,
        mut params: impl params::Cuttable,
    ) -> Result<()> {
        // That the whole can be dispatched; any piece can then.
        grid(groups, self.capabilities.max_workgroups)?;
        let groups = groups.max(1) as u32;
        let each = groups.div_ceil(self.pieces(step, kernel, groups));
        let pieces = groups.div_ceil(each);
        let window = self.program.params.len();
        let mut stride = 0;
        for piece in 0..pieces {
            params.begin_with(piece * each);
            let start = self.program.params.len();
            self.program.params.extend_from_slice(bytemuck::bytes_of(&params));
            let alignment = self.capabilities.uniform_alignment.max(16) as usize;
            let aligned = self.program.params.len().next_multiple_of(alignment);
            self.program.params.resize(aligned, 0);
            stride = aligned - start;
        }
        self.program.commands.push(Command::Dispatch {
            step,
            kernel,
            bindings,
            params: window as u32,
            groups,
            count,
            pieces: Pieces { count: pieces, groups: each, stride: stride as u32 },
        });
        Ok(())
    }

    /// About how many pieces a dispatch of a step is to be cut into.
    fn pieces(&self, step: usize, kernel: Kernel, groups: u32) -> u32 {
        if self.cut == Cut::Whole || kernel == Kernel::Sum {
            return 1;
        }
        let cost = self.lanes.plan.cost(step, 1, true);
        let pieces = (cost.flops / PIECE_FLOPS).max(cost.bytes / PIECE_BYTES) + 1;
        pieces.min(MOST_PIECES).min(u64::from(groups)) as u32
    }
}

/// Two operands of a difference: buffer, the first image's offset in elements, the stride between images.
struct Operands {
    a: (Binding, u32, u32),
    b: (Binding, u32, u32),
}

/// Partial sums of one image of a tensor.
pub(super) fn partials_of(tensor: &Tensor) -> u64 {
    partials_in(tensor.region.owned_extent(), tensor.channels)
}

/// Partial sums over so many columns and rows of so many channels.
pub(super) fn partials_in(owned: [u32; 2], channels: u32) -> u64 {
    let [width, height] = owned.map(u64::from);
    (width * height).saturating_mul(channels.into()).div_ceil(DIFFERENCE_ELEMENTS)
}

/// Workgroups of a convolution for one image, as its shader numbers them.
fn conv3x3_groups(kernel: Kernel, channels: u32, written: &Region) -> u64 {
    let [width, height] = written.extent.map(u64::from);
    let channels = u64::from(channels);
    match kernel {
        Kernel::Conv3x3Blocked => width.div_ceil(32) * height.div_ceil(32) * channels.div_ceil(BLOCK as u64),
        _ => (width * height).div_ceil(WORKGROUP) * channels,
    }
}

/// Columns and rows that a convolution in such a tuning computes together at the least: those of 8 threads, which software
/// adapters run as one vector. Idle threads beyond them cost next to nothing there.
pub(super) fn grain(tuning: Tuning) -> [u32; 2] {
    match tuning {
        Tuning::Blocked => [32, 8],
        Tuning::Direct => [1, 1],
    }
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
