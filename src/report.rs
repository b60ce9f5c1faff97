//! What a comparison says: the total, each layer, and everything needed to get the same numbers again.

use std::fmt;

use serde::Serialize;

use crate::{
    config::{Criterion, Preset},
    loss::Backend,
    network::Network,
    normalization::Normalization,
    tuning::UsedTunings,
    weights::{Precision, WeightsInfo},
};

/// The result of comparing a pair of pictures.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The sum over layers of weight times loss.
    pub total: f64,
    /// Each tap's part, in the network's order.
    pub layers: Vec<LayerReport>,
    /// The network.
    pub network: Network,
    /// The preset, where the loss is one to the last constant.
    pub preset: Option<Preset>,
    /// Input normalisation. As JSON it is a name, or constants as the `--norm` option takes them.
    pub normalization: Normalization,
    /// What was averaged.
    pub criterion: Criterion,
    /// The arithmetic of convolutions.
    pub precision: Precision,
    /// How convolutions were computed on a GPU; none on the CPU.
    pub tuning: Option<UsedTunings>,
    /// The weights.
    pub weights: WeightsInfo,
    /// What computed.
    pub backend: Backend,
    /// The GPU adapter's name; none on the CPU.
    pub adapter: Option<String>,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// This library's version.
    pub version: &'static str,
}

/// One tap's part of the loss.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LayerReport {
    /// The layer, such as `relu1_2`.
    pub name: &'static str,
    /// Its factor in the total.
    pub weight: f64,
    /// The mean over channels, rows and columns of the squared or absolute difference.
    pub loss: f64,
    /// Channels, height and width of the features compared.
    pub shape: [u32; 3],
}

/// A table for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<10} {:>14} {:>8} {:>14}  features", "layer", "loss", "weight", "weighted")?;
        for LayerReport { name, weight, loss, shape: [channels, height, width] } in &self.layers {
            let weighted = weight * loss;
            let [loss, weighted] = [*loss, weighted].map(number);
            writeln!(
                f,
                "{name:<10} {loss:>14} {weight:>8.4} {weighted:>14}  {channels} of {width}x{height}"
            )?;
        }
        writeln!(f, "{:<10} {:>14} {:>8} {:>14}", "total", "", "", number(self.total))?;
        let trained = match self.weights.trained {
            Some(true) => "trained",
            Some(false) => "untrained",
            None => "not known whether trained",
        };
        let hash = self.weights.sha256.get(..12).unwrap_or(&self.weights.sha256);
        let by = self.adapter.as_deref().unwrap_or(self.backend.name());
        write!(
            f,
            "{}x{}, {} ({}, {}, {}), weights {} ({trained}, {hash}), on {by}",
            self.width,
            self.height,
            self.preset.map_or(self.network.name(), Preset::name),
            self.criterion,
            self.normalization,
            self.precision,
            self.weights.origin
        )
    }
}

/// Eight digits after the point where that shows the number, else powers of ten.
fn number(value: f64) -> String {
    if value == 0.0 || (1e-3..1e5).contains(&value.abs()) {
        format!("{value:.8}")
    } else {
        format!("{value:.8e}")
    }
}
