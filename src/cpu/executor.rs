//! Runs a plan's steps through the twins.

use std::{ops::Range, sync::Arc};

use super::twin;
use crate::{
    error::{Error, Result},
    image::Image,
    plan::{Operation, Plan, Step, Tensor, TensorId},
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
        let mut packed = vec![];
        for picture in pictures {
            let mut words = vec![];
            picture.pack(&mut words);
            packed.push(words);
        }
        for step in steps {
            self.step(step, &packed)?;
        }
        Ok(())
    }

    /// Frees the tensor that `step` was the last to read.
    pub(super) fn forget_after(&mut self, step: usize) {
        let input = self.plan.steps[step].input;
        if let Some(id) = input
            && self.plan.steps[step + 1..].iter().all(|later| later.input != input)
        {
            self.values[id] = vec![];
        }
    }

    /// Runs one step, with packed pictures.
    pub(super) fn step(&mut self, step: usize, pictures: &[Vec<u32>]) -> Result<()> {
        let Step { operation, input, output, .. } = self.plan.steps[step].clone();
        let mut out = output.map(|id| zeros(&self.plan.tensors[id])).transpose()?.unwrap_or_default();
        let tensors = &self.plan.tensors;
        let from = input.map(|id| (&tensors[id], self.values[id].as_slice()));
        let to = output.map(|id| &tensors[id]);
        match (operation, from, to) {
            (Operation::Pixels { normalization }, _, Some(to)) => {
                for (packed, image) in pictures.iter().zip(out.chunks_mut(to.image_stride() as usize)) {
                    twin::pixels(packed, &normalization, (to, image));
                }
            }
            (Operation::Conv3x3 { layer, relu, .. }, Some(from), Some(to)) => {
                let convolution = self.parameters.convolution(layer.name).ok_or_else(|| {
                    Error::Weights(format!("the weights of {} were not loaded", layer.name))
                })?;
                twin::conv3x3(from, convolution, relu, (to, &mut out));
            }
            (Operation::Relu, Some((_, values)), _) => twin::relu(values, &mut out),
            (Operation::MaxPool, Some(from), Some(to)) => twin::max_pool(from, (to, &mut out)),
            (Operation::Difference { criterion, tap }, Some((tensor, values)), _) => {
                let image = tensor.image_stride() as usize;
                self.sums[tap] = values
                    .chunks_exact(2 * image)
                    .map(|pair| twin::difference(tensor, criterion, &pair[..image], &pair[image..]))
                    .collect();
            }
            _ => {}
        }
        if let Some(output) = output {
            self.values[output] = out;
        }
        Ok(())
    }
}

/// Room for a tensor's values.
fn zeros(tensor: &Tensor) -> Result<Vec<f32>> {
    let mut values = vec![];
    let elements = usize::try_from(tensor.elements()).unwrap_or(usize::MAX);
    values.try_reserve_exact(elements).map_err(|_| Error::OutOfMemory {
        wanted: tensor.bytes(),
        what: format!("the features of {}", tensor.name),
    })?;
    values.resize(elements, 0.0);
    Ok(values)
}
