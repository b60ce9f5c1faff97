//! What a comparison says: the total, each layer, and everything needed to get the same numbers again.

use std::fmt;

use serde::Serialize;

use crate::{
    config::Preset,
    criterion::Criterion,
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
    /// The arithmetic of convolutions.
    pub precision: Precision,
    /// How convolutions were computed on a GPU; none on the CPU.
    pub tuning: Option<UsedTunings>,
    /// The weights.
    pub weights: WeightsInfo,
    /// LPIPS's weights of channels, where the loss has them.
    pub linears: Option<WeightsInfo>,
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
    /// What was averaged. As JSON it is text, with a parameter behind a colon: `smooth-l1:0.5`.
    pub criterion: Criterion,
    /// Its mean over channels, rows and columns; of `lpips` the sum over channels, and the mean over rows and
    /// columns; of `gram` the mean over pairs of channels.
    pub loss: f64,
    /// Channels, height and width of the features compared.
    pub shape: [u32; 3],
}

impl Report {
    /// The criterion of all layers, if it is one.
    #[must_use]
    pub fn criterion(&self) -> Option<Criterion> {
        let first = self.layers.first()?.criterion;
        self.layers.iter().all(|layer| layer.criterion == first).then_some(first)
    }

    /// The same for people: `several criteria`, where it is not one.
    #[must_use]
    pub fn criteria(&self) -> String {
        self.criterion().map_or_else(|| "several criteria".to_owned(), |criterion| criterion.to_string())
    }
}

/// A table for people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<10} {:>14} {:>8} {:>14}  features", "layer", "loss", "weight", "weighted")?;
        let criterion = self.criterion();
        for LayerReport { name, weight, loss, shape: [channels, height, width], criterion: own } in
            &self.layers
        {
            let weighted = weight * loss;
            let [loss, weighted] = [*loss, weighted].map(number);
            write!(f, "{name:<10} {loss:>14} {weight:>8.4} {weighted:>14}  {channels} of {width}x{height}")?;
            match criterion {
                Some(_) => writeln!(f)?,
                None => writeln!(f, " ({own})")?,
            }
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
            self.criteria(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::Tuning;

    fn layer(name: &'static str, criterion: Criterion) -> LayerReport {
        LayerReport { name, weight: 1.0, criterion, loss: 0.5, shape: [64, 9, 16] }
    }

    fn report() -> Report {
        Report {
            total: 0.5,
            layers: vec![layer("relu1_2", Criterion::Mse)],
            network: Network::Vgg19,
            preset: Some(Preset::StudyCard),
            normalization: Normalization::NONE,
            precision: Precision::F32,
            tuning: None,
            weights: WeightsInfo {
                origin: "seeded:1".to_owned(),
                sha256: "0123456789abcdef".to_owned(),
                trained: Some(false),
            },
            linears: None,
            backend: Backend::Twin,
            adapter: None,
            width: 16,
            height: 9,
            version: "1.2.3",
        }
    }

    /// What programs read: names and order of the fields, and values as text.
    #[test]
    fn as_json() {
        let json = |report: &Report| serde_json::to_string(report).unwrap();
        assert_eq!(
            json(&report()),
            concat!(
                r#"{"total":0.5,"layers":[{"name":"relu1_2","weight":1.0,"criterion":"mse","loss":0.5,"#,
                r#""shape":[64,9,16]}],"#,
                r#""network":"vgg19","preset":"study-card","normalization":"none","#,
                r#""precision":"f32","tuning":null,"#,
                r#""weights":{"origin":"seeded:1","sha256":"0123456789abcdef","trained":false},"linears":null,"#,
                r#""backend":"twin","adapter":null,"width":16,"height":9,"version":"1.2.3"}"#
            )
        );
        let (one, two) = (Tuning("direct"), Tuning("blocked"));
        let other = Report {
            network: Network::Vgg16,
            preset: None,
            normalization: Normalization::new([0.5, 0.25, 0.125], [1.0; 3]),
            layers: vec![layer("relu1_2", Criterion::SmoothL1 { beta: 0.5 })],
            precision: Precision::Bf16,
            tuning: Some(UsedTunings(vec![("conv1_1", one), ("conv1_2", two)])),
            backend: Backend::Gpu,
            adapter: Some("a GPU".to_owned()),
            ..report()
        };
        assert_eq!(
            json(&other),
            concat!(
                r#"{"total":0.5,"layers":[{"name":"relu1_2","weight":1.0,"criterion":"smooth-l1:0.5","loss":0.5,"#,
                r#""shape":[64,9,16]}],"#,
                r#""network":"vgg16","preset":null,"#,
                r#""normalization":"mean=0.5/0.25/0.125,std=1/1/1,scale=1,order=rgb","#,
                r#""precision":"bf16","tuning":{"conv1_1":"direct","conv1_2":"blocked"},"#,
                r#""weights":{"origin":"seeded:1","sha256":"0123456789abcdef","trained":false},"linears":null,"#,
                r#""backend":"gpu","adapter":"a GPU","width":16,"height":9,"version":"1.2.3"}"#
            )
        );
    }

    #[test]
    fn as_a_table() {
        let text = "\
layer                loss   weight       weighted  features
relu1_2        0.50000000   1.0000     0.50000000  64 of 16x9
total                                  0.50000000
16x9, study-card (mse, none, f32), weights seeded:1 (untrained, 0123456789ab), on twin";
        assert_eq!(report().to_string(), text);
        let other = Report { preset: None, adapter: Some("a GPU".to_owned()), ..report() };
        let several =
            vec![layer("relu1_1", Criterion::Mse), layer("relu1_2", Criterion::Charbonnier { eps: 0.25 })];
        let several = Report { layers: several, ..report() }.to_string();
        let lines = [
            "relu1_1        0.50000000   1.0000     0.50000000  64 of 16x9 (mse)",
            "16x9 (charbonnier:0.25)",
        ];
        assert!(lines.iter().all(|line| several.contains(line)), "{several}");
        assert!(several.contains("study-card (several criteria, none, f32)"), "{several}");
        let last = "16x9, vgg19 (mse, none, f32), weights seeded:1 (untrained, 0123456789ab), on a GPU";
        assert_eq!(other.to_string().lines().last(), Some(last));
    }
}
