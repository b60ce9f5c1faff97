//! The twins as a set, over all images of a tensor. Tensors lie as they are thought of: shape (N, C, H, W), row-major, dense.

use std::sync::Arc;

use super::{conv3x3, copy, difference, difference_map, max_pool, pixels, relu};
use crate::{
    config::Criterion,
    cpu::{
        kernels::{Input, Kernels, Output},
        zeros,
    },
    error::Result,
    network::Layer,
    normalization::Normalization,
    plan::Tensor,
    weights::Parameters,
};

/// The twins and a model's weights.
#[derive(Debug)]
pub(in crate::cpu) struct Twins(Arc<Parameters>);

impl Twins {
    pub(in crate::cpu) fn new(parameters: Arc<Parameters>) -> Self {
        Self(parameters)
    }
}

/// Makes the rows of a tensor that are not kept as a tensor of their own, and puts them below those that are.
fn below_kept(
    (to, kept, output): Output<'_>,
    make: impl FnOnce((&Tensor, &mut [f32])) -> Result<()>,
) -> Result<()> {
    if kept == 0 {
        return make((to, output));
    }
    let below = Tensor { region: to.region.below(kept), ..to.clone() };
    let mut made = zeros(&below, below.elements() as usize)?;
    make((&below, &mut made))?;
    copy((&below, &made), (to, output));
    Ok(())
}

impl Kernels for Twins {
    fn border(&self) -> u32 {
        0
    }

    fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    fn check_layer(&self, layer: &Layer) -> Result<()> {
        self.0.of_layer(layer).map(|_| ())
    }

    fn fill_from_planes(&self, _: &Tensor, planes: &[f32], image: &mut [f32]) {
        image.copy_from_slice(planes);
    }

    fn to_planes(&self, _: &Tensor, image: &[f32], planes: &mut Vec<f32>) {
        planes.extend_from_slice(image);
    }

    fn pixels(
        &self,
        packed: &[Vec<u32>],
        normalization: &Normalization,
        (to, kept, output): Output<'_>,
    ) -> Result<()> {
        // Packed is the whole region, kept rows too.
        let mut made = zeros(to, output.len())?;
        for (packed, image) in packed.iter().zip(made.chunks_mut(self.image(to))) {
            pixels(packed, normalization, (to, image));
        }
        let below = kept as usize * to.row_stride() as usize;
        let plane = to.channel_stride() as usize;
        for (out, made) in output.chunks_mut(plane).zip(made.chunks(plane)) {
            out[below..].copy_from_slice(&made[below..]);
        }
        Ok(())
    }

    fn conv3x3(&self, input: Input<'_>, layer: &Layer, relu: bool, output: Output<'_>) -> Result<()> {
        let convolution = self.0.of_layer(layer)?;
        below_kept(output, |to| {
            conv3x3(input, convolution, relu, to);
            Ok(())
        })
    }

    fn relu(&self, input: Input<'_>, output: Output<'_>) -> Result<()> {
        below_kept(output, |to| {
            relu(input, to);
            Ok(())
        })
    }

    fn max_pool(&self, input: Input<'_>, output: Output<'_>) -> Result<()> {
        below_kept(output, |to| {
            max_pool(input, to);
            Ok(())
        })
    }

    fn copy(&self, input: Input<'_>, (to, _, output): Output<'_>) {
        copy(input, (to, output));
    }

    fn difference(&self, shape: &Tensor, criterion: Criterion, a: &[f32], b: &[f32]) -> f64 {
        difference(shape, criterion, a, b)
    }

    fn difference_map(
        &self,
        shape: &Tensor,
        criterion: Criterion,
        images: [&[f32]; 2],
        (to, kept, map): Output<'_>,
    ) {
        difference_map(shape, criterion, images, (to, kept, map));
    }
}
