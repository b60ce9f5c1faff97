//! The fast kernels as a set, over all images of a tensor.

use std::sync::Arc;

use super::{
    bordered::Bordered,
    conv3x3::{Factors, Filter, conv3x3, conv3x3_both, conv3x3_difference, conv3x3_gradient},
    copy::copy,
    difference::{difference, difference_gradient, difference_map},
    features::Features as OfImage,
    filters::Filters,
    gram::{gram, gram_gradient},
    lpips::{lpips, lpips_gradient},
    max_pool::{max_pool, max_pool_both, max_pool_difference, max_pool_gradient, max_pool_routes},
    pixels::{pixels, pixels_difference, pixels_gradient},
    relu::{relu, relu_mask},
};
use crate::{
    cpu::{
        kernels::{BothMaps, Input, Kernels, Output, PoolDifference, TapSlope, of_target},
        scratch::Scratch,
        twin::Features,
    },
    criterion::Criterion,
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
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(in crate::cpu) fn new(
        parameters: &Arc<Parameters>,
        factors: Factors,
        scratch: Arc<Scratch>,
    ) -> Result<Self> {
        Ok(Self { filters: Filters::new(parameters, factors)?, scratch })
    }

    /// Those of one image, and of its target or that of all.
    fn features_of<'a>(&self, features: Features<'a>, index: usize) -> OfImage<'a> {
        let Features { difference, target, input_relu } = features;
        let target = target.map(|(tensor, values)| {
            let images = difference.0.images as usize;
            (tensor, of_target(values, self.image(tensor), images)(index))
        });
        OfImage { difference: self.of_image(difference, index), target, input_relu }
    }

    /// One image of a tensor.
    fn of_image<'a>(&self, (tensor, values): Input<'a>, index: usize) -> Input<'a> {
        let image = self.image(tensor);
        (tensor, &values[index * image..][..image])
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

    fn breaks_ties(&self, layer: &Layer) -> bool {
        self.filters.of_layer(layer).is_ok_and(Filter::breaks_ties)
    }

    fn pixels(
        &self,
        pictures: &[&[u32]],
        normalization: &Normalization,
        (to, kept, values): Output<'_>,
    ) -> Result<()> {
        for (picture, out) in pictures.iter().zip(images_mut(to, values)) {
            pixels(picture, normalization, (to, kept, out));
        }
        Ok(())
    }

    fn pixels_difference(
        &self,
        generated: &[&[u32]],
        targets: &[&[u32]],
        normalization: &Normalization,
        (to, kept, values): Output<'_>,
    ) -> Result<()> {
        let pairs = generated.iter().zip(targets.iter().cycle());
        for ((generated, target), out) in pairs.zip(images_mut(to, values)) {
            pixels_difference(generated, target, normalization, (to, kept, out));
        }
        Ok(())
    }

    fn conv3x3(&self, input: Input<'_>, input_relu: bool, layer: &Layer, output: Output<'_>) -> Result<()> {
        conv3x3(input, input_relu, self.filters.of_layer(layer)?, output, &self.scratch)
    }

    fn conv3x3_difference(
        &self,
        input: Input<'_>,
        target: Option<Input<'_>>,
        layer: &Layer,
        output: Output<'_>,
    ) -> Result<()> {
        conv3x3_difference(input, target, self.filters.of_layer(layer)?, output, &self.scratch)
    }

    fn conv3x3_both(&self, maps: BothMaps<'_>, layer: &Layer) -> Result<()> {
        conv3x3_both(maps, self.filters.of_layer(layer)?, &self.scratch)
    }

    fn relu(
        &self,
        (from, input): Input<'_>,
        (of, target): Input<'_>,
        (to, kept, output): Output<'_>,
    ) -> Result<()> {
        let of_image = of_target(target, self.image(of), from.images as usize);
        for (index, (image, out)) in images(from, input).zip(images_mut(to, output)).enumerate() {
            relu((from, image), (of, of_image(index)), (to, kept, out));
        }
        Ok(())
    }

    fn max_pool(
        &self,
        (from, input): Input<'_>,
        input_relu: bool,
        (to, kept, output): Output<'_>,
    ) -> Result<()> {
        for (image, out) in images(from, input).zip(images_mut(to, output)) {
            max_pool((from, image), input_relu, (to, kept, out));
        }
        Ok(())
    }

    fn max_pool_difference(
        &self,
        (from, input): Input<'_>,
        (of, target): Input<'_>,
        how: PoolDifference,
        (to, kept, output): Output<'_>,
    ) -> Result<()> {
        let of_image = of_target(target, self.image(of), from.images as usize);
        for (index, (image, out)) in images(from, input).zip(images_mut(to, output)).enumerate() {
            max_pool_difference((from, image), of_image(index), how, (to, kept, out));
        }
        Ok(())
    }

    fn max_pool_both(
        &self,
        (from, target): Input<'_>,
        (_, difference): Input<'_>,
        how: PoolDifference,
        (to, kept, to_target): Output<'_>,
        (_, _, to_difference): Output<'_>,
    ) -> Result<()> {
        let inputs = images(from, target).zip(images(from, difference));
        let outputs = images_mut(to, to_target).zip(images_mut(to, to_difference));
        for ((target, difference), (to_target, to_difference)) in inputs.zip(outputs) {
            max_pool_both((from, target), difference, how, (to, kept, to_target, to_difference));
        }
        Ok(())
    }

    fn copy(&self, (from, input): Input<'_>, (to, _, output): Output<'_>) {
        for (image, out) in images(from, input).zip(images_mut(to, output)) {
            copy((from, image), (to, out));
        }
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
        self.filters.channel_weights(layer, channels)
    }

    fn lpips(&self, features: Features<'_>, image: usize, weights: &[f32]) -> f64 {
        lpips(self.features_of(features, image), weights)
    }

    fn lpips_gradient(
        &self,
        features: Features<'_>,
        weights: (&[f32], f64),
        added: Option<Input<'_>>,
        mask: Option<Input<'_>>,
        (to, kept, output): Output<'_>,
    ) -> Result<()> {
        for (index, out) in images_mut(to, output).enumerate() {
            let [added, mask] = [added, mask].map(|input| input.map(|input| self.of_image(input, index)));
            lpips_gradient(self.features_of(features, index), weights, added, mask, (to, kept, out));
        }
        Ok(())
    }

    fn gram(&self, features: Features<'_>, image: usize, divisor: f64) -> Vec<f64> {
        gram(self.features_of(features, image), divisor)
    }

    fn gram_gradient(
        &self,
        features: Features<'_>,
        (matrices, factor): (&[Vec<f64>], f64),
        added: Option<Input<'_>>,
        mask: Option<Input<'_>>,
        (to, kept, output): Output<'_>,
    ) -> Result<()> {
        for (index, (out, matrix)) in images_mut(to, output).zip(matrices).enumerate() {
            let [added, mask] = [added, mask].map(|input| input.map(|input| self.of_image(input, index)));
            gram_gradient(self.features_of(features, index), (matrix, factor), added, mask, (to, kept, out));
        }
        Ok(())
    }

    fn relu_mask(
        &self,
        (of, target): Input<'_>,
        (from, difference): Input<'_>,
        (to, kept, mask): Output<'_>,
    ) -> Result<()> {
        let of_image = of_target(target, self.image(of), from.images as usize);
        for (index, (image, out)) in images(from, difference).zip(images_mut(to, mask)).enumerate() {
            relu_mask((of, of_image(index)), (from, image), (to, kept, out));
        }
        Ok(())
    }

    fn max_pool_routes(
        &self,
        (of, target): Input<'_>,
        (from, difference): Input<'_>,
        input_relu: bool,
        (to, kept, routes): Output<'_>,
    ) -> Result<()> {
        let of_image = of_target(target, self.image(of), from.images as usize);
        for (index, (image, out)) in images(from, difference).zip(images_mut(to, routes)).enumerate() {
            max_pool_routes((from, of_image(index)), image, input_relu, (to, kept, out));
        }
        Ok(())
    }

    fn difference_gradient(
        &self,
        tap: TapSlope<'_>,
        added: Option<Input<'_>>,
        mask: Option<Input<'_>>,
        (to, kept, output): Output<'_>,
    ) -> Result<()> {
        for (index, out) in images_mut(to, output).enumerate() {
            let (from, difference) = self.of_image(tap.difference, index);
            let [added, mask] = [added, mask].map(|input| input.map(|input| self.of_image(input, index)));
            difference_gradient((from, difference, tap.slope), added, mask, (to, kept, out));
        }
        Ok(())
    }

    fn max_pool_gradient(
        &self,
        gradient: Input<'_>,
        routes: Input<'_>,
        mask: Option<Input<'_>>,
        tap: Option<TapSlope<'_>>,
        (to, kept, output): Output<'_>,
    ) -> Result<()> {
        for (index, out) in images_mut(to, output).enumerate() {
            let [gradient, routes] = [gradient, routes].map(|input| self.of_image(input, index));
            let mask = mask.map(|mask| self.of_image(mask, index));
            let tap = tap.map(|TapSlope { difference, slope }| {
                let (tensor, image) = self.of_image(difference, index);
                (tensor, image, slope)
            });
            max_pool_gradient(gradient, routes, mask, tap, (to, kept, out));
        }
        Ok(())
    }

    fn conv3x3_gradient(
        &self,
        gradient: Input<'_>,
        mask: Option<Input<'_>>,
        layer: &Layer,
        output: Output<'_>,
    ) -> Result<()> {
        conv3x3_gradient(gradient, mask, self.filters.of_gradient(layer)?, output, &self.scratch)
    }

    fn pixels_gradient(
        &self,
        (from, gradient): Input<'_>,
        normalization: &Normalization,
        (to, kept, output): Output<'_>,
    ) -> Result<()> {
        for (image, out) in images(from, gradient).zip(images_mut(to, output)) {
            pixels_gradient((from, image), normalization, (to, kept, out));
        }
        Ok(())
    }
}
