//! What the twins and the fast kernels have in common: each computes every operation of a plan, and lays tensors out in its own
//! way.

use std::fmt;

use crate::{config::Criterion, error::Result, network::Layer, normalization::Normalization, plan::Tensor};

/// A tensor that a kernel reads, with the values of all its images, as the set of kernels lays them out.
pub(super) type Input<'a> = (&'a Tensor, &'a [f32]);

/// A tensor that a kernel writes, the rows at its top that are there and stay, and the values of all its images.
pub(super) type Output<'a> = (&'a Tensor, u32, &'a mut [f32]);

/// A set of kernels, with a model's weights in the layout that they want. Plans are checked before they get here: tensors fit the
/// operation.
pub(super) trait Kernels: fmt::Debug + Send + Sync {
    /// Positions that each image of a tensor has around it in memory.
    fn border(&self) -> u32;

    /// Bytes of the weights.
    fn bytes(&self) -> u64;

    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) where there are no weights of this convolution, or those of other channels.
    fn check_layer(&self, layer: &Layer) -> Result<()>;

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
    fn pixels(&self, packed: &[Vec<u32>], normalization: &Normalization, output: Output<'_>) -> Result<()>;

    /// 3x3 cross-correlation with bias.
    fn conv3x3(&self, input: Input<'_>, layer: &Layer, relu: bool, output: Output<'_>) -> Result<()>;

    /// max(x, 0).
    fn relu(&self, input: Input<'_>, output: Output<'_>) -> Result<()>;

    /// 2x2 maximum, stride 2.
    fn max_pool(&self, input: Input<'_>, output: Output<'_>) -> Result<()>;

    /// The positions that both tensors hold; all others of the output stay as they are.
    fn copy(&self, input: Input<'_>, output: Output<'_>);

    /// The sum of differences between two images `a` and `b` of tensors like `shape`, over all that its region owns.
    fn difference(&self, shape: &Tensor, criterion: Criterion, a: &[f32], b: &[f32]) -> f64;

    /// Each position's own part of that sum, to one image of a map.
    fn difference_map(&self, shape: &Tensor, criterion: Criterion, images: [&[f32]; 2], map: Output<'_>);
}
