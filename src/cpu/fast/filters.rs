//! A model's convolutions in the form that the fast one wants.

use rayon::prelude::*;

use crate::{
    error::{Error, Result},
    weights::{Convolution, Parameters},
};

/// Every convolution of a model.
#[derive(Debug)]
pub(crate) struct Filters(Vec<Filter>);

/// A convolution's weights as three matrices, one for each row of the kernel.
#[derive(Debug)]
pub(super) struct Filter {
    name: &'static str,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// (3 kernel rows, 3 kernel columns, inputs, outputs), row-major.
    weight: Vec<f32>,
    /// (outputs).
    pub(super) bias: Vec<f32>,
}

impl Filters {
    pub(crate) fn new(parameters: &Parameters) -> Self {
        Self(parameters.convolutions.par_iter().map(Filter::new).collect())
    }

    /// # Errors
    /// [`Error::Weights`] where the convolution called `name` was not loaded.
    pub(super) fn get(&self, name: &str) -> Result<&Filter> {
        self.0
            .iter()
            .find(|filter| filter.name == name)
            .ok_or_else(|| Error::Weights(format!("the weights of {name} were not loaded")))
    }
}

impl Filter {
    fn new(convolution: &Convolution) -> Self {
        let layer = convolution.layer;
        let (inputs, outputs) = (layer.inputs as usize, layer.outputs as usize);
        let mut weight = vec![0.0; 9 * inputs * outputs];
        weight.par_chunks_mut(outputs).enumerate().for_each(|(index, row)| {
            let (tap, input) = (index / inputs, index % inputs);
            for (output, value) in row.iter_mut().enumerate() {
                *value = convolution.weight[(output * inputs + input) * 9 + tap];
            }
        });
        Self { name: layer.name, inputs, outputs, weight, bias: convolution.bias.clone() }
    }

    /// The matrix of kernel row `ky`: (3 * inputs, outputs).
    pub(super) fn row(&self, ky: usize) -> &[f32] {
        let elements = 3 * self.inputs * self.outputs;
        &self.weight[ky * elements..][..elements]
    }
}
