//! A model's convolutions in the form that the fast one wants.

use rayon::prelude::*;

use super::conv3x3::{Factors, Filter};
use crate::{
    error::{Error, Result},
    weights::Parameters,
};

/// Every convolution of a model.
#[derive(Debug)]
pub(crate) struct Filters(Vec<Filter>);

impl Filters {
    pub(crate) fn new(parameters: &Parameters, factors: Factors) -> Self {
        Self(
            parameters.convolutions.par_iter().map(|convolution| Filter::new(convolution, factors)).collect(),
        )
    }

    /// Bytes of all values.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().map(|filter| filter.bytes() as u64).sum()
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
