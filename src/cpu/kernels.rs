//! What the twins and the fast kernels have in common: each computes every operation of a plan, and lays tensors out in its own
//! way.

use std::fmt;

use super::twin::Features;
use crate::{
    criterion::Criterion,
    error::Result,
    network::Layer,
    normalization::Normalization,
    plan::{TIED, Tensor},
};

/// A tensor that a kernel reads, with the values of all its images, as the set of kernels lays them out.
pub(super) type Input<'a> = (&'a Tensor, &'a [f32]);

/// A tensor that a kernel writes, the rows at its top that are there and stay, and the values of all its images.
pub(super) type Output<'a> = (&'a Tensor, u32, &'a mut [f32]);

/// A convolution of both maps.
pub(super) struct BothMaps<'a> {
    pub(super) target: Input<'a>,
    /// Whether the target is read through max(x, 0).
    pub(super) input_relu: bool,
    pub(super) difference: Input<'a>,
    /// Whether the difference goes through its activation.
    pub(super) relu: bool,
    pub(super) to_target: Output<'a>,
    pub(super) to_difference: Output<'a>,
}

/// A set of kernels, with a model's weights in the layout that they want. Plans are checked before they get here: tensors fit the
/// operation. A target of one image is that of all images of a difference.
pub(super) trait Kernels: fmt::Debug + Send + Sync {
    /// Positions that each image of a tensor has around it in memory.
    fn border(&self) -> u32;

    /// Bytes of the weights.
    fn bytes(&self) -> u64;

    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) where there are no weights of this convolution, or those of other channels.
    fn check_layer(&self, layer: &Layer) -> Result<()>;

    /// Whether this convolution makes unequal results of equal patches, by their place.
    fn breaks_ties(&self, layer: &Layer) -> bool;

    /// Elements of an image of a tensor, border included.
    fn image(&self, tensor: &Tensor) -> usize {
        let [width, height] = tensor.region.extent.map(|side| side as usize + 2 * self.border() as usize);
        width.saturating_mul(height).saturating_mul(tensor.channels as usize)
    }

    /// Elements of all images of a tensor.
    fn elements(&self, tensor: &Tensor) -> usize {
        self.image(tensor).saturating_mul(tensor.images as usize)
    }

    /// An image from planes, shape (C, H, W).
    fn fill_from_planes(&self, tensor: &Tensor, planes: &[f32], image: &mut [f32]);

    /// An image's planes, shape (C, H, W), appended to `planes`.
    fn to_planes(&self, tensor: &Tensor, image: &[f32], planes: &mut Vec<f32>);

    /// Packed pictures to a normalised tensor, one to each image.
    fn pixels(&self, pictures: &[&[u32]], normalization: &Normalization, output: Output<'_>) -> Result<()>;

    /// What packed pictures, one for each image, have more than their targets.
    fn pixels_difference(
        &self,
        generated: &[&[u32]],
        targets: &[&[u32]],
        normalization: &Normalization,
        output: Output<'_>,
    ) -> Result<()>;

    /// 3x3 cross-correlation with bias, of an input that may be read through max(x, 0).
    fn conv3x3(&self, input: Input<'_>, input_relu: bool, layer: &Layer, output: Output<'_>) -> Result<()>;

    /// 3x3 cross-correlation of a difference, without bias; through its activation where there is the `target`'s result.
    fn conv3x3_difference(
        &self,
        input: Input<'_>,
        target: Option<Input<'_>>,
        layer: &Layer,
        output: Output<'_>,
    ) -> Result<()>;

    /// Both.
    fn conv3x3_both(&self, maps: BothMaps<'_>, layer: &Layer) -> Result<()> {
        let BothMaps { target, input_relu, difference, relu, to_target, to_difference } = maps;
        let (to, kept, values) = to_target;
        self.conv3x3(target, input_relu, layer, (to, kept, values))?;
        let made: Input<'_> = (to, values);
        self.conv3x3_difference(difference, relu.then_some(made), layer, to_difference)
    }

    /// The activation of a difference from a target before its own.
    fn relu(&self, input: Input<'_>, target: Input<'_>, output: Output<'_>) -> Result<()>;

    /// 2x2 maximum, stride 2, of an input that may be read through max(x, 0).
    fn max_pool(&self, input: Input<'_>, input_relu: bool, output: Output<'_>) -> Result<()>;

    /// That of a difference from a target, which may be read through max(x, 0); where the target's convolution `breaks_ties`,
    /// values that are all but the largest count as that.
    fn max_pool_difference(
        &self,
        input: Input<'_>,
        target: Input<'_>,
        how: PoolDifference,
        output: Output<'_>,
    ) -> Result<()>;

    /// Both.
    fn max_pool_both(
        &self,
        target: Input<'_>,
        difference: Input<'_>,
        how: PoolDifference,
        to_target: Output<'_>,
        to_difference: Output<'_>,
    ) -> Result<()> {
        self.max_pool(target, how.input_relu, to_target)?;
        self.max_pool_difference(difference, target, how, to_difference)
    }

    /// The positions that both tensors hold; all others of the output stay as they are.
    fn copy(&self, input: Input<'_>, output: Output<'_>);

    /// The sum of what a criterion makes of each value of an image of a tensor like `shape`, as far as its region owns it, which may be read
    /// through max(x, 0).
    fn difference(&self, shape: &Tensor, criterion: Criterion, input_relu: bool, image: &[f32]) -> f64;

    /// Each position's own part of that sum, to one image of a map.
    fn difference_map(
        &self,
        shape: &Tensor,
        criterion: Criterion,
        input_relu: bool,
        image: &[f32],
        map: Output<'_>,
    );

    /// What LPIPS weighs each of a layer's channels by.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) where there are no such weights.
    fn channel_weights(&self, layer: &str, channels: u32) -> Result<&[f32]>;

    /// The sum of LPIPS's distances over an image, as far as its region owns it.
    fn lpips(&self, features: Features<'_>, image: usize, weights: &[f32]) -> f64;

    /// What the generated picture's Gram matrix has more than the target's, shape (C, C), of an image, as far as its region owns it: sums
    /// of products over positions, divided by `divisor`.
    fn gram(&self, features: Features<'_>, image: usize, divisor: f64) -> Vec<f64>;

    /// The bits of where max(a, 0) + d is positive, of a target's map a before its activation and a difference d behind it.
    fn relu_mask(&self, target: Input<'_>, difference: Input<'_>, mask: Output<'_>) -> Result<()>;

    /// The bits of which of a max-pool's inputs is the generated picture's largest.
    fn max_pool_routes(
        &self,
        target: Input<'_>,
        difference: Input<'_>,
        input_relu: bool,
        routes: Output<'_>,
    ) -> Result<()>;

    /// What a tap adds to the gradient of the difference that it compares, and the gradient that is there; 0 where there is a mask
    /// without its bit.
    fn difference_gradient(
        &self,
        tap: TapSlope<'_>,
        added: Option<Input<'_>>,
        mask: Option<Input<'_>>,
        output: Output<'_>,
    ) -> Result<()>;

    /// What a tap of LPIPS's adds to the gradient of the difference that it compares, and the gradient that is there; 0 where there is a
    /// mask without its bit.
    fn lpips_gradient(
        &self,
        features: Features<'_>,
        weights: (&[f32], f64),
        added: Option<Input<'_>>,
        mask: Option<Input<'_>>,
        output: Output<'_>,
    ) -> Result<()>;

    /// `factor` times each image's matrix times the generated picture's features, and the gradient that is there; 0 where there is a mask
    /// without its bit.
    fn gram_gradient(
        &self,
        features: Features<'_>,
        matrices: (&[Vec<f64>], f64),
        added: Option<Input<'_>>,
        mask: Option<Input<'_>>,
        output: Output<'_>,
    ) -> Result<()>;

    /// A gradient where the routes lead, and what a tap adds; 0 where there is a mask without its bit.
    fn max_pool_gradient(
        &self,
        gradient: Input<'_>,
        routes: Input<'_>,
        mask: Option<Input<'_>>,
        tap: Option<TapSlope<'_>>,
        output: Output<'_>,
    ) -> Result<()>;

    /// The gradient of what the convolution of `layer` reads; 0 where there is a mask without its bit.
    fn conv3x3_gradient(
        &self,
        gradient: Input<'_>,
        mask: Option<Input<'_>>,
        layer: &Layer,
        output: Output<'_>,
    ) -> Result<()>;

    /// The gradient of pictures' values, in their order of channels.
    fn pixels_gradient(
        &self,
        gradient: Input<'_>,
        normalization: &Normalization,
        output: Output<'_>,
    ) -> Result<()>;
}

/// A difference that is compared, and how much of its criterion's derivative is the gradient.
#[derive(Clone, Copy)]
pub(super) struct TapSlope<'a> {
    pub(super) difference: Input<'a>,
    pub(super) slope: Slope,
}

/// A criterion's derivative, times a factor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slope {
    pub(super) criterion: Criterion,
    pub(super) factor: f64,
}

/// How a difference is pooled.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolDifference {
    /// Whether the target is read through max(x, 0).
    pub(super) input_relu: bool,
    /// Whether equal patches may have come out unequal.
    pub(super) breaks_ties: bool,
}

impl PoolDifference {
    /// The share by which a value may be less than the largest and count as that.
    pub(super) fn tied(self) -> f32 {
        if self.breaks_ties { TIED } else { 0.0 }
    }
}

/// What values are raised to as they are read: a target's activation's 0, or nothing.
pub(super) fn least(input_relu: bool) -> f32 {
    if input_relu { 0.0 } else { f32::NEG_INFINITY }
}

/// The images of a target for each of so many images of a difference: its own, or the only one.
pub(super) fn of_target<'a>(target: &'a [f32], image: usize, images: usize) -> impl Fn(usize) -> &'a [f32] {
    let only = target.len() < image.saturating_mul(images);
    move |index| &target[if only { 0 } else { index * image }..][..image]
}
