//! Making a plan: tensors, then steps over them, then the check that makes a [`Plan`] of it.

use super::{Operation, Plan, Region, Step, TapPlan, Tensor, TensorId, slots};
use crate::{criterion::Criterion, error::Result};

/// A plan that is being made.
///
/// ```
/// use perceptual_loss::low_level::plan::{Builder, Maps, Operation, Region, Step};
///
/// # fn main() -> perceptual_loss::Result<()> {
/// let mut builder = Builder::new();
/// let from = builder.tensor("from", 1, 3, Region::whole(8, 8));
/// let to = builder.tensor("to", 1, 3, Region::whole(4, 4));
/// let pool = Operation::MaxPool { maps: Maps::Target, input_relu: false };
/// builder.step(Step::new("pool", pool, [from], [to]));
/// let plan = builder.finish()?;
/// assert_eq!(plan.steps().len(), 1);
/// # Ok(())
/// # }
/// ```
///
/// A plan that was not checked cannot be made:
///
/// ```compile_fail,E0451
/// use perceptual_loss::low_level::plan::Plan;
///
/// let plan = Plan { tensors: vec![], steps: vec![], taps: vec![], kept: vec![], gradient: None, slots: vec![], slot_of: vec![] };
/// ```
///
/// Nor can one be changed once it is checked:
///
/// ```compile_fail,E0616
/// use perceptual_loss::low_level::plan::Builder;
///
/// let mut plan = Builder::new().finish().unwrap();
/// plan.slots.clear();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    pub(super) tensors: Vec<Tensor>,
    pub(super) steps: Vec<Step>,
    pub(super) taps: Vec<TapPlan>,
    pub(super) kept: Vec<TensorId>,
    pub(super) gradient: Option<TensorId>,
}

impl Builder {
    /// A plan of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor of so many images.
    pub fn tensor(&mut self, name: &str, images: u32, channels: u32, region: Region) -> TensorId {
        self.tensors.push(Tensor::new(name, images, channels, region));
        self.tensors.len() - 1
    }

    /// Adds a tensor of a bit for each of so many channels.
    pub fn bits(&mut self, name: &str, images: u32, channels: u32, region: Region) -> TensorId {
        self.tensors.push(Tensor::bits(name, images, channels, region));
        self.tensors.len() - 1
    }

    /// Adds a step.
    pub fn step(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Says that a tensor outlives the plan's steps; once said, saying it again changes nothing.
    pub fn keep(&mut self, tensor: TensorId) {
        if !self.kept.contains(&tensor) {
            self.kept.push(tensor);
        }
    }

    /// Adds a tap on a tensor, which a difference is, and the step that sums it.
    pub fn tap(&mut self, name: &'static str, weight: f64, criterion: Criterion, tensor: TensorId) {
        self.tap_through(name, weight, criterion, tensor, false);
    }

    /// The same of a tensor of features that may be read through max(x, 0).
    pub fn tap_through(
        &mut self,
        name: &'static str,
        weight: f64,
        criterion: Criterion,
        tensor: TensorId,
        input_relu: bool,
    ) {
        let tap = self.taps.len();
        self.taps.push(TapPlan { name, weight, criterion, tensor });
        let operation = Operation::Difference { criterion, tap, input_relu };
        self.step(Step::new(format!("{name} difference"), operation, [tensor], []));
    }

    /// The same, whose step writes each position's own part of the sum into `map`.
    pub fn mapped_tap(
        &mut self,
        name: &'static str,
        weight: f64,
        criterion: Criterion,
        tensor: TensorId,
        map: TensorId,
    ) {
        self.tap(name, weight, criterion, tensor);
        if let Some(step) = self.steps.last_mut() {
            step.writes.push(map);
        }
    }

    /// Adds a tap of [`Criterion::Lpips`] on a difference from a target, whose map may be read through max(x, 0), or on features alone.
    pub fn lpips_tap(
        &mut self,
        name: &'static str,
        weight: f64,
        tensor: TensorId,
        target: Option<TensorId>,
        input_relu: bool,
    ) {
        let operation = Operation::Lpips { tap: self.taps.len(), input_relu };
        self.beside_tap((name, weight, Criterion::Lpips), tensor, target, operation);
    }

    /// The same of [`Criterion::Gram`].
    pub fn gram_tap(
        &mut self,
        name: &'static str,
        weight: f64,
        tensor: TensorId,
        target: Option<TensorId>,
        input_relu: bool,
    ) {
        let operation = Operation::Gram { tap: self.taps.len(), input_relu, adds: false };
        self.beside_tap((name, weight, Criterion::Gram), tensor, target, operation);
    }

    /// A tap whose step reads a target's map beside its tensor, if there is one.
    fn beside_tap(
        &mut self,
        (name, weight, criterion): (&'static str, f64, Criterion),
        tensor: TensorId,
        target: Option<TensorId>,
        operation: Operation,
    ) {
        self.taps.push(TapPlan { name, weight, criterion, tensor });
        let reads: Vec<_> = [tensor].into_iter().chain(target).collect();
        self.step(Step::new(format!("{name} {}", operation.kernel()), operation, reads, []));
    }

    /// The tensors so far.
    #[must_use]
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Checks every step against its tensors, and assigns slots.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where a step's tensors do not fit it: a region that lacks a neighbour's
    /// positions, a wrong number of channels or images, a tensor that is read before anything made it.
    pub fn finish(self) -> Result<Plan> {
        let bytes: Vec<u64> = self.tensors.iter().map(Tensor::bytes).collect();
        self.check()?;
        let (slots, slot_of) = slots::assign(&bytes, &self.steps, &self.kept);
        let Self { tensors, steps, taps, kept, gradient } = self;
        Ok(Plan { tensors, steps, taps, kept, gradient, slots, slot_of })
    }

    /// Checks every step against its tensors, which live in slots that are known.
    pub(super) fn finish_in(self, slots: &[u64], slot_of: &[usize]) -> Result<Plan> {
        self.check()?;
        let Self { tensors, steps, taps, kept, gradient } = self;
        let (slots, slot_of) = (slots.to_vec(), slot_of.to_vec());
        Ok(Plan { tensors, steps, taps, kept, gradient, slots, slot_of })
    }
}
