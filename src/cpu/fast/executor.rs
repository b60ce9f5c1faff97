//! Runs a plan's steps through the fast kernels.

use std::{mem, ops::Range, sync::Arc};

use super::{
    super::{lines::Lines, session::Execute},
    conv3x3::{Factors, conv3x3},
    copy::copy,
    difference::difference,
    filters::Filters,
    frame::Frame,
    max_pool::max_pool,
    pixels::pixels,
    relu::relu,
};
use crate::{
    config::Criterion,
    error::Result,
    image::Image,
    plan::{Operation, Part, Plan, Step, TensorId},
    weights::{Parameters, Precision},
};

/// A plan, its weights, and the tensors' values.
#[derive(Debug)]
pub struct Executor {
    plan: Plan,
    filters: Arc<Filters>,
    /// Each tensor's images, one after another, at the front of what may be a longer buffer; empty until a step
    /// makes them.
    values: Vec<Lines>,
    /// Buffers that were let go of, for the next tensor: fresh ones would have to be zeroed first.
    spare: Vec<Lines>,
    /// The same where a picture is cut into parts, each slot's own: memory is what the cut says.
    slots: Option<Vec<Lines>>,
    /// For each tap and pair of images, the sum of differences.
    sums: Vec<Vec<f64>>,
    /// Which tensors keep rows for the next part, and which will hold them there.
    kept: Vec<[TensorId; 2]>,
}

impl Executor {
    /// An executor of `plan`, whose convolutions `parameters` must hold.
    #[must_use]
    pub fn new(plan: Plan, parameters: &Parameters) -> Self {
        Self::with_filters(plan, Arc::new(Filters::new(parameters, Factors::F32)))
    }

    /// The same, with convolutions in this precision.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where this processor has no instructions for it.
    pub fn with_precision(plan: Plan, parameters: &Parameters, precision: Precision) -> Result<Self> {
        let filters = Filters::new(parameters, Factors::of(precision)?);
        Ok(Self::with_filters(plan, Arc::new(filters)))
    }

    /// An executor of `plan`, with weights that others share.
    pub(crate) fn with_filters(plan: Plan, filters: Arc<Filters>) -> Self {
        let (values, sums) = (vec![Lines::default(); plan.tensors.len()], vec![vec![]; plan.taps.len()]);
        Self { plan, filters, values, spare: vec![], slots: None, sums, kept: vec![] }
    }

    /// Goes on with another part of the picture: the next strip, or the first of another band. What strips have kept
    /// stays; all features are let go of.
    pub fn begin(&mut self, part: Part) {
        self.slots.get_or_insert_with(|| vec![Lines::default(); part.plan.slots.len()]);
        for [from, to] in mem::take(&mut self.kept) {
            self.release(from);
            self.values[from] = mem::take(&mut self.values[to]);
        }
        for id in 0..part.features {
            self.release(id);
        }
        self.values.resize(part.plan.tensors.len(), Lines::default());
        (self.plan, self.kept) = (part.plan, part.kept);
    }

    /// The plan it runs.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A tensor's values in NCHW order, as its step left them; empty before that.
    #[must_use]
    pub fn read(&self, tensor: TensorId) -> Vec<f32> {
        let frame = Frame::of(&self.plan.tensors[tensor]);
        let mut planes = vec![];
        for image in self.images(tensor).chunks(frame.elements()) {
            frame.to_planes(image, &mut planes);
        }
        planes
    }

    /// Sets a tensor's values, in NCHW order, for plans that do not begin with pixels.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) where there are more or fewer values than the tensor has.
    pub fn write(&mut self, tensor: TensorId, values: &[f32]) -> Result<()> {
        self.plan.check_values(tensor, values)?;
        let frame = Frame::of(&self.plan.tensors[tensor]);
        let planes = values.chunks(frame.width * frame.height * frame.channels);
        let mut out = self.room(tensor)?;
        for (planes, image) in planes.zip(out.chunks_mut(frame.elements())) {
            frame.fill_from_planes(planes, image);
        }
        self.values[tensor] = out;
        Ok(())
    }

    /// For each tap and each pair of images (2k, 2k + 1), the sum of differences.
    #[must_use]
    pub fn sums(&self) -> &[Vec<f64>] {
        &self.sums
    }

    /// Runs a range of steps. `pictures` are one for each image of the plan; only the pixels step reads them.
    ///
    /// # Errors
    /// [`Error::Image`](crate::Error::Image) where a picture is not valid,
    /// [`Error::Weights`](crate::Error::Weights) where a convolution's weights are not among the parameters,
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn run(&mut self, steps: Range<usize>, pictures: &[Image<'_>]) -> Result<()> {
        self.plan.check_pictures(pictures, self.plan.images)?;
        let packed = self.plan.packed(pictures);
        steps.into_iter().try_for_each(|step| self.step(step, &packed))
    }

    /// Elements of all of a tensor's images.
    fn elements(&self, tensor: TensorId) -> usize {
        let tensor = &self.plan.tensors[tensor];
        Frame::of(tensor).elements().saturating_mul(tensor.images as usize)
    }

    /// A tensor's images, one after another.
    fn images(&self, tensor: TensorId) -> &[f32] {
        let values = &self.values[tensor];
        &values[..values.len().min(self.elements(tensor))]
    }

    /// A buffer for a tensor's values, with whatever was there before.
    fn room(&mut self, tensor: TensorId) -> Result<Lines> {
        let elements = self.elements(tensor);
        if let Some(slots) = &mut self.slots {
            let slot = self.plan.slot_of[tensor];
            let buffer = mem::take(&mut slots[slot]);
            if buffer.len() >= elements {
                return Ok(buffer);
            }
            drop(buffer);
            let all = (self.plan.slots[slot] / self.plan.tensors[tensor].element.bytes()) as usize;
            return Lines::of(&self.plan.tensors[tensor], all.max(elements));
        }
        let fits = (0..self.spare.len())
            .filter(|&i| self.spare[i].len() >= elements)
            .min_by_key(|&i| self.spare[i].len());
        match fits {
            Some(index) => Ok(self.spare.swap_remove(index)),
            None => {
                // What is too small for this tensor would only add up.
                self.spare.pop();
                Lines::of(&self.plan.tensors[tensor], elements)
            }
        }
    }
}

impl Execute for Executor {
    fn reset(&mut self, pictures: u32) {
        self.kept.clear();
        (0..self.values.len()).for_each(|id| self.release(id));
        self.plan.set_images(pictures);
    }

    fn begin(&mut self, mut part: Part) {
        part.plan.set_images(self.plan.images);
        Self::begin(self, part);
    }

    fn step(&mut self, step: usize, packed: &[Vec<u32>]) -> Result<()> {
        let Step { operation, input, output, kept, .. } = self.plan.steps[step].clone();
        let kept = kept as usize;
        let mut out = match output {
            // What is kept is there.
            Some(id) if kept > 0 || operation == Operation::Copy && !self.values[id].is_empty() => {
                mem::take(&mut self.values[id])
            }
            Some(id) => {
                self.release(id);
                self.room(id)?
            }
            None => Lines::default(),
        };
        let from = input.map(|id| (&self.plan.tensors[id], self.images(id)));
        let images = from.map(|(tensor, values)| values.chunks(Frame::of(tensor).elements()));
        if let Some(to) = output.map(|id| &self.plan.tensors[id]) {
            let image = Frame::of(to).elements();
            let outputs = &mut out[..image * to.images as usize];
            match (operation, from, images) {
                (Operation::Pixels { normalization }, ..) => {
                    for (packed, out) in packed.iter().zip(outputs.chunks_mut(image)) {
                        pixels(packed, &normalization, (to, out));
                    }
                }
                (Operation::Conv3x3 { layer, relu, .. }, Some(from), _) => {
                    conv3x3(from, self.filters.get(layer.name)?, relu, (to, kept, outputs));
                }
                (Operation::Relu, Some((from, _)), Some(images)) => {
                    for (image, out) in images.zip(outputs.chunks_mut(image)) {
                        relu((from, image), (to, kept, out));
                    }
                }
                (Operation::Copy, Some((from, _)), Some(images)) => {
                    for (image, out) in images.zip(outputs.chunks_mut(image)) {
                        copy((from, image), (to, out));
                    }
                }
                (Operation::MaxPool, Some((from, _)), Some(images)) => {
                    for (image, out) in images.zip(outputs.chunks_mut(image)) {
                        max_pool((from, image), (to, kept, out));
                    }
                }
                _ => {}
            }
        } else if let (Operation::Difference { criterion, tap }, Some((tensor, values))) = (operation, from) {
            let image = Frame::of(tensor).elements();
            let pairs = values.chunks_exact(2 * image).map(|pair| pair.split_at(image));
            self.sums[tap] = pairs.map(|(a, b)| difference(tensor, criterion, a, b)).collect();
        }
        if let Some(output) = output {
            self.values[output] = out;
        }
        Ok(())
    }

    fn values(&self, picture: usize, tensor: TensorId) -> &[f32] {
        let image = Frame::of(&self.plan.tensors[tensor]).elements();
        &self.images(tensor)[picture * image..][..image]
    }

    fn release(&mut self, tensor: TensorId) {
        let values = mem::take(&mut self.values[tensor]);
        match &mut self.slots {
            _ if values.is_empty() => {}
            Some(slots) => slots[self.plan.slot_of[tensor]] = values,
            None => self.spare.push(values),
        }
    }

    fn difference(&self, tensor: TensorId, criterion: Criterion, a: &[f32], b: &[f32]) -> f64 {
        difference(&self.plan.tensors[tensor], criterion, a, b)
    }
}
