//! A model's convolutions in the layout that the fast one wants.

use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::conv3x3::{Factors, Filter};
use crate::{error::Result, network::Layer, weights::Parameters};

/// Every convolution of a model in the order of its parameters, and those that make their gradients, each once it is wanted.
#[derive(Debug)]
pub(super) struct Filters {
    forward: Vec<Filter>,
    backward: Vec<OnceLock<Filter>>,
    factors: Factors,
    parameters: Arc<Parameters>,
}

impl Filters {
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(super) fn new(parameters: &Arc<Parameters>, factors: Factors) -> Result<Self> {
        let filters = parameters.convolutions().par_iter();
        let forward: Vec<_> =
            filters.map(|convolution| Filter::new(convolution, factors)).collect::<Result<_>>()?;
        let backward = forward.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { forward, backward, factors, parameters: Arc::clone(parameters) })
    }

    /// Bytes of all values that there are.
    pub(super) fn bytes(&self) -> u64 {
        let backward = self.backward.iter().filter_map(OnceLock::get);
        self.forward.iter().chain(backward).map(|filter| filter.bytes() as u64).sum()
    }

    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) where there are no such weights.
    pub(super) fn channel_weights(&self, layer: &str, channels: u32) -> Result<&[f32]> {
        self.parameters.channel_weights(layer, channels)
    }

    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) where the convolution of `layer` was not loaded, or has other channels.
    pub(super) fn of_layer(&self, layer: &Layer) -> Result<&Filter> {
        Ok(&self.forward[self.parameters.place(layer)?])
    }

    /// That of the gradient.
    ///
    /// # Errors
    /// As [`of_layer`](Self::of_layer), and [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(super) fn of_gradient(&self, layer: &Layer) -> Result<&Filter> {
        let place = self.parameters.place(layer)?;
        let filter = &self.backward[place];
        if let Some(filter) = filter.get() {
            return Ok(filter);
        }
        let made = Filter::new(&self.parameters.convolutions()[place].transposed()?, self.factors)?;
        Ok(filter.get_or_init(|| made))
    }
}
