//! Untrained weights from a seed, bit for bit those of the project's PyTorch reference.
//!
//! Element i of the tensor called `name` takes the top 24 bits of splitmix64(base + i) as a fraction u in \[0, 1),
//! where base is splitmix64(FNV-1a(name) xor seed). A weight is (2u - 1) sqrt(6 / fan-in), a bias (2u - 1) / 10,
//! in float64 and then rounded to float32.

use super::{Convolution, bias_shape, weight_shape};
use crate::{error::Result, network::Layer, random::splitmix64, reserve::collected};

/// The untrained convolution that stands at `layer`.
///
/// # Errors
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
pub(super) fn convolution(layer: Layer, seed: u64) -> Result<Convolution> {
    let [outputs, inputs, rows, columns] = weight_shape(&layer);
    let fan_in = inputs * rows * columns;
    let weight = tensor(&layer.weight_name(), outputs * fan_in, (6.0 / fan_in as f64).sqrt(), seed)?;
    let bias = tensor(&layer.bias_name(), bias_shape(&layer)[0], 0.1, seed)?;
    Ok(Convolution { layer, weight, bias })
}

fn tensor(name: &str, length: usize, scale: f64, seed: u64) -> Result<Vec<f32>> {
    let base = splitmix64(fnv1a64(name) ^ seed);
    let value = |i: u64| {
        let u = (splitmix64(base.wrapping_add(i)) >> 40) as f64 / f64::from(1 << 24);
        ((2.0 * u - 1.0) * scale) as f32
    };
    collected((0..length as u64).map(value), length, name)
}

fn fnv1a64(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        // FNV-1a's of "" and "foobar".
        assert_eq!(fnv1a64(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a64("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn values_stay_within_their_scale() {
        let convolution = convolution(Layer::conv("conv1_1", 0, 3, 64), 7).unwrap();
        let bound = (6.0_f32 / 27.0).sqrt();
        assert_eq!((convolution.weight.len(), convolution.bias.len()), (64 * 27, 64));
        assert!(convolution.weight.iter().all(|w| w.abs() <= bound));
        assert!(convolution.bias.iter().all(|b| b.abs() <= 0.1));
        let mean = convolution.weight.iter().sum::<f32>() / (64.0 * 27.0);
        assert!(mean.abs() < 0.05 * bound, "{mean}");
    }
}
