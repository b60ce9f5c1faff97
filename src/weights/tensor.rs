//! Tensors by name, as they are written and hashed.

use super::{Convolution, bias_shape, weight_shape};

/// A named tensor; its values are in row-major order.
pub(super) struct Tensor<'a> {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) values: &'a [f32],
}

/// Each convolution's weight and then its bias, under torchvision's names.
pub(super) fn of(convolutions: &[Convolution]) -> Vec<Tensor<'_>> {
    convolutions
        .iter()
        .flat_map(|Convolution { layer, weight, bias }| {
            [
                Tensor { name: layer.weight_name(), shape: weight_shape(layer).to_vec(), values: weight },
                Tensor { name: layer.bias_name(), shape: bias_shape(layer).to_vec(), values: bias },
            ]
        })
        .collect()
}
