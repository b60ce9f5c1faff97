//! VGG16 and VGG19 as tables, and the way between tap names and torchvision's indices.

use std::{fmt, str::FromStr};

use serde::Serialize;

use crate::error::{Error, Result};

/// A convolutional network whose features the loss compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Network {
    /// Simonyan and Zisserman's configuration D.
    Vgg16,
    /// Simonyan and Zisserman's configuration E.
    Vgg19,
}

/// What a layer computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LayerKind {
    /// 3x3 cross-correlation, stride 1, one pixel of zero padding, with bias.
    Conv,
    /// max(x, 0).
    Relu,
    /// 2x2 maximum, stride 2; an odd last row or column is dropped.
    Pool,
}

/// One layer of a network's `features`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Layer {
    /// What it computes.
    pub kind: LayerKind,
    /// The name a tap is given by: `conv1_1`, `relu1_1`, ..., `pool1`, ...
    pub name: &'static str,
    /// torchvision's index: `features.{index}.weight` holds a convolution's weights.
    pub index: u32,
    /// Channels in.
    pub inputs: u32,
    /// Channels out.
    pub outputs: u32,
}

impl Network {
    /// Every network, for listing.
    pub const ALL: [Self; 2] = [Self::Vgg16, Self::Vgg19];

    /// The layers in order, from `conv1_1` to `pool5`.
    #[must_use]
    pub fn layers(self) -> &'static [Layer] {
        match self {
            Self::Vgg16 => VGG16,
            Self::Vgg19 => VGG19,
        }
    }

    /// The name that the command and reports use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vgg16 => "vgg16",
            Self::Vgg19 => "vgg19",
        }
    }

    /// The position in [`layers`](Self::layers) of the layer called `name`.
    ///
    /// # Errors
    /// [`Error::Config`] that names the taps there are.
    pub fn position(self, name: &str) -> Result<usize> {
        self.layers().iter().position(|layer| layer.name == name).ok_or_else(|| {
            let convs: Vec<_> = self
                .layers()
                .iter()
                .filter(|layer| layer.kind == LayerKind::Conv)
                .map(|layer| layer.name.trim_start_matches("conv"))
                .collect();
            Error::Config(format!(
                "{self} has no layer '{name}'; a tap is conv or relu with one of {}, or pool1 to pool5",
                convs.join(" ")
            ))
        })
    }
}

impl Layer {
    /// A convolution that no network need have, for tests and tools.
    #[must_use]
    pub const fn conv(name: &'static str, index: u32, inputs: u32, outputs: u32) -> Self {
        Self { kind: LayerKind::Conv, name, index, inputs, outputs }
    }

    /// The bit by which a convolution notes that it made a value that is not finite. No two of a network share one, and a later
    /// one's is higher: a ReLU follows each, so that their indices, below 36, are two apart at the least.
    #[cfg(feature = "gpu")]
    pub(crate) fn note(&self) -> u32 {
        1 << (self.index / 2).min(23)
    }

    /// The convolution that makes its gradient: inputs for outputs.
    #[must_use]
    pub(crate) const fn transposed(self) -> Self {
        Self { inputs: self.outputs, outputs: self.inputs, ..self }
    }

    /// torchvision's name of this convolution's weights, shape (outputs, inputs, 3, 3).
    #[must_use]
    pub fn weight_name(&self) -> String {
        format!("features.{}.weight", self.index)
    }

    /// torchvision's name of this convolution's bias, shape (outputs).
    #[must_use]
    pub fn bias_name(&self) -> String {
        format!("features.{}.bias", self.index)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Network {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|network| network.name() == name)
            .ok_or_else(|| Error::Config(format!("no network is called '{name}'; there are vgg16 and vgg19")))
    }
}

const fn conv(name: &'static str, index: u32, inputs: u32, outputs: u32) -> Layer {
    Layer::conv(name, index, inputs, outputs)
}

const fn relu(name: &'static str, index: u32, channels: u32) -> Layer {
    Layer { kind: LayerKind::Relu, name, index, inputs: channels, outputs: channels }
}

const fn pool(name: &'static str, index: u32, channels: u32) -> Layer {
    Layer { kind: LayerKind::Pool, name, index, inputs: channels, outputs: channels }
}

const VGG16: &[Layer] = &[
    conv("conv1_1", 0, 3, 64),
    relu("relu1_1", 1, 64),
    conv("conv1_2", 2, 64, 64),
    relu("relu1_2", 3, 64),
    pool("pool1", 4, 64),
    conv("conv2_1", 5, 64, 128),
    relu("relu2_1", 6, 128),
    conv("conv2_2", 7, 128, 128),
    relu("relu2_2", 8, 128),
    pool("pool2", 9, 128),
    conv("conv3_1", 10, 128, 256),
    relu("relu3_1", 11, 256),
    conv("conv3_2", 12, 256, 256),
    relu("relu3_2", 13, 256),
    conv("conv3_3", 14, 256, 256),
    relu("relu3_3", 15, 256),
    pool("pool3", 16, 256),
    conv("conv4_1", 17, 256, 512),
    relu("relu4_1", 18, 512),
    conv("conv4_2", 19, 512, 512),
    relu("relu4_2", 20, 512),
    conv("conv4_3", 21, 512, 512),
    relu("relu4_3", 22, 512),
    pool("pool4", 23, 512),
    conv("conv5_1", 24, 512, 512),
    relu("relu5_1", 25, 512),
    conv("conv5_2", 26, 512, 512),
    relu("relu5_2", 27, 512),
    conv("conv5_3", 28, 512, 512),
    relu("relu5_3", 29, 512),
    pool("pool5", 30, 512),
];

const VGG19: &[Layer] = &[
    conv("conv1_1", 0, 3, 64),
    relu("relu1_1", 1, 64),
    conv("conv1_2", 2, 64, 64),
    relu("relu1_2", 3, 64),
    pool("pool1", 4, 64),
    conv("conv2_1", 5, 64, 128),
    relu("relu2_1", 6, 128),
    conv("conv2_2", 7, 128, 128),
    relu("relu2_2", 8, 128),
    pool("pool2", 9, 128),
    conv("conv3_1", 10, 128, 256),
    relu("relu3_1", 11, 256),
    conv("conv3_2", 12, 256, 256),
    relu("relu3_2", 13, 256),
    conv("conv3_3", 14, 256, 256),
    relu("relu3_3", 15, 256),
    conv("conv3_4", 16, 256, 256),
    relu("relu3_4", 17, 256),
    pool("pool3", 18, 256),
    conv("conv4_1", 19, 256, 512),
    relu("relu4_1", 20, 512),
    conv("conv4_2", 21, 512, 512),
    relu("relu4_2", 22, 512),
    conv("conv4_3", 23, 512, 512),
    relu("relu4_3", 24, 512),
    conv("conv4_4", 25, 512, 512),
    relu("relu4_4", 26, 512),
    pool("pool4", 27, 512),
    conv("conv5_1", 28, 512, 512),
    relu("relu5_1", 29, 512),
    conv("conv5_2", 30, 512, 512),
    relu("relu5_2", 31, 512),
    conv("conv5_3", 32, 512, 512),
    relu("relu5_3", 33, 512),
    conv("conv5_4", 34, 512, 512),
    relu("relu5_4", 35, 512),
    pool("pool5", 36, 512),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torchvision_indices() {
        for (network, name, index) in [
            (Network::Vgg19, "conv1_1", 0),
            (Network::Vgg19, "conv2_2", 7),
            (Network::Vgg19, "pool3", 18),
            (Network::Vgg19, "relu4_2", 22),
            (Network::Vgg19, "conv5_4", 34),
            (Network::Vgg16, "conv3_3", 14),
            (Network::Vgg16, "conv4_1", 17),
            (Network::Vgg19, "pool5", 36),
            (Network::Vgg16, "relu5_3", 29),
            (Network::Vgg16, "pool5", 30),
        ] {
            let position = network.position(name).unwrap();
            assert_eq!(network.layers()[position].index, index, "{network} {name}");
            assert_eq!(position, index as usize, "layers stand at their index");
        }
    }

    #[test]
    fn an_unknown_layer_is_an_error_that_lists_the_layers() {
        let message = Network::Vgg16.position("relu3_4").unwrap_err().to_string();
        assert!(message.contains("vgg16 has no layer 'relu3_4'") && message.contains("3_3"), "{message}");
    }
}
