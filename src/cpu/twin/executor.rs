//! Runs a plan's steps through the twins, one after another.

use std::{ops::Range, sync::Arc};

use super::super::{session::Execute, zeros};
use crate::{
    config::Criterion,
    error::{Error, Result},
    image::Image,
    plan::{Operation, Plan, Step, TensorId},
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
}

impl Executor {
    /// An executor of `plan`, whose convolutions `parameters` must hold.
    #[must_use]
    pub fn new(plan: Plan, parameters: Arc<Parameters>) -> Self {
        let (values, sums) = (vec![vec![]; plan.tensors.len()], vec![vec![]; plan.taps.len()]);
        Self { plan, parameters, values, sums }
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
        let packed: Vec<_> = pictures.iter().map(Image::packed).collect();
        steps.into_iter().try_for_each(|step| self.step(step, &packed))
    }
}

impl Execute for Executor {
    fn step(&mut self, step: usize, pictures: &[Vec<u32>]) -> Result<()> {
        let Step { operation, input, output, .. } = self.plan.steps[step].clone();
        let mut out = output
            .map(|id| zeros(&self.plan.tensors[id], self.plan.tensors[id].elements() as usize))
            .transpose()?
            .unwrap_or_default();
        let tensors = &self.plan.tensors;
        let from = input.map(|id| (&tensors[id], self.values[id].as_slice()));
        let to = output.map(|id| &tensors[id]);
        match (operation, from, to) {
            (Operation::Pixels { normalization }, _, Some(to)) => {
                for (packed, image) in pictures.iter().zip(out.chunks_mut(to.image_stride() as usize)) {
                    super::pixels(packed, &normalization, (to, image));
                }
            }
            (Operation::Conv3x3 { layer, relu, .. }, Some(from), Some(to)) => {
                let convolution = self.parameters.convolution(layer.name).ok_or_else(|| {
                    Error::Weights(format!("the weights of {} were not loaded", layer.name))
                })?;
                super::conv3x3(from, convolution, relu, (to, &mut out));
            }
            (Operation::Relu, Some((_, values)), _) => super::relu(values, &mut out),
            (Operation::MaxPool, Some(from), Some(to)) => super::max_pool(from, (to, &mut out)),
            (Operation::Difference { criterion, tap }, Some((tensor, values)), _) => {
                let image = tensor.image_stride() as usize;
                self.sums[tap] = values
                    .chunks_exact(2 * image)
                    .map(|pair| super::difference(tensor, criterion, &pair[..image], &pair[image..]))
                    .collect();
            }
            _ => {}
        }
        if let Some(output) = output {
            self.values[output] = out;
        }
        Ok(())
    }

    fn values(&self, tensor: TensorId) -> &[f32] {
        self.read(tensor)
    }

    fn release(&mut self, tensor: TensorId) {
        self.values[tensor] = vec![];
    }

    fn difference(&self, tensor: TensorId, criterion: Criterion, a: &[f32], b: &[f32]) -> f64 {
        super::difference(&self.plan.tensors[tensor], criterion, a, b)
    }
}
