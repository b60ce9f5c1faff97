//! What is to be computed, as data: steps over tensors. A plan knows no backend and is made by pure functions.
//!
//! Whoever makes a plan makes it through a [`Builder`], which checks it: executors trust what a [`Plan`] says of its
//! tensors, and shaders run without bounds checks. So a plan's fields are private.

mod budget;
mod build;
mod builder;
mod check;
mod cost;
mod cuts;
mod parts;
mod slots;
mod tensor;

use crate::{
    config::Criterion,
    error::{Error, Result},
    network::Layer,
    normalization::Normalization,
};

pub(crate) use self::budget::Room;
pub use self::{
    builder::Builder,
    cost::Cost,
    parts::{Part, Parts},
    tensor::{Element, Region, Tensor},
};

/// Index into [`Plan::tensors`].
pub type TensorId = usize;

/// What a step computes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// Pictures as they were handed over to a normalised tensor of three channels. Reads no tensor.
    Pixels {
        /// What is done to each value.
        normalization: Normalization,
    },
    /// 3x3 convolution, stride 1, one pixel of zero padding at the picture's own edges, with bias.
    Conv3x3 {
        /// Whose weights.
        layer: Layer,
        /// Whether max(x, 0) is applied before the result is stored.
        relu: bool,
    },
    /// max(x, 0).
    Relu,
    /// 2x2 maximum, stride 2; an odd last row or column is dropped.
    MaxPool,
    /// The positions that both tensors hold: rows that a strip keeps for the next.
    Copy,
    /// The sum of differences between two pictures' features, over all that the region owns. It may write a tensor
    /// beside its sums: each position's own part of them.
    Difference {
        /// What is summed.
        criterion: Criterion,
        /// Index into [`Plan::taps`].
        tap: usize,
    },
}

/// Which positions an operation reads for one that it makes, along either axis: `scale` of them, and `around` more on each
/// side where the picture has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) scale: u32,
    pub(crate) around: u32,
}

impl Operation {
    /// What cutting a picture goes by.
    pub(crate) fn reach(&self) -> Reach {
        match self {
            Self::Conv3x3 { .. } => Reach { scale: 1, around: 1 },
            Self::MaxPool => Reach { scale: 2, around: 0 },
            Self::Pixels { .. } | Self::Relu | Self::Copy | Self::Difference { .. } => {
                Reach { scale: 1, around: 0 }
            }
        }
    }

    /// The name of the kernel that computes it, whatever its tuning.
    #[must_use]
    pub fn kernel(&self) -> &'static str {
        match self {
            Self::Pixels { .. } => "pixels",
            Self::Conv3x3 { .. } => "conv3x3",
            Self::Relu => "relu",
            Self::MaxPool => "max_pool",
            Self::Copy => "copy",
            Self::Difference { .. } => "difference",
        }
    }
}

/// One operation on tensors.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// For messages, labels and timings, such as `conv3_1` or `relu3_3 difference`.
    pub name: String,
    /// What it computes.
    pub operation: Operation,
    /// The tensors that it reads.
    pub reads: Vec<TensorId>,
    /// The tensors that it writes. A difference's sums are no tensor.
    pub writes: Vec<TensorId>,
    /// Rows at the top of what it writes that are there already, and that it leaves as they are.
    pub kept: u32,
}

impl Step {
    /// A step that keeps nothing.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        operation: Operation,
        reads: impl Into<Vec<TensorId>>,
        writes: impl Into<Vec<TensorId>>,
    ) -> Self {
        Self { name: name.into(), operation, reads: reads.into(), writes: writes.into(), kept: 0 }
    }

    /// The same, leaving so many rows at the top of what it writes as they are.
    #[must_use]
    pub fn keeping(self, rows: u32) -> Self {
        Self { kept: rows, ..self }
    }

    /// The first tensor that it reads, which is the only one of most operations.
    #[must_use]
    pub fn input(&self) -> Option<TensorId> {
        self.reads.first().copied()
    }

    /// The first tensor that it writes, which is the only one of most operations.
    #[must_use]
    pub fn output(&self) -> Option<TensorId> {
        self.writes.first().copied()
    }
}

/// A place where two pictures' features are compared.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TapPlan {
    /// The layer's name.
    pub name: &'static str,
    /// Its factor in the total.
    pub weight: f64,
    /// Its features.
    pub tensor: TensorId,
}

/// Steps over tensors, in order, which a [`Builder`] has checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    tensors: Vec<Tensor>,
    steps: Vec<Step>,
    taps: Vec<TapPlan>,
    /// Bytes of each slot of memory; tensors whose lifetimes do not overlap share one.
    slots: Vec<u64>,
    /// For each tensor, the slot that it lives in.
    slot_of: Vec<usize>,
}

impl Plan {
    /// All tensors.
    #[must_use]
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// What is computed, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Where features are compared, in the network's order.
    #[must_use]
    pub fn taps(&self) -> &[TapPlan] {
        &self.taps
    }

    /// Bytes of each slot of memory. Tensors whose lifetimes do not overlap share one.
    #[must_use]
    pub fn slots(&self) -> &[u64] {
        &self.slots
    }

    /// For each tensor, the slot that it lives in.
    #[must_use]
    pub fn slot_of(&self) -> &[usize] {
        &self.slot_of
    }

    /// Pictures that go through together: the most images that a tensor has.
    #[must_use]
    pub fn images(&self) -> u32 {
        self.tensors.iter().map(|tensor| tensor.images).max().unwrap_or(0)
    }

    /// Bytes of feature maps alive at once.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.slots.iter().fold(0, |sum, &bytes| sum.saturating_add(bytes))
    }

    /// Bytes of the largest tensor: what a device must bind at once.
    #[must_use]
    pub fn largest_tensor(&self) -> u64 {
        self.tensors.iter().map(Tensor::bytes).max().unwrap_or(0)
    }

    /// Width and height of the pictures that the pixels step reads, if there is one.
    #[must_use]
    pub fn picture_size(&self) -> Option<[u32; 2]> {
        self.pixels().map(|region| region.whole)
    }

    /// What the pixels step reads of each picture, if there is one: the region of its output.
    #[must_use]
    pub fn pixels(&self) -> Option<&Region> {
        let pixels = self.steps.iter().find(|step| matches!(step.operation, Operation::Pixels { .. }))?;
        pixels.output().map(|id| &self.tensors[id].region)
    }

    /// The same steps for so many pictures, where each tensor has one image.
    #[cfg(feature = "cpu")]
    pub(crate) fn set_images(&mut self, images: u32) {
        let before = self.images().max(1);
        for slot in &mut self.slots {
            *slot = (*slot / u64::from(before)).saturating_mul(images.into());
        }
        self.tensors.iter_mut().for_each(|tensor| tensor.images = images);
    }

    /// The same plan with a tensor more, in the memory of `tensor` and behind it: twice its channels. Whoever reads that
    /// sees what was written past the end of `tensor`.
    #[cfg(all(feature = "gpu", feature = "cpu"))]
    pub(crate) fn guarded(mut self, tensor: TensorId) -> (Self, TensorId) {
        let Tensor { images, channels, region, .. } = self.tensors[tensor].clone();
        let guard = Tensor::new("output and beyond", images, 2 * channels, region);
        let slot = self.slot_of[tensor];
        self.slots[slot] = self.slots[slot].max(guard.bytes());
        self.slot_of.push(slot);
        let id = self.tensors.len();
        self.tensors.push(guard);
        (self, id)
    }

    /// # Errors
    /// [`Error::Config`] where there is no such tensor.
    pub(crate) fn tensor(&self, id: TensorId) -> Result<&Tensor> {
        self.tensors.get(id).ok_or_else(|| {
            Error::Config(format!("there is no tensor {id}; the plan has {}", self.tensors.len()))
        })
    }

    /// # Errors
    /// [`Error::Config`] where there is no such tensor, or it has more or fewer values.
    pub(crate) fn check_values(&self, id: TensorId, values: &[f32]) -> Result<()> {
        let tensor = self.tensor(id)?;
        if values.len() as u64 == tensor.elements() {
            return Ok(());
        }
        Err(Error::Config(format!(
            "tensor '{}' has {} values; {} were given",
            tensor.name,
            tensor.elements(),
            values.len()
        )))
    }

    /// # Errors
    /// [`Error::Config`] where there is no such tap.
    #[cfg(feature = "gpu")]
    pub(crate) fn tap(&self, tap: usize) -> Result<&TapPlan> {
        self.taps
            .get(tap)
            .ok_or_else(|| Error::Config(format!("there is no tap {tap}; the plan has {}", self.taps.len())))
    }

    /// # Errors
    /// [`Error::Config`] where there are no such steps.
    pub(crate) fn check_range(&self, steps: &std::ops::Range<usize>) -> Result<()> {
        if steps.start <= steps.end && steps.end <= self.steps.len() {
            return Ok(());
        }
        Err(Error::Config(format!(
            "there are no steps {} to {}; the plan has {}",
            steps.start,
            steps.end,
            self.steps.len()
        )))
    }
}
