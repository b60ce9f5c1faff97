//! The twins as a set, over all images of a tensor. Tensors lie as they are thought of: shape (N, C, H, W), row-major, dense.

use std::sync::Arc;

use super::{
    Features, conv3x3, conv3x3_difference, copy, difference, difference_gradient, difference_map, gram,
    gram_gradient, lpips, lpips_gradient, max_pool, max_pool_difference, max_pool_gradient, max_pool_routes,
    pixels, pixels_difference, pixels_gradient, relu, relu_gradient, relu_mask,
};
use crate::{
    cpu::kernels::{Input, Kernels, Output, PoolDifference, TapSlope},
    criterion::Criterion,
    error::Result,
    network::Layer,
    normalization::Normalization,
    plan::Tensor,
    reserve::filled,
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

/// Room for `elements` values of a tensor, zeros.
fn zeros(tensor: &Tensor, elements: usize) -> Result<Vec<f32>> {
    filled(0.0, elements, format_args!("the features of {}", tensor.name))
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

/// Makes all rows of a tensor elsewhere, since pictures are packed with those that are kept, and takes those that are not.
fn whole_rows((to, kept, output): Output<'_>, make: impl FnOnce((&Tensor, &mut [f32]))) -> Result<()> {
    let mut made = zeros(to, output.len())?;
    make((to, &mut made));
    let below = kept as usize * to.row_stride() as usize;
    let plane = to.channel_stride() as usize;
    for (out, made) in output.chunks_mut(plane).zip(made.chunks(plane)) {
        out[below..].copy_from_slice(&made[below..]);
    }
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

    fn breaks_ties(&self, _: &Layer) -> bool {
        false
    }

    fn pixels(&self, pictures: &[&[u32]], normalization: &Normalization, output: Output<'_>) -> Result<()> {
        whole_rows(output, |(to, made)| {
            for (picture, image) in pictures.iter().zip(made.chunks_mut(self.image(to))) {
                pixels(picture, normalization, (to, image));
            }
        })
    }

    fn pixels_difference(
        &self,
        generated: &[&[u32]],
        targets: &[&[u32]],
        normalization: &Normalization,
        output: Output<'_>,
    ) -> Result<()> {
        whole_rows(output, |(to, made)| {
            let pairs = generated.iter().zip(targets.iter().cycle());
            for ((generated, target), image) in pairs.zip(made.chunks_mut(self.image(to))) {
                pixels_difference(generated, target, normalization, (to, image));
            }
        })
    }

    fn conv3x3(&self, input: Input<'_>, input_relu: bool, layer: &Layer, output: Output<'_>) -> Result<()> {
        let convolution = self.0.of_layer(layer)?;
        below_kept(output, |to| conv3x3(input, input_relu, convolution, to))
    }

    fn conv3x3_difference(
        &self,
        input: Input<'_>,
        target: Option<Input<'_>>,
        layer: &Layer,
        output: Output<'_>,
    ) -> Result<()> {
        let convolution = self.0.of_layer(layer)?;
        below_kept(output, |to| conv3x3_difference(input, target, convolution, to))
    }

    fn relu(&self, input: Input<'_>, target: Input<'_>, output: Output<'_>) -> Result<()> {
        below_kept(output, |to| {
            relu(input, target, to);
            Ok(())
        })
    }

    fn max_pool(&self, input: Input<'_>, input_relu: bool, output: Output<'_>) -> Result<()> {
        below_kept(output, |to| {
            max_pool(input, input_relu, to);
            Ok(())
        })
    }

    fn max_pool_difference(
        &self,
        input: Input<'_>,
        target: Input<'_>,
        how: PoolDifference,
        output: Output<'_>,
    ) -> Result<()> {
        below_kept(output, |to| {
            max_pool_difference(input, target, how.input_relu, how.tied(), to);
            Ok(())
        })
    }

    fn copy(&self, input: Input<'_>, (to, _, output): Output<'_>) {
        copy(input, (to, output));
    }

    fn difference(&self, shape: &Tensor, criterion: Criterion, input_relu: bool, image: &[f32]) -> f64 {
        difference(shape, criterion, input_relu, image)
    }

    fn difference_map(
        &self,
        shape: &Tensor,
        criterion: Criterion,
        input_relu: bool,
        image: &[f32],
        map: Output<'_>,
    ) {
        difference_map(shape, criterion, input_relu, image, map);
    }

    fn channel_weights(&self, layer: &str, channels: u32) -> Result<&[f32]> {
        self.0.channel_weights(layer, channels)
    }

    fn lpips(&self, features: Features<'_>, image: usize, weights: &[f32]) -> f64 {
        lpips(features, image, weights)
    }

    fn lpips_gradient(
        &self,
        features: Features<'_>,
        (weights, factor): (&[f32], f64),
        added: Option<Input<'_>>,
        mask: Option<Input<'_>>,
        output: Output<'_>,
    ) -> Result<()> {
        below_kept(output, |(to, gradient)| {
            begin(added, (to, gradient));
            lpips_gradient(features, weights, factor, (to, gradient));
            masked(mask, (to, gradient));
            Ok(())
        })
    }

    fn gram(&self, features: Features<'_>, image: usize, divisor: f64) -> Vec<f64> {
        gram(features, image, divisor)
    }

    fn gram_gradient(
        &self,
        features: Features<'_>,
        (matrices, factor): (&[Vec<f64>], f64),
        added: Option<Input<'_>>,
        mask: Option<Input<'_>>,
        output: Output<'_>,
    ) -> Result<()> {
        below_kept(output, |(to, gradient)| {
            begin(added, (to, gradient));
            gram_gradient(features, matrices, factor, (to, gradient));
            masked(mask, (to, gradient));
            Ok(())
        })
    }

    fn relu_mask(&self, target: Input<'_>, difference: Input<'_>, mask: Output<'_>) -> Result<()> {
        below_kept(mask, |to| {
            relu_mask(target, difference, to);
            Ok(())
        })
    }

    fn max_pool_routes(
        &self,
        target: Input<'_>,
        difference: Input<'_>,
        input_relu: bool,
        routes: Output<'_>,
    ) -> Result<()> {
        below_kept(routes, |to| {
            max_pool_routes(target, difference, input_relu, to);
            Ok(())
        })
    }

    fn difference_gradient(
        &self,
        tap: TapSlope<'_>,
        added: Option<Input<'_>>,
        mask: Option<Input<'_>>,
        output: Output<'_>,
    ) -> Result<()> {
        below_kept(output, |(to, gradient)| {
            begin(added, (to, gradient));
            of_tap(tap, mask, (to, gradient));
            Ok(())
        })
    }

    fn max_pool_gradient(
        &self,
        gradient: Input<'_>,
        routes: Input<'_>,
        mask: Option<Input<'_>>,
        tap: Option<TapSlope<'_>>,
        output: Output<'_>,
    ) -> Result<()> {
        below_kept(output, |(to, out)| {
            max_pool_gradient(gradient, routes, (to, out));
            match (tap, mask) {
                (Some(tap), mask) => of_tap(tap, mask, (to, out)),
                (None, Some(mask)) => relu_gradient(mask, (to, out)),
                (None, None) => {}
            }
            Ok(())
        })
    }

    fn conv3x3_gradient(
        &self,
        gradient: Input<'_>,
        mask: Option<Input<'_>>,
        layer: &Layer,
        output: Output<'_>,
    ) -> Result<()> {
        let transposed = self.0.of_layer(layer)?.transposed()?;
        below_kept(output, |(to, out)| {
            conv3x3_difference(gradient, None, &transposed, (to, out))?;
            if let Some(mask) = mask {
                relu_gradient(mask, (to, out));
            }
            Ok(())
        })
    }

    fn pixels_gradient(
        &self,
        gradient: Input<'_>,
        normalization: &Normalization,
        output: Output<'_>,
    ) -> Result<()> {
        below_kept(output, |to| {
            pixels_gradient(gradient, normalization, to);
            Ok(())
        })
    }
}

/// What there is of a gradient, or 0.
fn begin(added: Option<Input<'_>>, (to, gradient): (&Tensor, &mut [f32])) {
    gradient.fill(0.0);
    if let Some(added) = added {
        copy(added, (to, gradient));
    }
}

/// 0 where there is a mask without its bit.
fn masked(mask: Option<Input<'_>>, (to, gradient): (&Tensor, &mut [f32])) {
    if let Some(mask) = mask {
        relu_gradient(mask, (to, gradient));
    }
}

/// Adds a tap's part to a gradient, which is 0 where there is a mask without its bit.
fn of_tap(tap: TapSlope<'_>, mask: Option<Input<'_>>, (to, gradient): (&Tensor, &mut [f32])) {
    let TapSlope { difference, slope } = tap;
    difference_gradient(difference, slope.criterion, slope.factor, (to, gradient));
    masked(mask, (to, gradient));
}
