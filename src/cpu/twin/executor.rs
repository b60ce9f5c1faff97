//! Runs a plan's steps through the twins, one after another.

use std::{mem, ops::Range, sync::Arc};

use super::super::{session::Execute, zeros};
use crate::{
    config::Criterion,
    error::{Error, Result},
    image::Image,
    plan::{Operation, Part, Plan, Step, Tensor, TensorId},
    weights::Parameters,
};

/// A plan, its weights, and the tensors' values.
#[derive(Debug)]
pub struct Executor {
    plan: Plan,
    parameters: Arc<Parameters>,
    /// Each tensor's values; empty until a step makes them.
    values: Vec<Vec<f32>>,
    /// For each tap and pair of images, the sum of differences.
    sums: Vec<Vec<f64>>,
    /// Which tensors keep rows for the next part, and which will hold them there.
    kept: Vec<[TensorId; 2]>,
}

impl Executor {
    /// An executor of `plan`, whose convolutions `parameters` must hold.
    #[must_use]
    pub fn new(plan: Plan, parameters: Arc<Parameters>) -> Self {
        let (values, sums) = (vec![vec![]; plan.tensors.len()], vec![vec![]; plan.taps.len()]);
        Self { plan, parameters, values, sums, kept: vec![] }
    }

    /// Goes on with another part of the picture: the next strip, or the first of another band. What strips have kept
    /// stays; all features are let go of.
    pub fn begin(&mut self, part: Part) {
        for [from, to] in mem::take(&mut self.kept) {
            self.values[from] = mem::take(&mut self.values[to]);
        }
        for id in 0..part.features {
            self.release(id);
        }
        self.values.resize(part.plan.tensors.len(), vec![]);
        (self.plan, self.kept) = (part.plan, part.kept);
    }

    /// The plan it runs.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A tensor's values in NCHW order, as its step left them; empty before that.
    #[must_use]
    pub fn read(&self, tensor: TensorId) -> &[f32] {
        &self.values[tensor]
    }

    /// Sets a tensor's values, for plans that do not begin with pixels.
    ///
    /// # Errors
    /// [`Error::Config`] where there are more or fewer values than the tensor has.
    pub fn write(&mut self, tensor: TensorId, values: &[f32]) -> Result<()> {
        self.plan.check_values(tensor, values)?;
        self.values[tensor] = values.to_vec();
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
    /// [`Error::Image`] where a picture is not valid; [`Error::Weights`] where a convolution's weights are not
    /// among the parameters.
    pub fn run(&mut self, steps: Range<usize>, pictures: &[Image<'_>]) -> Result<()> {
        self.plan.check_pictures(pictures, self.plan.images)?;
        let packed = self.plan.packed(pictures);
        steps.into_iter().try_for_each(|step| self.step(step, &packed))
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

    fn step(&mut self, step: usize, pictures: &[Vec<u32>]) -> Result<()> {
        let Step { operation, input, output, kept, .. } = self.plan.steps[step].clone();
        let tensors = &self.plan.tensors;
        let from = input.map(|id| (&tensors[id], self.values[id].as_slice()));
        if let (Operation::Difference { criterion, tap }, Some((tensor, values))) = (operation, from) {
            let image = tensor.image_stride() as usize;
            self.sums[tap] = values
                .chunks_exact(2 * image)
                .map(|pair| super::difference(tensor, criterion, &pair[..image], &pair[image..]))
                .collect();
        }
        let Some(id) = output else { return Ok(()) };
        let to = &tensors[id];
        // The rows that are not kept, made as a tensor of their own; of a copy, what both sides hold.
        let region = match (operation, from) {
            (Operation::Copy, Some((from, _))) => from.region.shared(&to.region).unwrap_or(to.region),
            _ => to.region.below(kept),
        };
        let written = Tensor { region, ..to.clone() };
        let mut out = zeros(&written, written.elements() as usize)?;
        match (operation, from) {
            (Operation::Pixels { normalization }, _) => {
                for (packed, image) in pictures.iter().zip(out.chunks_mut(written.image_stride() as usize)) {
                    super::pixels(packed, &normalization, (&written, image));
                }
            }
            (Operation::Conv3x3 { layer, relu, .. }, Some(from)) => {
                let convolution = self.parameters.convolution(layer.name).ok_or_else(|| {
                    Error::Weights(format!("the weights of {} were not loaded", layer.name))
                })?;
                super::conv3x3(from, convolution, relu, (&written, &mut out));
            }
            (Operation::Relu, Some((_, values))) => super::relu(values, &mut out),
            (Operation::MaxPool, Some(from)) => super::max_pool(from, (&written, &mut out)),
            (Operation::Copy, Some(from)) => super::copy(from, (&written, &mut out)),
            _ => {}
        }
        if written.region.extent == to.region.extent {
            self.values[id] = out;
            return Ok(());
        }
        if self.values[id].is_empty() {
            self.values[id] = zeros(to, to.elements() as usize)?;
        }
        super::copy((&written, &out), (to, &mut self.values[id]));
        Ok(())
    }

    fn values(&self, picture: usize, tensor: TensorId) -> &[f32] {
        let image = self.plan.tensors[tensor].image_stride() as usize;
        &self.read(tensor)[picture * image..][..image]
    }

    fn release(&mut self, tensor: TensorId) {
        self.values[tensor] = vec![];
    }

    fn difference(&self, tensor: TensorId, criterion: Criterion, a: &[f32], b: &[f32]) -> f64 {
        super::difference(&self.plan.tensors[tensor], criterion, a, b)
    }
}
