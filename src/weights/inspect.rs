//! What a weights file holds, for people.

use std::fmt;

use serde::Serialize;

use super::{
    Convolution, Format, Kind, Parameters, Weights,
    file::TensorFile,
    names::{self, dims, printable},
};
use crate::{
    error::{Error, Result},
    network::{Layer, LayerKind, Network},
};

/// What weights are.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// The file, or `seeded:N`.
    pub origin: String,
    /// How they are kept.
    pub format: Format,
    /// The network that they are.
    pub network: &'static str,
    /// Its convolutions that are there, from the first on, without a gap.
    pub convolutions: Vec<ConvolutionInspection>,
    /// Whether they look trained.
    pub look: Look,
    /// [`WeightsInfo::sha256`](super::WeightsInfo::sha256) of all these convolutions.
    pub sha256: String,
}

/// One convolution of a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ConvolutionInspection {
    /// Such as `conv3_1`.
    pub layer: &'static str,
    /// What the file calls its weights.
    pub tensor: String,
    /// The type of the weights' elements.
    pub dtype: String,
    /// (outputs, inputs, 3, 3).
    pub shape: [usize; 4],
    /// The square root of the weights' sum of squares.
    pub weight_norm: f64,
    /// The same of the biases.
    pub bias_norm: f64,
}

/// Whether weights look trained.
///
/// Told by the first layer: filters that have learned from photographs see mostly light, so that a filter's weights for
/// red, green and blue go together, while those of random ones do not. It is the correlation of a filter's three
/// colours over all filters and positions: 0.71 in a pretrained VGG19; in independent random weights 0, with a
/// standard deviation of 0.024, and below 0.1 in all of 2000 draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Look {
    /// A correlation above 0.3.
    Trained,
    /// A correlation below 0.15.
    Untrained,
    /// Something between.
    Unclear,
}

impl Weights {
    /// Looks into the weights: all convolutions that there are of one network.
    ///
    /// # Errors
    /// As [`load`](Self::load), for conv1_1.
    pub fn inspect(&self) -> Result<Inspection> {
        let (network, parameters) = self.load_all()?;
        let of_file = match &self.kind {
            Kind::Seeded(_) => None,
            Kind::File(file) => Some((file, file.prefix(network, &convolutions(network)[..1])?)),
        };
        let convolutions = parameters
            .convolutions
            .iter()
            .map(|convolution| {
                let Convolution { layer, weight, bias } = convolution;
                let (mut tensor, mut dtype) = (layer.weight_name(), "F32".to_owned());
                if let Some((file, prefix)) = &of_file {
                    let [weight, _] = names::needed(layer, prefix);
                    dtype = file
                        .contents()
                        .tensors
                        .get(&weight.name)
                        .map_or(dtype, |entry| entry.dtype.to_string());
                    tensor = printable(&weight.name);
                }
                ConvolutionInspection {
                    layer: layer.name,
                    tensor,
                    dtype,
                    shape: super::weight_shape(layer),
                    weight_norm: norm(weight),
                    bias_norm: norm(bias),
                }
            })
            .collect();
        Ok(Inspection {
            origin: self.origin(),
            format: of_file.as_ref().map_or(Format::Seeded, |(file, _)| file.contents().format),
            network: network.name(),
            convolutions,
            look: parameters.convolutions.first().map_or(Look::Unclear, look),
            sha256: parameters.info.sha256,
        })
    }

    /// The network that these are the weights of, and all of its convolutions that there are.
    ///
    /// # Errors
    /// As [`load`](Self::load), for conv1_1.
    pub fn load_all(&self) -> Result<(Network, Parameters)> {
        let (network, depth) = match &self.kind {
            Kind::Seeded(_) => (Network::Vgg19, Network::Vgg19.layers().len()),
            Kind::File(file) => whole(file)?,
        };
        Ok((network, self.load(network, depth)?))
    }
}

/// The network whose convolutions a file has most of, and the layers down to the last of them.
fn whole(file: &TensorFile) -> Result<(Network, usize)> {
    let mut best: Option<(Network, usize)> = None;
    let mut refusal = None;
    // A file that is cut off where both are alike may be either: it is called the default's.
    for network in [Network::Vgg19, Network::Vgg16] {
        match file.prefix(network, &convolutions(network)) {
            Err(error) => refusal = refusal.or(Some(error)),
            Ok(prefix) => {
                let there = |layer: &&Layer| {
                    names::needed(layer, &prefix).iter().all(|needed| {
                        let entry = file.contents().tensors.get(&needed.name);
                        entry.is_some_and(|entry| entry.shape == needed.shape)
                    })
                };
                let last = convolutions(network).iter().take_while(there).last().map(|layer| layer.name);
                let depth =
                    network.layers().iter().position(|layer| Some(layer.name) == last).map_or(1, |at| at + 1);
                if best.is_none_or(|(_, found)| depth > found) {
                    best = Some((network, depth));
                }
            }
        }
    }
    match (best, refusal) {
        (Some(best), _) => Ok(best),
        (None, Some(refusal)) => Err(refusal),
        (None, None) => Err(Error::Weights(format!("{}: no network in this file", file.origin()))),
    }
}

fn convolutions(network: Network) -> Vec<Layer> {
    network.layers().iter().copied().filter(|layer| layer.kind == LayerKind::Conv).collect()
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt()
}

/// By the correlation of the first layer's colours.
fn look(first: &Convolution) -> Look {
    let correlation = colour_correlation(&first.weight);
    if correlation > 0.3 {
        Look::Trained
    } else if correlation < 0.15 {
        Look::Untrained
    } else {
        Look::Unclear
    }
}

/// The mean product of two different colours' weights over the mean square, over all filters and positions; weights
/// are (outputs, 3, 3, 3).
fn colour_correlation(weight: &[f32]) -> f64 {
    let (mut products, mut squares) = (0.0, 0.0);
    for filter in weight.chunks_exact(27) {
        for position in 0..9 {
            let [r, g, b] = [0, 9, 18].map(|colour| f64::from(filter[colour + position]));
            products += r * g + g * b + b * r;
            squares += r * r + g * g + b * b;
        }
    }
    if squares > 0.0 { products / squares } else { 0.0 }
}

/// A table for people.
impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends = [self.convolutions.first(), self.convolutions.last()];
        let [first, last] =
            ends.map(|convolution| convolution.map_or("nothing", |convolution| convolution.layer));
        let look = match self.look {
            Look::Trained => "it looks trained",
            Look::Untrained => "it looks UNTRAINED",
            Look::Unclear => "it does not look clearly trained or untrained",
        };
        writeln!(f, "{} ({}): {}, {first} to {last}; {look}", self.origin, self.format, self.network)?;
        writeln!(
            f,
            "{:<8} {:>14}  {:<5} {:>11} {:>10}  tensor",
            "layer", "shape", "type", "weight norm", "bias norm"
        )?;
        for ConvolutionInspection { layer, tensor, dtype, shape, weight_norm, bias_norm } in
            &self.convolutions
        {
            let shape = dims(shape);
            writeln!(
                f,
                "{layer:<8} {shape:>14}  {dtype:<5} {weight_norm:>11.4} {bias_norm:>10.4}  {tensor}"
            )?;
        }
        write!(f, "sha256 {}", self.sha256)
    }
}
