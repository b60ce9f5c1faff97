//! Which way of computing a 3x3 convolution a GPU takes, and which ways a comparison took.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::{
    error::{Error, Result},
    network::{LayerKind, Network},
};

/// A tuning: one way to compute a 3x3 convolution on a GPU. All of them give the same numbers to rounding, at different
/// speeds, and share the twin `src/cpu/twin/conv3x3.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuning(pub(crate) &'static str);

impl Tuning {
    /// Every tuning there is: none, since no GPU backend is built in.
    #[cfg(not(feature = "gpu"))]
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![]
    }

    /// The name that the command and reports use: that of its shader's file, behind `conv3x3.`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl Serialize for Tuning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl FromStr for Tuning {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let all = Self::all();
        all.iter().copied().find(|tuning| tuning.0 == name).ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|tuning| tuning.0).collect();
            Error::Config(format!("no tuning is called '{name}'; there are {}", names.join(", ")))
        })
    }
}

/// Which tuning each convolution is to take. By default the library chooses, by a fixed table of step shapes and adapters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tunings {
    forced: Option<Tuning>,
    layers: Vec<(String, Tuning)>,
}

impl Tunings {
    /// One tuning for every convolution.
    #[must_use]
    pub fn forced(tuning: Tuning) -> Self {
        Self { forced: Some(tuning), layers: vec![] }
    }

    /// The same, but for the convolution called `layer`, such as `conv1_1`.
    #[must_use]
    pub fn with_layer(mut self, layer: impl Into<String>, tuning: Tuning) -> Self {
        self.layers.push((layer.into(), tuning));
        self
    }

    /// # Errors
    /// [`Error::Config`] where a layer that was named is no convolution of the network.
    pub(crate) fn check(&self, network: Network) -> Result<()> {
        let is_there = |name: &str| {
            network.layers().iter().any(|layer| layer.kind == LayerKind::Conv && layer.name == name)
        };
        match self.layers.iter().find(|(name, _)| !is_there(name)) {
            None => Ok(()),
            Some((name, tuning)) => Err(Error::Config(format!(
                "the tuning '{tuning}' is for '{name}', and {network} has no such convolution; there are conv1_1, conv1_2 and so on"
            ))),
        }
    }

    /// What was asked for a layer; none where the library chooses.
    #[cfg(feature = "gpu")]
    pub(crate) fn asked(&self, layer: &str) -> Option<Tuning> {
        let of_layer = self.layers.iter().rev().find(|(name, _)| name == layer);
        of_layer.map(|(_, tuning)| *tuning).or(self.forced)
    }
}

impl From<Tuning> for Tunings {
    fn from(tuning: Tuning) -> Self {
        Self::forced(tuning)
    }
}

/// The tunings that a comparison's convolutions took. As JSON it is one name, or where layers differ a map from layers to
/// names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsedTunings(pub(crate) Vec<(&'static str, Tuning)>);

impl UsedTunings {
    /// Each convolution and its tuning, in the network's order.
    #[must_use]
    pub fn layers(&self) -> &[(&'static str, Tuning)] {
        &self.0
    }

    /// The tuning that all of them took, if they did.
    #[must_use]
    pub fn one(&self) -> Option<Tuning> {
        let (_, first) = *self.0.first()?;
        self.0.iter().all(|(_, tuning)| *tuning == first).then_some(first)
    }
}

impl fmt::Display for UsedTunings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tuning) = self.one() {
            return tuning.fmt(f);
        }
        let layers: Vec<_> = self.0.iter().map(|(layer, tuning)| format!("{layer}={tuning}")).collect();
        f.write_str(&layers.join(","))
    }
}

impl Serialize for UsedTunings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(tuning) = self.one() {
            return tuning.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (layer, tuning) in &self.0 {
            map.serialize_entry(layer, tuning)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_tunings_are_one_name_or_a_name_a_layer() {
        let json = |used: &UsedTunings| serde_json::to_string(used).unwrap();
        let (a, b) = (Tuning("a"), Tuning("b"));
        let same = UsedTunings(vec![("conv1_1", a), ("conv1_2", a)]);
        assert_eq!((json(&same), same.to_string()), (r#""a""#.to_owned(), "a".to_owned()));
        let mixed = UsedTunings(vec![("conv1_1", a), ("conv1_2", b)]);
        assert_eq!(json(&mixed), r#"{"conv1_1":"a","conv1_2":"b"}"#);
        assert_eq!(mixed.to_string(), "conv1_1=a,conv1_2=b");
    }

    #[cfg(feature = "gpu")]
    #[test]
    fn a_layer_may_have_its_own() {
        let (a, b) = (Tuning("a"), Tuning("b"));
        let tunings = Tunings::forced(a).with_layer("conv1_1", b);
        assert_eq!((tunings.asked("conv1_1"), tunings.asked("conv1_2")), (Some(b), Some(a)));
        assert_eq!(Tunings::default().asked("conv1_1"), None);
        tunings.check(Network::Vgg19).unwrap();
        for wrong in ["relu1_1", "conv3_9", ""] {
            let error = tunings.clone().with_layer(wrong, a).check(Network::Vgg19).unwrap_err();
            assert!(error.to_string().contains(&format!("is for '{wrong}'")), "{error}");
        }
    }
}
