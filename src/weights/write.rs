//! Weights into a safetensors file, under torchvision's names.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Write as _},
    path::Path,
    str::FromStr,
};

use half::{bf16, f16};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Convolution, Parameters, hash,
    tensor::{self, Tensor},
};
use crate::{
    error::{Error, Result},
    network::{Layer, LayerKind, Network},
    reserve::{collected, reserve},
    whole_file::WholeFile,
};

/// Under which key a file's metadata say that its weights were not trained.
pub(super) const TRAINED: &str = "trained";

/// How values are kept in a file, or multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// Every bit, in 4 bytes a value.
    F32,
    /// 11 significant bits up to 65504, in 2 bytes.
    F16,
    /// 8 significant bits and float32's range, in 2 bytes.
    Bf16,
}

impl Precision {
    /// The nearest value that can be kept, the even one of two.
    #[must_use]
    pub fn round(self, value: f32) -> f32 {
        match self {
            Self::F32 => value,
            Self::F16 => f16::from_f32(value).to_f32(),
            Self::Bf16 => bf16::from_f32(value).to_f32(),
        }
    }

    /// Its name, as options take it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// The name that a safetensors header has for it.
    fn dtype(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        }
    }

    /// Bytes of a value.
    fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Appends values, rounded.
    fn encode(self, values: &[f32], bytes: &mut Vec<u8>) {
        match self {
            Self::F32 => bytes.extend(values.iter().flat_map(|v| v.to_le_bytes())),
            Self::F16 => bytes.extend(values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes())),
            Self::Bf16 => bytes.extend(values.iter().flat_map(|&v| bf16::from_f32(v).to_le_bytes())),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        [Self::F32, Self::F16, Self::Bf16]
            .into_iter()
            .find(|precision| precision.to_string() == name)
            .ok_or_else(|| {
                Error::Config(format!("no precision is called '{name}'; there are f32, f16 and bf16"))
            })
    }
}

impl Parameters {
    /// The same, with every value rounded as a file of this precision would have it.
    ///
    /// # Errors
    /// [`Error::Weights`] where a value is too large for it; [`Error::OutOfMemory`].
    pub fn rounded(&self, precision: Precision) -> Result<Self> {
        self.check_range(precision)?;
        let rounded = |values: &[f32], name| {
            collected(values.iter().map(|value| precision.round(*value)), values.len(), name)
        };
        let mut convolutions = vec![];
        for Convolution { layer, weight, bias } in &self.convolutions {
            let (weight, bias) = (rounded(weight, layer.weight_name())?, rounded(bias, layer.bias_name())?);
            convolutions.push(Convolution { layer: *layer, weight, bias });
        }
        let mut info = self.info.clone();
        info.sha256 = hash::sha256(&tensor::of(&convolutions));
        let (channel_weights, metadata) = (self.channel_weights.clone(), self.metadata.clone());
        Ok(Self { convolutions, channel_weights, info, metadata })
    }

    /// # Errors
    /// [`Error::Weights`] where a value is too large for `precision`.
    fn check_range(&self, precision: Precision) -> Result<()> {
        for Convolution { layer, weight, bias } in &self.convolutions {
            for (name, values) in [(layer.weight_name(), weight), (layer.bias_name(), bias)] {
                if let Some(value) = values.iter().find(|value| !precision.round(**value).is_finite()) {
                    return Err(Error::Weights(format!(
                        "{}: {name} of {} has {value}, which is too large for {precision}; use f32{}",
                        self.info.origin,
                        layer.name,
                        if precision == Precision::F16 { " or bf16" } else { "" },
                    )));
                }
            }
        }
        Ok(())
    }

    /// Writes a safetensors file of this precision, with the convolutions under torchvision's names and nothing else;
    /// returns its bytes' count. The same parameters make the same bytes. The file is there as a whole or not at
    /// all: what stood at `path`, or where a link leads that stands there, is replaced when all is written, and its mode is
    /// kept. A pipe or a device is written to.
    ///
    /// Its metadata has the networks whose first layers these are (`network`), the SHA-256 of the tensors before
    /// they were rounded (`source_sha256`), `trained` as `false` where it is known that they are not, and
    /// [`metadata`](Self::metadata).
    ///
    /// # Errors
    /// [`Error::Weights`] where a value is too large for `precision`, [`Error::Io`] where the file cannot be
    /// written; [`Error::OutOfMemory`].
    pub fn write(&self, path: impl AsRef<Path>, precision: Precision) -> Result<u64> {
        self.check_range(precision)?;
        let networks: Vec<_> =
            Network::ALL.into_iter().filter(|&network| self.begins(network)).map(Network::name).collect();
        let mut metadata = self.metadata.clone();
        metadata.insert("network".to_owned(), networks.join(" or "));
        metadata.insert("source_sha256".to_owned(), self.info.sha256.clone());
        if self.info.trained == Some(false) {
            metadata.insert(TRAINED.to_owned(), "false".to_owned());
        }
        write(path.as_ref(), &tensor::of(&self.convolutions), metadata, precision)
    }

    fn begins(&self, network: Network) -> bool {
        let mut layers = network.layers().iter().filter(|layer| layer.kind == LayerKind::Conv);
        self.convolutions
            .iter()
            .all(|convolution| layers.next().is_some_and(|l: &Layer| *l == convolution.layer))
    }
}

/// Writes a safetensors file, whole or not at all; returns its bytes' count.
///
/// # Errors
/// [`Error::Io`] where the file cannot be written; [`Error::OutOfMemory`].
pub(super) fn write(
    path: &Path,
    tensors: &[Tensor<'_>],
    metadata: BTreeMap<String, String>,
    precision: Precision,
) -> Result<u64> {
    let header = header(tensors, metadata, precision);
    let longest = tensors.iter().map(|tensor| tensor.values.len()).max().unwrap_or(0);
    let mut bytes = vec![];
    reserve(&mut bytes, longest * precision.size(), "the bytes of weights")?;
    let mut write = || -> io::Result<u64> {
        let mut file = WholeFile::create(path)?;
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        let mut written = 8 + header.len() as u64;
        for tensor in tensors {
            bytes.clear();
            precision.encode(tensor.values, &mut bytes);
            file.write_all(&bytes)?;
            written += bytes.len() as u64;
        }
        file.finish()?;
        Ok(written)
    };
    write().map_err(|source| Error::Io { path: path.to_owned(), source })
}

/// The header, by hand and not by the safetensors crate, which keeps metadata in an
/// order that changes from run to run, and wants all tensors' bytes at once.
fn header(tensors: &[Tensor<'_>], mut metadata: BTreeMap<String, String>, precision: Precision) -> Vec<u8> {
    metadata.insert("format".to_owned(), "pt".to_owned());
    let mut header = Map::from_iter([("__metadata__".to_owned(), json!(metadata))]);
    let mut start = 0;
    for Tensor { name, shape, values } in tensors {
        let end = start + values.len() * precision.size();
        header.insert(
            name.clone(),
            json!({"dtype": precision.dtype(), "shape": shape, "data_offsets": [start, end]}),
        );
        start = end;
    }
    let mut text = Value::Object(header).to_string().into_bytes();
    // So that the tensors are aligned, as the format's own writer has them.
    text.resize(text.len().next_multiple_of(8), b' ');
    text
}
