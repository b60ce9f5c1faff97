//! What lowering makes of a plan: commands, as data. Everything that happens on a device is one of them.

use std::ops::Range;

use bytemuck::Pod;

use super::kernel::Kernel;
use crate::{plan::Cost, tuning::Tuning};

/// A buffer, by what it holds.
///
/// Pictures and slots come in sets: one set has all pictures of a round, unless a device can bind only one picture at a
/// time; then each picture of a pair has its set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Binding {
    /// A set's packed pictures.
    Pictures { set: u32 },
    /// A slot of a set's feature maps.
    Slot { set: u32, slot: usize },
    /// What a step's dispatches hand on to each other.
    Scratch(usize),
    /// A convolution's weights as a tuning wants them.
    Weights { layer: &'static str, tuning: Tuning },
    /// A convolution's bias as a tuning wants it.
    Bias { layer: &'static str, tuning: Tuning },
    /// Partial sums.
    Partials,
    /// Sums, at tap * pictures + pair.
    Sums,
    /// A target's features at a tap.
    Target { tap: usize },
    /// The header of the picture that a frame's target was made from.
    TargetHeader(TargetHeader),
    /// A frame's result.
    Loss,
}

/// Whose header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TargetHeader {
    /// That of a target which a frame session recorded.
    Recorded,
    /// That of a target whose features were computed from a picture that was checked.
    Given,
}

/// A kernel's parameters as its `Params` struct in `shaders/` lays them out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Params {
    pub(super) bytes: Vec<u8>,
    /// Where in them the first workgroup's number stands, where the dispatch can be divided.
    pub(super) first_group: Option<usize>,
}

impl Params {
    /// Those of a dispatch that is never divided.
    pub(super) fn whole(params: &impl Pod) -> Self {
        Self { bytes: bytemuck::bytes_of(params).to_vec(), first_group: None }
    }

    /// Those of one that can be, whose first workgroup's number stands at this offset.
    pub(super) fn divisible(params: &impl Pod, first_group: usize) -> Self {
        Self { bytes: bytemuck::bytes_of(params).to_vec(), first_group: Some(first_group) }
    }
}

/// One dispatch of a step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dispatch {
    pub(super) kernel: &'static Kernel,
    /// What is bound at 1 and up.
    pub(super) bindings: Vec<Binding>,
    pub(super) params: Params,
    /// Workgroups of each image or pair.
    pub(super) groups: u64,
    /// What it computes and moves of one image or pair.
    pub(super) cost: Cost,
}

/// What the number of workgroups along z, one an image or a pair, follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// One, whatever the round.
    One,
    /// The pictures in a set.
    Images { set: u32 },
    /// The pairs in a set.
    Pairs { set: u32 },
}

/// One command of a program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// A picture of the host's memory to the device, where the round has as many.
    Upload { picture: u32 },
    /// The first bytes of a buffer, or all of them, become 0.
    Clear { buffer: Binding, bytes: Option<u64> },
    /// A picture that is on the device already is packed, by the bind group of its source.
    Source,
    /// A kernel's dispatch.
    Dispatch {
        /// Index into [`Plan::steps`](crate::plan::Plan::steps); none of what ends a frame.
        step: Option<usize>,
        kernel: &'static Kernel,
        bindings: Vec<Binding>,
        /// Byte offset of its parameters.
        params: u32,
        /// Workgroups of each image or pair.
        groups: u32,
        count: Count,
        pieces: Pieces,
        cost: Cost,
    },
    /// The first bytes of a buffer to another.
    Copy { step: Option<usize>, from: Binding, to: Binding, bytes: u64 },
    /// All of a buffer to where the host reads it.
    ReadBack { from: Binding },
}

/// How a dispatch may be divided into several, each of a run of its workgroups: the same results, to the bit.
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
    /// How many pieces it can be divided into.
    pub(crate) fn pieces(&self) -> u32 {
        match self {
            Self::Dispatch { pieces, .. } => pieces.count,
            _ => 1,
        }
    }

    /// A dispatch's kernel and what it binds.
    pub(super) fn bound(&self) -> Option<(&'static Kernel, &[Binding])> {
        match self {
            Self::Dispatch { kernel, bindings, .. } => Some((*kernel, bindings)),
            _ => None,
        }
    }

    /// The step that it is part of, if it is of one.
    pub(crate) fn step(&self) -> Option<usize> {
        match self {
            Self::Dispatch { step, .. } | Self::Copy { step, .. } => *step,
            _ => None,
        }
    }

    /// Whether it runs in a pass, which timestamps tell the time of.
    pub(super) fn is_dispatch(&self) -> bool {
        matches!(self, Self::Dispatch { .. } | Self::Source)
    }
}

/// A plan's commands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Program {
    /// What brings the pictures, what computes, and what hands the result on, in this order.
    pub(crate) commands: Vec<Command>,
    /// Those that compute: a plan's steps.
    pub(crate) steps: Range<usize>,
    /// All dispatches' parameters, each at an aligned offset.
    pub(crate) params: Vec<u8>,
    /// Bytes of each scratch buffer.
    pub(crate) scratch: Vec<u64>,
}
