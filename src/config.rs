//! What is compared: network, taps with their weights and criteria, input normalisation; and the named presets.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use crate::{
    criterion::Criterion,
    error::{Error, Result},
    network::Network,
    normalization::Normalization,
    weights::Linears,
};

/// A layer whose output is compared, its factor in the total, and what is averaged there.
///
/// As text it is `relu1_2=0.5:mae`: a layer, its weight, which is 1 where it is left out, and its criterion.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tap {
    /// A layer's name, such as `relu1_2`.
    pub layer: String,
    /// Factor in the total; finite, not negative.
    pub weight: f64,
    /// What is averaged.
    pub criterion: Criterion,
}

/// A loss: what the two pictures are compared by. Start from a [`Preset`] and change fields.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The network.
    pub network: Network,
    /// The layers compared, each by one criterion or by several. Reports list them in the network's order.
    pub taps: Vec<Tap>,
    /// What is done to pixels first.
    pub normalization: Normalization,
}

impl Config {
    /// A loss from its parts; taps are (layer, weight), and all have the same criterion.
    ///
    /// # Errors
    /// [`Error::Config`] as [`validate`](Self::validate).
    pub fn new(
        network: Network,
        taps: &[(&str, f64)],
        criterion: Criterion,
        normalization: Normalization,
    ) -> Result<Self> {
        let config = Self { network, taps: Tap::list(taps), normalization }.with_criterion(criterion);
        config.validate()?;
        Ok(config)
    }

    /// The same, with this criterion at every tap.
    #[must_use]
    pub fn with_criterion(mut self, criterion: Criterion) -> Self {
        self.taps.iter_mut().for_each(|tap| tap.criterion = criterion);
        self
    }

    /// Whether it needs LPIPS's weights of channels ([`ModelOptions::linears`](crate::ModelOptions::linears)).
    #[must_use]
    pub fn uses_linears(&self) -> bool {
        self.taps.iter().any(|tap| tap.criterion == Criterion::Lpips)
    }

    /// The criterion of all taps, if it is one.
    #[must_use]
    pub fn criterion(&self) -> Option<Criterion> {
        let first = self.taps.first()?.criterion;
        self.taps.iter().all(|tap| tap.criterion == first).then_some(first)
    }

    /// The preset that this is, if it is one to the last constant.
    #[must_use]
    pub fn preset(&self) -> Option<Preset> {
        Preset::ALL.into_iter().find(|preset| preset.config() == *self)
    }

    /// The taps, each with its layer's position in [`Network::layers`], in the network's order.
    ///
    /// # Errors
    /// [`Error::Config`] where there is no tap, a layer is unknown or named twice with the same criterion, a weight is negative or
    /// not finite, or a criterion's parameter is not usable.
    pub fn tap_positions(&self) -> Result<Vec<(usize, &Tap)>> {
        if self.taps.is_empty() {
            return Err(Error::Config("a loss needs at least one tap, such as relu1_2=1.0".to_owned()));
        }
        let mut positions: Vec<(usize, &Tap)> = Vec::with_capacity(self.taps.len());
        for tap @ Tap { layer, weight, criterion } in &self.taps {
            let position = self.network.position(layer)?;
            if !weight.is_finite() || *weight < 0.0 {
                return Err(Error::Config(format!(
                    "the weight {weight} of tap {layer} is not usable; it must be finite and not negative"
                )));
            }
            criterion.validate()?;
            let of_lpips = self.network == Network::Vgg16 && Linears::TAPS.contains(&layer.as_str());
            if *criterion == Criterion::Lpips && !of_lpips {
                return Err(Error::Config(format!(
                    "lpips is of vgg16's {}, and not of {}'s {layer}",
                    Linears::TAPS.join(", "),
                    self.network
                )));
            }
            if positions.iter().any(|(other, tap)| *other == position && tap.criterion == *criterion) {
                return Err(Error::Config(format!(
                    "tap {layer} is named twice; name each layer once with a criterion"
                )));
            }
            positions.push((position, tap));
        }
        positions.sort_by_key(|(position, _)| *position);
        Ok(positions)
    }

    /// # Errors
    /// [`Error::Config`] where taps or normalisation are not usable; the message says which and why.
    pub fn validate(&self) -> Result<()> {
        self.tap_positions()?;
        self.normalization.validate()
    }
}

impl Default for Config {
    fn default() -> Self {
        Preset::default().config()
    }
}

impl From<Preset> for Config {
    fn from(preset: Preset) -> Self {
        preset.config()
    }
}

impl Tap {
    /// A tap at the layer called `layer`, of squared differences.
    #[must_use]
    pub fn new(layer: impl Into<String>, weight: f64) -> Self {
        Self { layer: layer.into(), weight, criterion: Criterion::Mse }
    }

    /// The same, with another criterion.
    #[must_use]
    pub fn with_criterion(self, criterion: Criterion) -> Self {
        Self { criterion, ..self }
    }

    /// Taps of squared differences from (layer, weight) pairs.
    #[must_use]
    pub fn list(taps: &[(&str, f64)]) -> Vec<Self> {
        taps.iter().map(|(layer, weight)| Self::new(*layer, *weight)).collect()
    }

    /// Taps from text such as `relu1_2=1.0,conv3_4=0.5:mae`; a layer without a weight has weight 1, and one without a criterion
    /// `otherwise`.
    ///
    /// # Errors
    /// [`Error::Config`] where the text has another form.
    pub fn parse_list(text: &str, otherwise: Criterion) -> Result<Vec<Self>> {
        text.split(',')
            .map(|part| {
                let (tap, criterion) = match part.split_once(':') {
                    None => (part, otherwise),
                    Some((tap, criterion)) => (tap, criterion.trim().parse()?),
                };
                let (layer, weight) = tap.split_once('=').unwrap_or((tap, "1"));
                match weight.trim().parse() {
                    Ok(weight) if !layer.trim().is_empty() => {
                        Ok(Self::new(layer.trim(), weight).with_criterion(criterion))
                    }
                    _ => Err(Error::Config(format!(
                        "'{part}' is no tap; taps look like relu1_2=1.0,conv3_4=0.5:mae"
                    ))),
                }
            })
            .collect()
    }
}

impl fmt::Display for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}:{}", self.layer, self.weight, self.criterion)
    }
}

/// Losses in common use, with their published constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Preset {
    /// The study card's taps with ImageNet normalisation: the default.
    #[default]
    Vgg19,
    /// Four chained slices of VGG19 (relu1_2, relu2_2, relu3_3, relu4_2) over raw pixels in \[0, 1\].
    StudyCard,
    /// Johnson et al. 2016: feature reconstruction, VGG16 relu2_2.
    Johnson,
    /// Ledig et al. 2017: VGG19 relu5_4 ("VGG54" after its activation).
    Srgan,
    /// Wang et al. 2018: VGG19 conv5_4 before its activation, absolute difference.
    Esrgan,
    /// Wang et al. 2021: five taps before their activations, absolute difference.
    RealEsrgan,
    /// Wang et al. 2018: five taps, absolute difference, input in \[-1, 1\].
    Pix2PixHd,
    /// Zhang et al. 2018, version 0.1 over VGG16: needs [`ModelOptions::linears`](crate::ModelOptions::linears).
    LpipsVgg,
    /// Gatys et al. 2016: style alone, the Gram matrices of five taps.
    Gram,
    /// Gatys et al. 2016: content at VGG19's relu4_2 and style at five taps, 1 to 1000, over BGR of 0 to 255 less the mean. A
    /// [target with a style](crate::Session::target_with_style) has both pictures.
    ///
    /// The paper's sums are these means times constants. A layer has N = C channels and M = H W positions, and F, P, G and A are the
    /// paper's features and Gram matrices F Fᵀ, those of the generated picture first. Its content loss Σ (F - P)² / 2 is C H W / 2
    /// times that of the tap here. Its style loss of a layer Σ (G - A)² / (4 N² M²), where both pictures are of one size, is C² / 4
    /// times that of the tap here, whose matrices are G / (C H W): Σ (G - A)² / (C H W)² is averaged over C² entries.
    Gatys,
}

impl Preset {
    /// Every preset, the default first.
    pub const ALL: [Self; 10] = [
        Self::Vgg19,
        Self::StudyCard,
        Self::Johnson,
        Self::Srgan,
        Self::Esrgan,
        Self::RealEsrgan,
        Self::Pix2PixHd,
        Self::LpipsVgg,
        Self::Gram,
        Self::Gatys,
    ];

    /// The name that the command and reports use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vgg19 => "vgg19",
            Self::StudyCard => "study-card",
            Self::Johnson => "johnson",
            Self::Srgan => "srgan",
            Self::Esrgan => "esrgan",
            Self::RealEsrgan => "real-esrgan",
            Self::Pix2PixHd => "pix2pixhd",
            Self::LpipsVgg => "lpips-vgg",
            Self::Gram => "gram",
            Self::Gatys => "gatys",
        }
    }

    /// The loss it stands for.
    #[must_use]
    pub fn config(self) -> Config {
        use Criterion::{Gram, Lpips, Mae, Mse};
        use Network::{Vgg16, Vgg19};
        const IMAGENET: Normalization = Normalization::IMAGENET;
        const STUDY_CARD: &[(&str, f64)] =
            &[("relu1_2", 1.0), ("relu2_2", 0.75), ("relu3_3", 0.5), ("relu4_2", 0.25)];
        const STYLE: [&str; 5] = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"];
        let (network, normalization, criterion, taps): (_, _, _, &[(&str, f64)]) = match self {
            Self::Vgg19 => (Vgg19, IMAGENET, Mse, STUDY_CARD),
            Self::StudyCard => (Vgg19, Normalization::NONE, Mse, STUDY_CARD),
            Self::Johnson => (Vgg16, IMAGENET, Mse, &[("relu2_2", 1.0)]),
            Self::Srgan => (Vgg19, IMAGENET, Mse, &[("relu5_4", 1.0)]),
            Self::Esrgan => (Vgg19, IMAGENET, Mae, &[("conv5_4", 1.0)]),
            Self::RealEsrgan => (
                Vgg19,
                IMAGENET,
                Mae,
                &[("conv1_2", 0.1), ("conv2_2", 0.1), ("conv3_4", 1.0), ("conv4_4", 1.0), ("conv5_4", 1.0)],
            ),
            Self::Pix2PixHd => (
                Vgg19,
                Normalization::SIGNED,
                Mae,
                &[
                    ("relu1_1", 1.0 / 32.0),
                    ("relu2_1", 1.0 / 16.0),
                    ("relu3_1", 1.0 / 8.0),
                    ("relu4_1", 1.0 / 4.0),
                    ("relu5_1", 1.0),
                ],
            ),
            Self::LpipsVgg => (Vgg16, IMAGENET, Lpips, &Linears::TAPS.map(|layer| (layer, 1.0))),
            Self::Gram => (Vgg19, IMAGENET, Gram, &STYLE.map(|layer| (layer, 1.0))),
            // A fifth of 1000 each.
            Self::Gatys => (Vgg19, Normalization::CAFFE, Gram, &STYLE.map(|layer| (layer, 200.0))),
        };
        let mut config = Config { network, taps: Tap::list(taps), normalization }.with_criterion(criterion);
        if self == Self::Gatys {
            // In the order of layers.
            config.taps.insert(4, Tap::new("relu4_2", 1.0));
        }
        config
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Preset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::Config(format!("no preset is called '{name}'; there are {names}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_valid_and_found_by_its_name() {
        for preset in Preset::ALL {
            preset.config().validate().unwrap();
            assert_eq!(preset.name().parse::<Preset>().unwrap(), preset);
            assert_eq!(preset.config().preset(), Some(preset));
        }
    }

    #[test]
    fn taps_are_ordered_by_depth_and_checked() {
        let config =
            |text: &str| Config { taps: Tap::parse_list(text, Criterion::Mae).unwrap(), ..Config::default() };
        let several = config("relu2_2=0.5, conv1_1:mse,relu2_2=2:smooth-l1:0.5");
        let positions = several.tap_positions().unwrap();
        let read: Vec<_> = positions.iter().map(|(at, tap)| (*at, tap.weight, tap.criterion)).collect();
        let smooth = Criterion::SmoothL1 { beta: 0.5 };
        assert_eq!(read, [(0, 1.0, Criterion::Mse), (8, 0.5, Criterion::Mae), (8, 2.0, smooth)]);
        assert_eq!(several.criterion(), None);
        assert_eq!(several.taps[2].to_string(), "relu2_2=2:smooth-l1:0.5");
        assert_eq!(Preset::Esrgan.config().criterion(), Some(Criterion::Mae));
        for (text, part) in [
            ("relu9_9=1", "no layer 'relu9_9'"),
            ("relu1_1=nan", "weight NaN"),
            ("relu1_1=-1", "weight -1"),
            ("relu1_1=1,relu1_1=2", "named twice"),
            ("relu1_1:smooth-l1:2,relu1_1:smooth-l1:2", "named twice"),
        ] {
            let message = config(text).validate().unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        let smooth = Config::default().with_criterion(Criterion::SmoothL1 { beta: 0.0 });
        assert!(smooth.validate().unwrap_err().to_string().contains("the parameter 0 of smooth-l1"));
        for text in ["", "relu1_1=x", ":mae", "relu1_1:l3", "relu1_1=1:"] {
            assert!(Tap::parse_list(text, Criterion::Mse).is_err(), "{text}");
        }
    }
}
