//! What lowering makes of a plan: commands, as data. Everything that happens on a device is one of them.

use std::ops::Range;

use bytemuck::Pod;

use super::{kernel::Kernel, kernels::PARAMS_BYTES, sizes::Sizes};
use crate::{plan::Cost, tuning::Tuning};

/// A buffer, by what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Binding {
    /// A round's packed pictures.
    Pictures(Side),
    /// A slot of the feature maps.
    Slot(usize),
    /// The packed picture of a target that is kept.
    KeptPicture,
    /// A map of a target that is kept, by its place in [`Plan::kept`](crate::plan::Plan::kept).
    Kept(usize),
    /// What a step's dispatches hand on to each other.
    Scratch(usize),
    /// A convolution's weights as a tuning wants them, or of the transposed one that makes its gradient.
    Weights { layer: &'static str, transposed: bool, tuning: Tuning },
    /// A convolution's bias as a tuning wants it.
    Bias { layer: &'static str, transposed: bool, tuning: Tuning },
    /// What LPIPS weighs the channels of a layer by.
    ChannelWeights { layer: &'static str },
    /// What a tap's Gram matrices differ by, an image after another.
    Matrix(usize),
    /// What a tap's Gram matrices begin with, of all images.
    Style(usize),
    /// Partial sums.
    Partials,
    /// Sums, at tap * images + image.
    Sums,
    /// What convolutions have noted: a word for each image, with [a bit](crate::network::Layer::note) for each convolution.
    Notes,
    /// The same of a target that is kept, one word.
    KeptNotes,
    /// The gradient of pictures.
    Gradient,
    /// A frame's result.
    Loss,
}

impl Binding {
    /// Whether it is a target's, and another buffer for another target.
    pub(super) fn is_kept(&self) -> bool {
        matches!(self, Self::KeptPicture | Self::Kept(_) | Self::KeptNotes)
    }
}

/// Which of the two pictures that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Generated,
    Target,
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
    /// Workgroups of each image.
    pub(super) groups: u64,
    /// Images that it works on at the most.
    pub(super) images: u32,
    /// What it computes and moves of one image.
    pub(super) cost: Cost,
}

/// One command of a program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// A picture of the round's, in the host's memory, to a place among those on the device. Rounds may have fewer.
    Upload { picture: u32, to: Binding, image: u32 },
    /// The first bytes of a buffer, or all of them, become 0.
    Clear { buffer: Binding, bytes: Option<u64> },
    /// A picture that is on the device already is packed, by the bind group of its source.
    Source,
    /// The gradient goes to a buffer of the host's, by the bind group of its destination.
    Destination,
    /// A kernel's dispatch.
    Dispatch {
        /// Index into [`Plan::steps`](crate::plan::Plan::steps); none of what ends a frame.
        step: Option<usize>,
        kernel: &'static Kernel,
        bindings: Vec<Binding>,
        /// Byte offset of its parameters.
        params: u32,
        /// Workgroups of each image.
        groups: u32,
        /// Images that it works on at the most: a round may have fewer.
        images: u32,
        pieces: Pieces,
        cost: Cost,
    },
    /// The first bytes of a buffer to another.
    Copy { from: Binding, to: Binding, bytes: u64 },
    /// All of a buffer to where the host reads it: sums, what was noted of the images, what was noted of a target that is kept, and
    /// the gradient lie one after another there.
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
            Self::Dispatch { step, .. } => *step,
            _ => None,
        }
    }

    /// Images of a round of so many that it works on.
    pub(super) fn images(&self, round: u32) -> u32 {
        match self {
            Self::Dispatch { images, .. } => round.min(*images),
            _ => 1,
        }
    }

    /// Floating-point operations that it does in a round of so many images.
    fn flops(&self, round: u32) -> u64 {
        match self {
            Self::Dispatch { cost, .. } => cost.flops.saturating_mul(self.images(round).into()),
            _ => 0,
        }
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
    /// Bytes of each buffer that it works on.
    pub(crate) sizes: Sizes,
}

impl Program {
    /// Bytes of the parameters on the device: every dispatch binds a window of the same size.
    pub(super) fn params_bytes(&self) -> u64 {
        self.params.len() as u64 + PARAMS_BYTES
    }

    /// Its commands, from the steps' first one on, in runs of about so many floating-point operations in a round of so many images:
    /// each can be submitted by itself.
    pub(super) fn runs(&self, images: u32, flops: u64) -> Vec<Range<usize>> {
        let mut runs = vec![];
        let (mut start, mut sum) = (self.steps.start, 0u64);
        for index in self.steps.clone() {
            sum = sum.saturating_add(self.commands[index].flops(images));
            if sum >= flops && index + 1 < self.steps.end {
                runs.push(start..index + 1);
                (start, sum) = (index + 1, 0);
            }
        }
        runs.push(start..self.commands.len());
        runs
    }
}
