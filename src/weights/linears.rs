//! LPIPS's linear layers: how much each channel of five taps of VGG16 counts in its distance.

use std::{collections::BTreeMap, path::Path};

use super::{Precision, Provenance, Weights, WeightsInfo, hash, tensor::Tensor, write};
use crate::error::{Error, Result};

/// The weights of channels, as the package `lpips` fits them to people's judgements: five 1x1 convolutions to one
/// channel, without biases, over VGG16's relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Linears {
    /// A weight for each channel of each tap; every value is finite.
    pub layers: [Vec<f32>; 5],
    /// What they are. The SHA-256 is over the five tensors as that of convolutions is, under lpips's own names.
    pub info: WeightsInfo,
    /// What a file that is written says of them besides, by key. Empty when loaded.
    pub metadata: BTreeMap<String, String>,
}

/// The taps' channels.
const CHANNELS: [usize; 5] = [64, 128, 256, 512, 512];

impl Weights {
    /// LPIPS's linear layers, where the file holds those: `lin0.model.1.weight` to `lin4.model.1.weight`, of shape
    /// (1, channels, 1, 1).
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_linears(&self) -> Result<Linears> {
        let Provenance::File(file) = &self.provenance else {
            return Err(Error::Weights(format!(
                "{} has no linear layers; open the v0.1/vgg.pth of the package lpips",
                self.origin()
            )));
        };
        let reader = file.open_again()?;
        let mut layers = [const { Vec::new() }; 5];
        for (index, layer) in layers.iter_mut().enumerate() {
            *layer = file.tensor(&reader, "LPIPS over VGG16", &name(index), &shape(index))?;
        }
        let sha256 = hash::sha256(&tensors(&layers));
        let info = WeightsInfo { origin: self.origin(), sha256, trained: self.trained };
        Ok(Linears { layers, info, metadata: BTreeMap::new() })
    }
}

impl Linears {
    /// The layers of VGG16 that they are for, in order.
    pub const TAPS: [&str; 5] = ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"];

    /// Writes a safetensors file with the five tensors as float32 under lpips's own names; returns its bytes'
    /// count. The file is there as a whole or not at all. Its metadata has `network` (`lpips-vgg`), the
    /// tensors' SHA-256 (`source_sha256`), and [`metadata`](Self::metadata).
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<u64> {
        let mut metadata = self.metadata.clone();
        metadata.insert("network".to_owned(), "lpips-vgg".to_owned());
        metadata.insert("source_sha256".to_owned(), self.info.sha256.clone());
        write::write(path.as_ref(), &tensors(&self.layers), metadata, Precision::F32)
    }
}

fn name(index: usize) -> String {
    format!("lin{index}.model.1.weight")
}

fn shape(index: usize) -> [usize; 4] {
    [1, CHANNELS[index], 1, 1]
}

fn tensors(layers: &[Vec<f32>; 5]) -> Vec<Tensor<'_>> {
    let tensor = |(index, values)| Tensor { name: name(index), shape: shape(index).to_vec(), values };
    layers.iter().map(Vec::as_slice).enumerate().map(tensor).collect()
}
