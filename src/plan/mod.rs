//! What is to be computed, as data: steps over tensors. A plan knows no backend and is made by pure functions.

mod budget;
mod build;
mod cost;
mod cuts;
mod slots;
mod strips;
mod tensor;
mod tuning;

use crate::{
    config::Criterion,
    error::{Error, Result},
    image::Image,
    network::Layer,
    normalization::Normalization,
};

pub(crate) use self::budget::Room;
pub use self::{
    cost::Cost,
    strips::{Part, Strips},
    tensor::{Element, Layout, Region, Tensor},
    tuning::Tuning,
};

/// Index into [`Plan::tensors`].
pub type TensorId = usize;

/// What a step computes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// Pictures as they were handed over to a normalised tensor of three channels.
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
        /// How a GPU computes it.
        tuning: Tuning,
    },
    /// max(x, 0).
    Relu,
    /// 2x2 maximum, stride 2; an odd last row or column is dropped.
    MaxPool,
    /// The positions that input and output both hold: rows that a strip keeps for the next.
    Copy,
    /// The sum of differences between two pictures' features, over all that the region owns.
    Difference {
        /// What is summed.
        criterion: Criterion,
        /// Index into [`Plan::taps`].
        tap: usize,
    },
}

impl Operation {
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
    /// What it reads; none for [`Operation::Pixels`].
    pub input: Option<TensorId>,
    /// What it writes; none for [`Operation::Difference`], whose sums are no tensor.
    pub output: Option<TensorId>,
    /// Rows at the top of the output that are there already, and that it leaves as they are.
    pub kept: u32,
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

/// Steps over tensors, in order, for [`images`](Self::images) pictures of one size at a time.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Plan {
    /// Pictures that go through each step together.
    pub images: u32,
    /// All tensors.
    pub tensors: Vec<Tensor>,
    /// What is computed, in order.
    pub steps: Vec<Step>,
    /// Where features are compared, in the network's order.
    pub taps: Vec<TapPlan>,
    /// Bytes of each slot of memory; tensors whose lifetimes do not overlap share one.
    pub slots: Vec<u64>,
    /// For each tensor, the slot that it lives in.
    pub slot_of: Vec<usize>,
}

impl Plan {
    /// An empty plan, for [`push`](Self::push) and [`tensor`](Self::tensor) to fill.
    #[must_use]
    pub fn empty(images: u32) -> Self {
        Self { images, tensors: vec![], steps: vec![], taps: vec![], slots: vec![], slot_of: vec![] }
    }

    /// Adds a tensor.
    pub fn tensor(&mut self, name: &str, channels: u32, region: Region) -> TensorId {
        self.tensors.push(Tensor::new(name, self.images, channels, region));
        self.tensors.len() - 1
    }

    /// Adds a step.
    pub fn push(
        &mut self,
        name: impl Into<String>,
        operation: Operation,
        input: Option<TensorId>,
        output: Option<TensorId>,
    ) {
        self.steps.push(Step { name: name.into(), operation, input, output, kept: 0 });
    }

    /// Adds a tap on a tensor and the step that compares it.
    pub fn tap(&mut self, name: &'static str, weight: f64, criterion: Criterion, tensor: TensorId) {
        let tap = self.taps.len();
        self.taps.push(TapPlan { name, weight, tensor });
        self.push(format!("{name} difference"), Operation::Difference { criterion, tap }, Some(tensor), None);
    }

    /// Checks every step against its tensors and assigns slots. Call it once, after the last step.
    ///
    /// # Errors
    /// [`Error::Config`] where a step's tensors do not fit it: a region that lacks a neighbour's positions, a
    /// wrong number of channels, a tensor that nothing made.
    pub fn finish(mut self) -> Result<Self> {
        self.check_steps()?;
        let bytes: Vec<u64> = self.tensors.iter().map(Tensor::bytes).collect();
        (self.slots, self.slot_of) = slots::assign(&bytes, &self.steps);
        Ok(self)
    }

    /// # Errors
    /// [`Error::Config`] where a step's tensors do not fit it.
    fn check_steps(&self) -> Result<()> {
        self.steps.iter().try_for_each(|step| {
            self.check(step).map_err(|what| Error::Config(format!("step '{}': {what}", step.name)))
        })
    }

    /// Makes it a plan for so many pictures, of as many bytes each as before.
    #[cfg(feature = "cpu")]
    pub(crate) fn set_images(&mut self, images: u32) {
        for slot in &mut self.slots {
            *slot = (*slot / u64::from(self.images)).saturating_mul(images.into());
        }
        self.tensors.iter_mut().for_each(|tensor| tensor.images = images);
        self.images = images;
    }

    /// Bytes of feature maps alive at once, for [`images`](Self::images) pictures.
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

    /// # Errors
    /// [`Error::Image`] where a picture is not valid or of another size, or there are more than `room`.
    pub(crate) fn check_pictures(&self, pictures: &[Image<'_>], room: u32) -> Result<()> {
        if pictures.len() > room as usize {
            return Err(Error::Image(format!(
                "{} pictures were given; there is room for {room}",
                pictures.len()
            )));
        }
        for picture in pictures {
            picture.validate()?;
            let size = [picture.width(), picture.height()];
            if let Some([width, height]) = self.picture_size()
                && size != [width, height]
            {
                return Err(Error::Image(format!(
                    "a picture is {}x{}; the plan is for {width}x{height}",
                    size[0], size[1]
                )));
            }
        }
        Ok(())
    }

    /// What the pixels step reads of each picture, if there is one: the region of its output.
    pub(crate) fn pixels(&self) -> Option<&Region> {
        let pixels = self.steps.iter().find(|step| matches!(step.operation, Operation::Pixels { .. }))?;
        pixels.output.map(|id| &self.tensors[id].region)
    }

    /// Valid pictures, packed as the pixels step reads them.
    #[cfg(feature = "cpu")]
    pub(crate) fn packed(&self, pictures: &[Image<'_>]) -> Vec<Vec<u32>> {
        let pack = |picture: &Image<'_>| {
            let mut words = vec![];
            if let Some(region) = self.pixels() {
                picture.pack(region, &mut words);
            }
            words
        };
        pictures.iter().map(pack).collect()
    }

    /// # Errors
    /// [`Error::Config`] where there are more or fewer values than the tensor has.
    pub(crate) fn check_values(&self, tensor: TensorId, values: &[f32]) -> Result<()> {
        let tensor = &self.tensors[tensor];
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

    fn check(&self, step: &Step) -> Result<(), String> {
        let find =
            |id: Option<TensorId>| id.map(|id| self.tensors.get(id).ok_or("no such tensor")).transpose();
        let (input, output) = (find(step.input)?, find(step.output)?);
        for tensor in [input, output].into_iter().flatten() {
            if !tensor.region.is_valid() || tensor.channels == 0 || tensor.images == 0 {
                return Err(format!("tensor '{}' is empty or reaches beyond its picture", tensor.name));
            }
        }
        let same_place = |a: &Tensor, b: &Region| (a.region.origin, a.region.extent) == (b.origin, b.extent);
        let written = match output {
            Some(out) if step.kept >= out.region.extent[1] => {
                return Err(format!("of tensor '{}' all {} rows are kept", out.name, out.region.extent[1]));
            }
            Some(out) => out.region.below(step.kept),
            None => Region::whole(0, 0),
        };
        let fits = match (step.operation, input, output) {
            (Operation::Pixels { .. }, None, Some(out)) => out.channels == 3,
            (Operation::Conv3x3 { layer, .. }, Some(input), Some(out)) => {
                (input.channels, out.channels) == (layer.inputs, layer.outputs)
                    && input.region.whole == out.region.whole
                    && (0..2).all(|axis| covers_neighbours(&input.region, &written, axis))
            }
            (Operation::Relu, Some(input), Some(out)) => {
                input.channels == out.channels && same_place(input, &written)
            }
            (Operation::MaxPool, Some(input), Some(out)) => {
                input.channels == out.channels
                    && out.region.whole == input.region.whole.map(|v| v / 2)
                    && (0..2).all(|axis| {
                        u64::from(input.region.origin[axis]) <= 2 * u64::from(written.origin[axis])
                            && 2 * written.end(axis) <= input.region.end(axis)
                    })
            }
            (Operation::Copy, Some(input), Some(out)) => {
                input.channels == out.channels
                    && step.kept == 0
                    && input.region.shared(&out.region).is_some_and(|shared| shared.is_valid())
            }
            (Operation::Difference { tap, .. }, Some(_), None) => {
                self.taps.get(tap).is_some_and(|tap| Some(tap.tensor) == step.input)
            }
            _ => false,
        };
        if fits { Ok(()) } else { Err(format!("its tensors do not fit: {input:?} to {output:?}")) }
    }
}

/// Whether `input` holds every position within one of `output`'s that the picture has.
fn covers_neighbours(input: &Region, output: &Region, axis: usize) -> bool {
    let first = u64::from(output.origin[axis]).saturating_sub(1);
    let end = (output.end(axis) + 1).min(u64::from(output.whole[axis]));
    u64::from(input.origin[axis]) <= first && end <= input.end(axis)
}
