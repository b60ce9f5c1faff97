//! What weights are: which networks they serve, and each convolution in numbers.

use serde::Serialize;

use super::{
    Convolution, Provenance, Weights,
    contents::Format,
    file::TensorFile,
    look::{self, Look},
    names,
};
use crate::{
    error::Result,
    network::{Layer, LayerKind, Network},
};

/// What [`Weights::inspect`] finds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// `default-1`, `seeded:N`, the file's path, or what the caller called the bytes.
    pub origin: String,
    /// How they are kept.
    pub format: Format,
    /// The networks that they serve, the deepest first; at least one. A file with the first layers only may be
    /// either network's.
    pub networks: Vec<Served>,
    /// What [`WeightsInfo::sha256`](super::WeightsInfo::sha256) is for the convolutions below.
    pub sha256: String,
    /// Whether the weights look trained: a guess from the correlation of neighbouring taps, and no proof. It is
    /// [`Trained`](Look::Trained) where that is at least 0.3 in every convolution, and
    /// [`Untrained`](Look::Untrained) where it is within 0.1 of none in every one, or where they are known to be.
    pub look: Look,
    /// The convolutions of the first of the networks.
    pub convolutions: Vec<ConvolutionSummary>,
}

/// A network, and how much of it there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Served {
    /// The network.
    pub network: Network,
    /// How many of [`Network::layers`] can be had: a depth that [`Weights::load`] takes.
    pub depth: usize,
    /// The last convolution that is there.
    pub last: &'static str,
}

/// A convolution in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ConvolutionSummary {
    /// The layer's name, such as `conv3_1`.
    pub layer: &'static str,
    /// What the file calls the weight, such as `features.10.weight`.
    pub tensor: String,
    /// The weight's type in the file: F32, F16, BF16 or F64.
    pub dtype: String,
    /// (outputs, inputs, 3, 3).
    pub shape: [usize; 4],
    /// The weight's Euclidean norm.
    pub weight_norm: f64,
    /// The correlation of neighbouring taps, from -1 to 1; none where all weights are zero.
    pub smoothness: Option<f64>,
    /// The least bias.
    pub bias_min: f32,
    /// The largest bias.
    pub bias_max: f32,
}

impl Weights {
    /// The networks that these weights serve, the deepest first; at least one. Only the table of contents is asked.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) where they serve none.
    pub fn networks(&self) -> Result<Vec<Served>> {
        let mut served = Vec::new();
        let mut refusal = None;
        for network in Network::ALL {
            match self.depth(network) {
                Ok(depth) => served.extend(Served::new(network, depth)),
                // The default's is the more likely to be wanted.
                Err(error) => refusal = Some(error),
            }
        }
        served.sort_by_key(|served| std::cmp::Reverse(served.depth));
        match refusal {
            Some(error) if served.is_empty() => Err(error),
            _ => Ok(served),
        }
    }

    /// Reads them all, and says what they are.
    ///
    /// # Errors
    /// As [`load`](Self::load), for the tensors that are there.
    pub fn inspect(&self) -> Result<Inspection> {
        let networks = self.networks()?;
        let Some(Served { network, depth, .. }) = networks.first().copied() else {
            return Err(crate::Error::Weights(format!("{}: no network", self.origin())));
        };
        let loaded = self.load(network, depth)?;
        let named = self.named(network, depth)?;
        let convolutions: Vec<_> = loaded
            .convolutions
            .iter()
            .zip(named)
            .map(|(convolution, (tensor, dtype))| ConvolutionSummary::new(convolution, tensor, dtype))
            .collect();
        Ok(Inspection {
            origin: self.origin(),
            format: match &self.provenance {
                #[cfg(feature = "default-weights")]
                Provenance::Shipped => Format::Shipped,
                Provenance::Seeded(_) => Format::Seeded,
                Provenance::File(file) => file.contents().format,
            },
            networks,
            sha256: loaded.info.sha256,
            look: match self.trained {
                Some(false) => Look::Untrained,
                _ => Look::of(convolutions.iter().map(|convolution| convolution.smoothness)),
            },
            convolutions,
        })
    }

    /// How many of the network's layers can be had.
    fn depth(&self, network: Network) -> Result<usize> {
        match &self.provenance {
            Provenance::File(file) => depth(file, network),
            _ => Ok(network.layers().len()),
        }
    }

    /// The names and types of the weights of the convolutions among the first `depth` layers.
    fn named(&self, network: Network, depth: usize) -> Result<Vec<(String, String)>> {
        let layers: Vec<Layer> =
            convolutions(network).take_while(|layer| (layer.index as usize) < depth).collect();
        let Provenance::File(file) = &self.provenance else {
            return Ok(layers.iter().map(|layer| (layer.weight_name(), "F32".to_owned())).collect());
        };
        let prefix = file.prefix(network, &layers)?;
        Ok(layers
            .iter()
            .map(|layer| {
                let [weight, _] = names::needed(layer, &prefix);
                let dtype = file.contents().tensors.get(&weight.name).map(|entry| entry.dtype.to_string());
                (weight.name, dtype.unwrap_or_default())
            })
            .collect())
    }
}

fn convolutions(network: Network) -> impl Iterator<Item = Layer> {
    network.layers().iter().copied().filter(|layer| layer.kind == LayerKind::Conv)
}

/// The layers before the first convolution that is not there.
fn depth(file: &TensorFile, network: Network) -> Result<usize> {
    let layers: Vec<Layer> = convolutions(network).collect();
    let prefix = file.prefix(network, &layers)?;
    let usable = |layer: &Layer| {
        names::needed(layer, &prefix).iter().all(|needed| {
            file.contents().tensors.get(&needed.name).is_some_and(|entry| {
                entry.shape == needed.shape && entry.dtype.is_read() && entry.span().is_ok()
            })
        })
    };
    match layers.iter().find(|layer| !usable(layer)) {
        None => Ok(network.layers().len()),
        Some(first) if first.index == 0 => {
            // Nothing to serve with: the error that a load gives says why.
            file.load(network, &layers[..1]).map(|_| 0)
        }
        Some(missing) => Ok(missing.index as usize),
    }
}

impl Served {
    fn new(network: Network, depth: usize) -> Option<Self> {
        let last = convolutions(network).take_while(|layer| (layer.index as usize) < depth).last()?;
        Some(Self { network, depth, last: last.name })
    }
}

impl ConvolutionSummary {
    fn new(convolution: &Convolution, tensor: String, dtype: String) -> Self {
        Self {
            layer: convolution.layer.name,
            tensor,
            dtype,
            shape: super::weight_shape(&convolution.layer),
            weight_norm: convolution.weight.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt(),
            smoothness: look::smoothness(convolution),
            bias_min: convolution.bias.iter().copied().fold(f32::INFINITY, f32::min),
            bias_max: convolution.bias.iter().copied().fold(f32::NEG_INFINITY, f32::max),
        }
    }
}
