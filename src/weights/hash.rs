//! The SHA-256 that tells one set of tensors from another; [`WeightsInfo::sha256`](super::WeightsInfo) defines it.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::tensor::Tensor;

/// The hash of these tensors, in lower-case hexadecimal.
pub(super) fn sha256(tensors: &[Tensor<'_>]) -> String {
    let mut hash = Sha256::new();
    for tensor in tensors {
        update(&mut hash, tensor);
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn update(hash: &mut Sha256, Tensor { name, shape, values }: &Tensor<'_>) {
    hash.update(name);
    hash.update((shape.len() as u32).to_le_bytes());
    for &dimension in shape {
        hash.update((dimension as u64).to_le_bytes());
    }
    // In blocks: a call for each value would take longer than the hashing.
    let mut block = [0; 16 * 1024];
    for values in values.chunks(block.len() / 4) {
        let bytes = &mut block[..4 * values.len()];
        for (bytes, value) in bytes.chunks_exact_mut(4).zip(values) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
        hash.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        network::Layer,
        weights::{Convolution, tensor},
    };

    /// Against one buffer written by hand, of more values than a block has.
    #[test]
    fn it_is_what_the_documentation_says() {
        let layer = Layer::conv("conv9_9", 5, 5, 1000);
        let weight: Vec<f32> = (0..1000 * 5 * 9).map(|i| i as f32 / 7.0).collect();
        let bias = vec![-1.5; 1000];

        let mut bytes = b"features.5.weight\x04\0\0\0".to_vec();
        for dimension in [1000_u64, 5, 3, 3] {
            bytes.extend(dimension.to_le_bytes());
        }
        bytes.extend(weight.iter().flat_map(|v| v.to_le_bytes()));
        bytes.extend(b"features.5.bias\x01\0\0\0\xe8\x03\0\0\0\0\0\0");
        bytes.extend(bias.iter().flat_map(|v: &f32| v.to_le_bytes()));
        let expected: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();

        assert_eq!(sha256(&tensor::of(&[Convolution { layer, weight, bias }])), expected);
    }

    #[test]
    fn nothing_hashes_to_the_empty_hash() {
        assert_eq!(sha256(&[]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
