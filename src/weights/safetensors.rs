//! A safetensors file: 8 bytes of length, a JSON header, and the tensors' bytes. The header is checked when the
//! file is opened; a load reads the byte ranges of the tensors that it needs and no others.

use ::safetensors::tensor::{Dtype, Metadata};
use half::{bf16, f16};

use super::{
    Convolution,
    names::{self, Needed, dims, printable},
    source::{Reader, Source},
};
use crate::{
    error::{Error, Result},
    network::{Layer, Network},
};

/// Bytes of the header's length, which come first.
const PREAMBLE: usize = 8;
/// The longest header that the format's own readers take.
const LONGEST_HEADER: u64 = 100_000_000;

/// A file whose header was found good.
pub(super) struct SafeTensors {
    source: Source,
    origin: String,
    length: u64,
    /// Kept to see whether the file is still the same when tensors are read from it.
    header: Vec<u8>,
    metadata: Metadata,
}

impl SafeTensors {
    /// # Errors
    /// [`Error::Io`] where it cannot be read, [`Error::Weights`] where it is not a safetensors file.
    pub(super) fn open(source: Source, origin: String) -> Result<Self> {
        let mut reader = source.open()?;
        let length = reader.length();
        let header = header(&mut reader, &origin)?;
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|error| foreign(&origin, &error.to_string()))?;
        let (described, there) =
            (metadata.data_len() as u64, length.saturating_sub((PREAMBLE + header.len()) as u64));
        if described != there {
            let fault = if there < described { "cut short" } else { "too long" };
            return Err(Error::Weights(format!(
                "{origin}: the file is {fault}: its header describes {described} bytes of tensors, {there} are there"
            )));
        }
        drop(reader);
        Ok(Self { source, origin, length, header, metadata })
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// These layers' weights and biases.
    ///
    /// # Errors
    /// As [`Weights::load`](super::Weights::load).
    pub(super) fn load(&self, network: Network, layers: &[Layer]) -> Result<Vec<Convolution>> {
        if layers.is_empty() {
            return Ok(Vec::new());
        }
        let prefix = names::prefix(&self.metadata, &self.origin, network, layers)?;
        let mut reader = self.source.open()?;
        if reader.length() != self.length || header(&mut reader, &self.origin)? != self.header {
            return Err(Error::Weights(format!(
                "{}: the file changed since it was opened; open it again",
                self.origin
            )));
        }
        let mut bytes = Vec::new();
        layers
            .iter()
            .map(|layer| {
                let [weight, bias] = names::needed(layer, &prefix);
                Ok(Convolution {
                    layer: *layer,
                    weight: self.tensor(&mut reader, network, &weight, &mut bytes)?,
                    bias: self.tensor(&mut reader, network, &bias, &mut bytes)?,
                })
            })
            .collect()
    }

    /// One tensor, read by way of `bytes`.
    fn tensor(
        &self,
        reader: &mut Reader<'_>,
        network: Network,
        needed: &Needed<'_>,
        bytes: &mut Vec<u8>,
    ) -> Result<Vec<f32>> {
        let wrong = |is: &str, kind: &str| {
            let (name, layer, shape) = (printable(&needed.name), needed.layer.name, dims(&needed.shape));
            Error::Weights(format!(
                "{}: {name} is {is}; {network}'s {layer} needs {shape}{kind}",
                self.origin
            ))
        };
        let info = self.metadata.info(&needed.name).ok_or_else(|| wrong("missing", ""))?;
        if info.shape != needed.shape {
            return Err(wrong(&dims(&info.shape), ""));
        }
        let decode =
            decoder(info.dtype).ok_or_else(|| wrong(&info.dtype.to_string(), " of F32, F16, BF16 or F64"))?;
        let (start, end) = info.data_offsets;
        let data = (PREAMBLE + self.header.len()) as u64;
        reader.read(data + start as u64, end - start, bytes)?;
        let values = decode(bytes);
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(first) => Err(wrong(
                &format!("not a finite float32 at {:?}", position(first, &needed.shape)),
                " of finite values",
            )),
        }
    }
}

/// The header's bytes, which nothing is known of but that the file has as many.
fn header(reader: &mut Reader<'_>, origin: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = reader.length();
    if length == 0 {
        return Err(foreign(origin, "the file is empty"));
    }
    let Some(after) = length.checked_sub(PREAMBLE as u64) else {
        return Err(foreign(origin, &format!("it has {length} bytes")));
    };
    reader.read(0, PREAMBLE, &mut bytes)?;
    // The preamble is all of the first chunk.
    let announced = bytes.as_chunks().0.first().map_or(0, |preamble| u64::from_le_bytes(*preamble));
    if announced > after || announced > LONGEST_HEADER {
        // Asked only now: a good header's length may well begin with the same bytes.
        let why = if [b"PK\x03\x04", b"\x80\x02\x8a\x0a"].iter().any(|magic| bytes.starts_with(*magic)) {
            "it looks like a PyTorch .pth".to_owned()
        } else {
            format!("its first 8 bytes announce a header of {announced} bytes, {after} follow")
        };
        return Err(foreign(origin, &why));
    }
    reader.read(PREAMBLE as u64, announced as usize, &mut bytes)?;
    Ok(bytes)
}

/// The error for what is no safetensors file, `why` in brief.
fn foreign(origin: &str, why: &str) -> Error {
    Error::Weights(format!(
        "{origin}: not a safetensors file ({}); expected torchvision's VGG converted to safetensors",
        printable(why)
    ))
}

/// Turns a tensor's bytes into float32.
type Decoder = fn(&[u8]) -> Vec<f32>;

/// The decoder of each type that is read.
fn decoder(dtype: Dtype) -> Option<Decoder> {
    Some(match dtype {
        Dtype::F32 => |bytes| decode(bytes, f32::from_le_bytes),
        Dtype::F16 => |bytes| decode(bytes, |value| f16::from_le_bytes(value).to_f32()),
        Dtype::BF16 => |bytes| decode(bytes, |value| bf16::from_le_bytes(value).to_f32()),
        Dtype::F64 => |bytes| decode(bytes, |value| f64::from_le_bytes(value) as f32),
        _ => return None,
    })
}

fn decode<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&bytes| value(bytes)).collect()
}

/// The indices of the row-major `element` of a tensor.
fn position(mut element: usize, shape: &[usize]) -> Vec<usize> {
    let mut indices = vec![0; shape.len()];
    for (index, &length) in indices.iter_mut().zip(shape).rev() {
        *index = element % length;
        element /= length;
    }
    indices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_row_major() {
        assert_eq!(position(0, &[64, 3, 3, 3]), [0, 0, 0, 0]);
        assert_eq!(position(27 * 5 + 9 * 2 + 3 + 2, &[64, 3, 3, 3]), [5, 2, 1, 2]);
        assert_eq!(position(63, &[64]), [63]);
    }

    #[test]
    fn every_type_decodes_to_the_nearest_float32() {
        let of = |dtype, bytes: &[u8]| decoder(dtype).unwrap()(bytes);
        assert_eq!(of(Dtype::F32, &1.1_f32.to_le_bytes()), [1.1]);
        // Half of float16's least normal number: a subnormal.
        assert_eq!(of(Dtype::F16, &[0x00, 0x3c, 0x00, 0x02]), [1.0, 2.0_f32.powi(-15)]);
        assert_eq!(of(Dtype::BF16, &[0x80, 0x3f, 0x20, 0xc1]), [1.0, -10.0]);
        assert_eq!(of(Dtype::F64, &0.1_f64.to_le_bytes()), [0.1]);
        assert_eq!(of(Dtype::F64, &1e300_f64.to_le_bytes()), [f32::INFINITY]);
        assert!(decoder(Dtype::I64).is_none() && decoder(Dtype::BOOL).is_none());
    }
}
