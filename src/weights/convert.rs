//! Weights out: a safetensors file under torchvision's names.

use std::{collections::HashMap, fmt, str::FromStr};

use half::{bf16, f16};
use safetensors::tensor::{Dtype, TensorView, serialize};

use super::{Convolution, Parameters, bias_shape, weight_shape};
use crate::error::{Error, Result};

/// How a file keeps values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum StoredType {
    /// float32, as they are.
    F32,
    /// float16, rounded to nearest: half the bytes, 11 significant bits.
    #[default]
    F16,
    /// bfloat16, rounded to nearest: half the bytes, 8 significant bits, float32's range.
    Bf16,
}

impl StoredType {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    /// The name that the command uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
            Self::Bf16 => Dtype::BF16,
        }
    }

    /// Values in this type's bytes, or the first that it cannot hold.
    fn encode(self, values: &[f32]) -> Result<Vec<u8>, f32> {
        let mut bytes = Vec::with_capacity(values.len() * 4);
        for &value in values {
            let finite = match self {
                Self::F32 => {
                    bytes.extend(value.to_le_bytes());
                    true
                }
                Self::F16 => {
                    let half = f16::from_f32(value);
                    bytes.extend(half.to_le_bytes());
                    half.is_finite()
                }
                Self::Bf16 => {
                    let half = bf16::from_f32(value);
                    bytes.extend(half.to_le_bytes());
                    half.is_finite()
                }
            };
            if !finite {
                return Err(value);
            }
        }
        Ok(bytes)
    }
}

impl Parameters {
    /// A safetensors file of these convolutions: `features.N.weight` of (outputs, inputs, 3, 3) and
    /// `features.N.bias` of (outputs), little-endian.
    ///
    /// # Errors
    /// [`Error::Weights`] where a value is beyond what `stored` holds.
    pub fn to_safetensors(&self, stored: StoredType) -> Result<Vec<u8>> {
        let mut tensors = vec![];
        for Convolution { layer, weight, bias } in &self.convolutions {
            for (name, shape, values) in [
                (layer.weight_name(), weight_shape(layer).to_vec(), weight),
                (layer.bias_name(), bias_shape(layer).to_vec(), bias),
            ] {
                let bytes = stored.encode(values).map_err(|value| {
                    Error::Weights(format!(
                        "{}: {name} has {value}, which {stored} cannot hold; choose f32 or bf16",
                        self.info.origin
                    ))
                })?;
                tensors.push((name, shape, bytes));
            }
        }
        let failed = |error: safetensors::SafeTensorError| {
            Error::Weights(format!("{}: no safetensors file can be made of it: {error}", self.info.origin))
        };
        let views = tensors
            .iter()
            .map(|(name, shape, bytes)| Ok((name, TensorView::new(stored.dtype(), shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(failed)?;
        // So that PyTorch's own loaders take it.
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        serialize(views, Some(metadata)).map_err(failed)
    }
}

impl fmt::Display for StoredType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for StoredType {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|stored| stored.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::Config(format!("no stored type is called '{name}'; there are {names}"))
        })
    }
}
