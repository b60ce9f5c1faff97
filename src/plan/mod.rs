//! What is to be computed, as data: steps over tensors. A plan knows no backend and is made by pure functions.
//!
//! Two pictures are compared by their target's maps and by the differences from them, which go through the network side by
//! side ([`Maps`]): what two nearly equal pictures differ by keeps its own precision, where subtracting their features would
//! throw it away.
//!
//! Whoever makes a plan makes it through a [`Builder`], which checks it: executors trust what a [`Plan`] says of its
//! tensors, and shaders run without bounds checks. So a plan's fields are private.

mod budget;
mod build;
mod builder;
mod check;
mod cost;
mod cuts;
mod gradient;
mod parts;
mod slots;
mod tensor;

use crate::{
    criterion::Criterion,
    error::{Error, Result},
    network::Layer,
    normalization::Normalization,
};

#[cfg(any(feature = "gpu", test))]
pub(crate) use self::parts::Sweep;
pub(crate) use self::{budget::Room, build::Plans};
pub use self::{
    builder::Builder,
    cost::Cost,
    parts::{Part, Parts},
    tensor::{CHANNELS_OF_BITS, Element, Region, Tensor},
};

/// Where a convolution breaks ties, a max-pool takes for one what is less than the largest value of the target's window by this
/// share of it at the most: a target's values, and where that window is flat in the generated picture, its.
///
/// Winograd's convolution rounds equal patches differently by their place in a tile, by some 2^-21 of what they are made of, and
/// flat pictures are full of such patches: of one value by one level in a black picture the loss is 8e-4 off without this. What is
/// no tie may count as one, too, and of differences of a millionth more than 2^-19 spoils more than it mends.
pub(crate) const TIED: f32 = 1.0 / (1u32 << 19) as f32;

/// Index into [`Plan::tensors`].
pub type TensorId = usize;

/// Which of the two maps that are carried through the network a step makes: the target's features, or what the generated
/// picture's have more, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Maps {
    /// The target's, or a picture's that is compared with nothing. Convolutions leave it before its activation, which
    /// differences need; what reads it applies max(x, 0).
    Target,
    /// The difference's, from a target's that are there. It is stored after its activation.
    Difference,
    /// Both, the target's first.
    Both,
}

impl Maps {
    /// Whether the target's is made.
    #[must_use]
    pub fn target(self) -> bool {
        self != Self::Difference
    }

    /// Whether the difference's is made.
    #[must_use]
    pub fn difference(self) -> bool {
        self != Self::Target
    }
}

/// What a tap whose criterion counts each difference by itself adds to a gradient at its place.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TapGradient {
    /// What is differentiated.
    pub criterion: Criterion,
    /// Index into [`Plan::taps`].
    pub tap: usize,
}

/// What a step computes. Where it makes both maps, what it reads and writes are the target's and then the difference's.
///
/// Source: the target's values a and the difference d go through the same convolutions; with b = a + d, a layer's activation
/// makes max(b, 0) - max(a, 0) of d, and its pooling max(b) - max(a), both without b.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// Pictures as they were handed over to normalised tensors of three channels. Reads no tensor.
    Pixels {
        /// What is done to each value.
        normalization: Normalization,
        /// The target's values, or the generated picture's less those, or both.
        maps: Maps,
    },
    /// 3x3 convolution, stride 1, one pixel of zero padding at the picture's own edges: of the target with bias, of the
    /// difference without. For the difference alone it reads the difference, and, where it goes through its activation, the
    /// target's map that the same convolution makes.
    Conv3x3 {
        /// Whose weights.
        layer: Layer,
        /// Which maps.
        maps: Maps,
        /// Whether the target's map is read through max(x, 0).
        input_relu: bool,
        /// Whether the difference goes through its activation before it is stored: max(d + min(a, 0), -max(a, 0)), where a
        /// is the target's result.
        relu: bool,
    },
    /// The activation of a difference by itself, which reads the difference and the target's map before its activation.
    Relu,
    /// 2x2 maximum, stride 2; an odd last row or column is dropped. Of a difference: max over the four of a - max(a) + d. For
    /// the difference alone it reads the difference and the target's map.
    MaxPool {
        /// Which maps.
        maps: Maps,
        /// Whether the target's map is read through max(x, 0).
        input_relu: bool,
    },
    /// The positions that both tensors hold: rows that a strip keeps for the next.
    Copy,
    /// The sum of a difference's squares or magnitudes, over all that the region owns; or of a picture's features themselves. It
    /// may write a tensor beside its sums: each position's own part of them.
    Difference {
        /// What is summed.
        criterion: Criterion,
        /// Index into [`Plan::taps`].
        tap: usize,
        /// Whether it is read through max(x, 0): features before their activation.
        input_relu: bool,
    },
    /// The sum of LPIPS's distances over all positions that the region owns: it reads the difference and the target's map, or features
    /// alone, which are compared with zeros.
    Lpips {
        /// Index into [`Plan::taps`].
        tap: usize,
        /// Whether the target's map is read through max(x, 0); or the features, where there are no others.
        input_relu: bool,
    },
    /// What the generated picture's Gram matrix has more than the target's, and the sum of its squares. It reads the difference and the
    /// target's map, or features alone, which are compared with zeros. Executors keep the matrix for its gradient.
    ///
    /// It is M + Mᵀ with M = (a + d/2) dᵀ / (C H W) over all positions that the region owns. It begins with what executors are given for
    /// that: zeros, or what the target's matrix has more than that of a style picture.
    Gram {
        /// Index into [`Plan::taps`].
        tap: usize,
        /// Whether the target's map is read through max(x, 0); or the features, where there are no others.
        input_relu: bool,
        /// Whether it adds to what parts of the picture before this one have made of the matrix.
        adds: bool,
    },
    /// Where the generated picture's activations are positive: of max(a, 0) + d, a bit. It reads the target's map before its activation,
    /// and the difference behind it.
    ReluMask,
    /// Which of a max-pool's four inputs is the generated picture's largest: the first of those with the largest
    /// a - max(a) + d. It reads the target's map and the difference, and writes the lower bit of that number, 0 to 3, for all
    /// channels, and then the upper.
    MaxPoolRoutes {
        /// Whether the target's map is read through max(x, 0).
        input_relu: bool,
    },
    /// The gradient of a difference that is compared: what its tap adds, and what reaches it from deeper layers, if there is
    /// that. It reads the difference, that gradient, and the mask.
    DifferenceGradient {
        /// What is compared.
        of: TapGradient,
        /// Whether there is a gradient from deeper layers.
        adds: bool,
        /// Whether there is a mask: it is 0 where the bit is.
        masked: bool,
    },
    /// The same of LPIPS's distances: it reads the difference, the target's map, that gradient, and the mask. Where the generated picture's
    /// features are all zero, the distance's part of it is 0.
    LpipsGradient {
        /// Index into [`Plan::taps`].
        tap: usize,
        /// Whether the target's map is read through max(x, 0).
        input_relu: bool,
        /// Whether there is a gradient from deeper layers.
        adds: bool,
        /// Whether there is a mask.
        masked: bool,
    },
    /// The same of a Gram matrix, which the step before has made.
    GramGradient {
        /// Index into [`Plan::taps`].
        tap: usize,
        /// Whether the target's map is read through max(x, 0).
        input_relu: bool,
        /// Whether there is a gradient from deeper layers.
        adds: bool,
        /// Whether there is a mask.
        masked: bool,
    },
    /// The gradient of what a max-pool reads, from that of what it makes: each goes where its route leads, and all else is 0.
    /// It reads the gradient, the routes, the mask, and the difference that is compared.
    MaxPoolGradient {
        /// What a tap at its input adds.
        adds: Option<TapGradient>,
        /// Whether there is a mask.
        masked: bool,
    },
    /// The gradient of what a convolution reads, from that of what it makes: a convolution with its weights turned by 180 degrees and
    /// inputs for outputs. It reads the gradient, and the mask.
    Conv3x3Gradient {
        /// Whose weights: the forward convolution.
        layer: Layer,
        /// Whether there is a mask.
        masked: bool,
    },
    /// The gradient of pictures' values, in their order of channels, from that of normalised ones.
    PixelsGradient {
        /// What was done to each value.
        normalization: Normalization,
    },
}

/// Which positions an operation reads of a tensor for those that it makes, along either axis: `reads` for `makes`, of which one is 1,
/// and `around` more on each side where the picture has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) reads: u32,
    pub(crate) makes: u32,
    pub(crate) around: u32,
}

impl Operation {
    /// What cutting a picture goes by, of the tensor at a place among those that it reads.
    pub(crate) fn reach(&self, place: usize) -> Reach {
        let same = Reach { reads: 1, makes: 1, around: 0 };
        match self {
            Self::Conv3x3 { .. } => Reach { around: 1, ..same },
            // The mask lies as the output does.
            Self::Conv3x3Gradient { .. } if place == 0 => Reach { around: 1, ..same },
            Self::MaxPool { .. } | Self::MaxPoolRoutes { .. } => Reach { reads: 2, ..same },
            // The gradient and the routes.
            Self::MaxPoolGradient { .. } if place < 2 => Reach { makes: 2, ..same },
            Self::Pixels { .. }
            | Self::Relu
            | Self::Copy
            | Self::Difference { .. }
            | Self::Lpips { .. }
            | Self::LpipsGradient { .. }
            | Self::Gram { .. }
            | Self::GramGradient { .. }
            | Self::ReluMask
            | Self::DifferenceGradient { .. }
            | Self::MaxPoolGradient { .. }
            | Self::Conv3x3Gradient { .. }
            | Self::PixelsGradient { .. } => same,
        }
    }

    /// The tap whose sum it makes, if it makes one.
    #[must_use]
    pub fn tap(&self) -> Option<usize> {
        match *self {
            Self::Difference { tap, .. } | Self::Lpips { tap, .. } | Self::Gram { tap, .. } => Some(tap),
            _ => None,
        }
    }

    /// Whether it belongs to the way back: a gradient, or what is noted for one.
    pub(crate) fn is_backward(&self) -> bool {
        match self {
            Self::LpipsGradient { .. }
            | Self::GramGradient { .. }
            | Self::ReluMask
            | Self::MaxPoolRoutes { .. }
            | Self::DifferenceGradient { .. }
            | Self::MaxPoolGradient { .. }
            | Self::Conv3x3Gradient { .. }
            | Self::PixelsGradient { .. } => true,
            Self::Pixels { .. }
            | Self::Conv3x3 { .. }
            | Self::Relu
            | Self::MaxPool { .. }
            | Self::Copy
            | Self::Difference { .. }
            | Self::Lpips { .. }
            | Self::Gram { .. } => false,
        }
    }

    /// The name of the kernel that computes it, whatever its tuning.
    #[must_use]
    pub fn kernel(&self) -> &'static str {
        match self {
            Self::Pixels { .. } => "pixels",
            Self::Conv3x3 { .. } => "conv3x3",
            Self::Relu => "relu",
            Self::MaxPool { .. } => "max_pool",
            Self::Copy => "copy",
            Self::Difference { .. } => "difference",
            Self::Lpips { .. } => "lpips",
            Self::LpipsGradient { .. } => "lpips.gradient",
            Self::Gram { .. } => "gram",
            Self::GramGradient { .. } => "gram.gradient",
            Self::ReluMask => "relu.mask",
            Self::MaxPoolRoutes { .. } => "max_pool.routes",
            Self::DifferenceGradient { .. } => "difference.gradient",
            Self::MaxPoolGradient { .. } => "max_pool.gradient",
            Self::Conv3x3Gradient { .. } => "conv3x3.gradient",
            Self::PixelsGradient { .. } => "pixels.gradient",
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
    /// Rows at the top of each tensor that it writes that are there already, and that it leaves as they are.
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

    /// The first tensor that it reads.
    #[must_use]
    pub fn input(&self) -> Option<TensorId> {
        self.reads.first().copied()
    }

    /// The first tensor that it writes.
    #[must_use]
    pub fn output(&self) -> Option<TensorId> {
        self.writes.first().copied()
    }
}

/// A place where pictures are compared.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TapPlan {
    /// The layer's name.
    pub name: &'static str,
    /// Its factor in the total.
    pub weight: f64,
    /// What is averaged.
    pub criterion: Criterion,
    /// What is summed: the difference of two pictures' features, or the features of one.
    pub tensor: TensorId,
}

/// Steps over tensors, in order, which a [`Builder`] has checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    tensors: Vec<Tensor>,
    steps: Vec<Step>,
    taps: Vec<TapPlan>,
    /// Tensors that outlive the plan's steps: a target's maps.
    kept: Vec<TensorId>,
    /// The gradient of the generated pictures' values.
    gradient: Option<TensorId>,
    /// Bytes of each slot of memory; tensors whose lifetimes do not overlap share one. Those of kept tensors come last.
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

    /// Tensors that are there before the first step, or stay after the last: a target's maps, which another plan makes or reads
    /// in the same order. Each has a slot to itself, the last ones.
    #[must_use]
    pub fn kept(&self) -> &[TensorId] {
        &self.kept
    }

    /// The gradient of the total by the generated pictures' values, of a plan that makes it: loss per 1.0 of a value.
    #[must_use]
    pub fn gradient(&self) -> Option<TensorId> {
        self.gradient
    }

    /// What a tap's gradient multiplies the derivative of its criterion by: the tap's weight over the number that its sum is divided by.
    pub(crate) fn factor(&self, tap: usize) -> f64 {
        self.taps.get(tap).map_or(0.0, |tap| tap.weight / self.divisor(tap))
    }

    /// What products of a tap's features are divided by in a Gram matrix.
    pub(crate) fn gram_divisor(&self, tap: usize) -> f64 {
        self.taps.get(tap).map_or(1.0, |tap| {
            let tensor = &self.tensors[tap.tensor];
            let [width, height] = tensor.region.whole.map(f64::from);
            f64::from(tensor.channels) * width * height
        })
    }

    /// The factor of a Gram matrix's gradient: that times what the matrices differ by, times the features.
    pub(crate) fn gram_factor(&self, tap: usize) -> f64 {
        4.0 * self.factor(tap) / self.gram_divisor(tap)
    }

    /// Whether a tap's sum is of all parts of a picture so far, and not of one.
    pub(crate) fn is_of_all(&self, tap: usize) -> bool {
        self.taps.get(tap).is_some_and(|tap| tap.criterion == Criterion::Gram)
    }

    /// Bytes of all taps' Gram matrices of an image, as float64.
    #[cfg(feature = "cpu")]
    pub(crate) fn gram_bytes(&self) -> u64 {
        let taps = self.taps.iter().filter(|tap| tap.criterion == Criterion::Gram);
        taps.map(|tap| 8 * u64::from(self.tensors[tap.tensor].channels).pow(2)).sum()
    }

    /// What a tap's sum over a whole picture is divided by, to be its mean.
    pub(crate) fn divisor(&self, tap: &TapPlan) -> f64 {
        let tensor = &self.tensors[tap.tensor];
        let [width, height] = tensor.region.whole.map(f64::from);
        match tap.criterion {
            // Summed over channels.
            Criterion::Lpips => width * height,
            Criterion::Gram => f64::from(tensor.channels).powi(2),
            _ => f64::from(tensor.channels) * width * height,
        }
    }

    /// Bytes of each slot of memory. Tensors whose lifetimes do not overlap share one.
    #[must_use]
    pub fn slots(&self) -> &[u64] {
        &self.slots
    }

    /// Those that tensors share: all but those of kept ones.
    #[must_use]
    pub fn shared_slots(&self) -> &[u64] {
        &self.slots[..self.slots.len() - self.kept.len()]
    }

    /// Bytes of kept tensors.
    #[must_use]
    pub fn kept_bytes(&self) -> u64 {
        let bytes = self.kept.iter().map(|&id| self.tensors[id].bytes());
        bytes.fold(0, u64::saturating_add)
    }

    /// For each tensor, the slot that it lives in.
    #[must_use]
    pub fn slot_of(&self) -> &[usize] {
        &self.slot_of
    }

    /// Pictures, or pairs of them, that go through together: the most images that a tensor has.
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

    /// Pictures that the pixels step reads: one for each image of a target, or two.
    #[must_use]
    pub fn pictures(&self) -> u32 {
        let sides = if self.pixels().is_some_and(|(maps, _)| maps.difference()) { 2 } else { 1 };
        self.images().saturating_mul(sides)
    }

    /// Width and height of the pictures that the pixels step reads, if there is one.
    #[must_use]
    pub fn picture_size(&self) -> Option<[u32; 2]> {
        self.pixels().map(|(_, region)| region.whole)
    }

    /// Which maps the pixels step makes, if there is one, and what it reads of each picture: the region of its outputs.
    #[must_use]
    pub fn pixels(&self) -> Option<(Maps, &Region)> {
        self.steps.iter().find_map(|step| match step.operation {
            Operation::Pixels { maps, .. } => Some((maps, &self.tensors[step.output()?].region)),
            _ => None,
        })
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
    /// [`Error::Config`] where a tap has no Gram matrix of so many values.
    pub(crate) fn check_matrix(&self, tap: usize, values: &[f32]) -> Result<()> {
        let of = |tap: &TapPlan| u64::from(self.tensors[tap.tensor].channels).pow(2);
        let wanted = self.taps.get(tap).filter(|tap| tap.criterion == Criterion::Gram).map(of);
        if wanted == Some(values.len() as u64) {
            return Ok(());
        }
        Err(Error::Config(format!(
            "tap {tap} has no Gram matrix of {} values; it has {}",
            values.len(),
            wanted.unwrap_or_default()
        )))
    }

    /// # Errors
    /// [`Error::NotFinite`] of the first convolution that has noted that it made a value that is not finite.
    #[cfg(feature = "gpu")]
    pub(crate) fn check_notes(&self, notes: impl IntoIterator<Item = u32>) -> Result<()> {
        let notes = notes.into_iter().fold(0, |all, notes| all | notes);
        let noted = self.steps.iter().find_map(|step| match step.operation {
            Operation::Conv3x3 { layer, .. } | Operation::Conv3x3Gradient { layer, .. }
                if notes & layer.note() != 0 =>
            {
                Some(layer.name)
            }
            _ => None,
        });
        match noted {
            Some(layer) => Err(Error::NotFinite { layer }),
            None => Ok(()),
        }
    }

    /// The convolution whose result a tensor is, through an activation or not; none where it is something else's.
    pub(crate) fn convolution_of(&self, tensor: TensorId) -> Option<Layer> {
        let makes = |step: &&Step| step.writes.contains(&tensor) && step.operation != Operation::Copy;
        let step = self.steps.iter().find(makes)?;
        match step.operation {
            Operation::Conv3x3 { layer, .. } => Some(layer),
            Operation::Relu => self.convolution_of(step.input()?),
            _ => None,
        }
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
