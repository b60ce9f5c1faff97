//! A model's convolutions in the layout that the fast one wants.

use rayon::prelude::*;

use super::conv3x3::{Factors, Filter};
use crate::{
    error::{Error, Result},
    network::Layer,
    weights::Parameters,
};

/// Every convolution of a model.
#[derive(Debug)]
pub(super) struct Filters(Vec<Filter>);

impl Filters {
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(super) fn new(parameters: &Parameters, factors: Factors) -> Result<Self> {
        let filters = parameters.convolutions().par_iter();
        Ok(Self(filters.map(|convolution| Filter::new(convolution, factors)).collect::<Result<_>>()?))
    }

    /// Bytes of all values.
    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(|filter| filter.bytes() as u64).sum()
    }

    /// # Errors
    /// [`Error::Weights`] where the convolution of `layer` was not loaded, or has other channels.
    pub(super) fn of_layer(&self, layer: &Layer) -> Result<&Filter> {
        let filter = self
            .0
            .iter()
            .find(|filter| filter.layer.name == layer.name)
            .ok_or_else(|| Error::Weights(format!("the weights of {} were not loaded", layer.name)))?;
        let Layer { inputs, outputs, .. } = filter.layer;
        if (inputs, outputs) != (layer.inputs, layer.outputs) {
            return Err(Error::Weights(format!(
                "the weights of {} are from {inputs} channels to {outputs}; those from {} to {} are needed",
                layer.name, layer.inputs, layer.outputs
            )));
        }
        Ok(filter)
    }
}
