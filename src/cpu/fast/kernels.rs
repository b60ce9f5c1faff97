//! The fast kernels as a set, over all images of a tensor.

use std::sync::Arc;

use super::{
    bordered::Bordered,
    conv3x3::{Factors, conv3x3},
    copy::copy,
    difference::{difference, difference_map},
    filters::Filters,
    max_pool::max_pool,
    pixels::pixels,
    relu::relu,
};
use crate::{
    config::Criterion,
    cpu::{
        kernels::{Input, Kernels, Output},
        scratch::Scratch,
    },
    error::Result,
    network::Layer,
    normalization::Normalization,
    plan::Tensor,
    weights::Parameters,
};

/// The fast kernels and a model's weights.
#[derive(Debug)]
pub(in crate::cpu) struct Fast {
    filters: Filters,
    scratch: Arc<Scratch>,
}

impl Fast {
    pub(in crate::cpu) fn new(parameters: &Parameters, factors: Factors, scratch: Arc<Scratch>) -> Self {
        Self { filters: Filters::new(parameters, factors), scratch }
    }
}

/// Images of one shape, one after another.
fn images<'a>(tensor: &Tensor, values: &'a [f32]) -> impl Iterator<Item = &'a [f32]> {
    values.chunks(Bordered::of(tensor).elements())
}

fn images_mut<'a>(tensor: &Tensor, values: &'a mut [f32]) -> impl Iterator<Item = &'a mut [f32]> {
    values.chunks_mut(Bordered::of(tensor).elements())
}

impl Kernels for Fast {
    fn border(&self) -> u32 {
        1
    }

    fn bytes(&self) -> u64 {
        self.filters.bytes()
    }

    fn check_layer(&self, layer: &Layer) -> Result<()> {
        self.filters.of_layer(layer).map(|_| ())
    }

    fn fill_from_planes(&self, tensor: &Tensor, planes: &[f32], image: &mut [f32]) {
        Bordered::of(tensor).fill_from_planes(planes, image);
    }

    fn to_planes(&self, tensor: &Tensor, image: &[f32], planes: &mut Vec<f32>) {
        Bordered::of(tensor).to_planes(image, planes);
    }

    fn pixels(
        &self,
        packed: &[Vec<u32>],
        normalization: &Normalization,
        (to, kept, values): Output<'_>,
    ) -> Result<()> {
        for (packed, out) in packed.iter().zip(images_mut(to, values)) {
            pixels(packed, normalization, (to, kept, out));
        }
        Ok(())
    }

    fn conv3x3(&self, input: Input<'_>, layer: &Layer, relu: bool, output: Output<'_>) -> Result<()> {
        conv3x3(input, self.filters.of_layer(layer)?, relu, output, &self.scratch);
        Ok(())
    }

    fn relu(&self, (from, input): Input<'_>, (to, kept, output): Output<'_>) -> Result<()> {
        for (image, out) in images(from, input).zip(images_mut(to, output)) {
            relu((from, image), (to, kept, out));
        }
        Ok(())
    }

    fn max_pool(&self, (from, input): Input<'_>, (to, kept, output): Output<'_>) -> Result<()> {
        for (image, out) in images(from, input).zip(images_mut(to, output)) {
            max_pool((from, image), (to, kept, out));
        }
        Ok(())
    }

    fn copy(&self, (from, input): Input<'_>, (to, _, output): Output<'_>) {
        for (image, out) in images(from, input).zip(images_mut(to, output)) {
            copy((from, image), (to, out));
        }
    }

    fn difference(&self, shape: &Tensor, criterion: Criterion, a: &[f32], b: &[f32]) -> f64 {
        difference(shape, criterion, a, b)
    }

    fn difference_map(&self, shape: &Tensor, criterion: Criterion, images: [&[f32]; 2], map: Output<'_>) {
        difference_map(shape, criterion, images, map);
    }
}
