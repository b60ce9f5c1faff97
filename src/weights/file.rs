//! A weights file: its contents, found good when it is opened, and its tensors, read when they are needed.

use super::{
    Convolution,
    contents::Contents,
    mistaken,
    names::{self, dims, printable},
    source::{Reader, Source},
};
use crate::{
    error::{Error, Result},
    network::{Layer, Network},
};

/// A file whose contents are known.
pub(super) struct TensorFile {
    source: Source,
    origin: String,
    length: u64,
    contents: Contents,
}

impl TensorFile {
    /// # Errors
    /// [`Error::Io`] where it cannot be read, [`Error::Weights`] where it is no weights file.
    pub(super) fn open(source: Source, origin: String) -> Result<Self> {
        let reader = source.open()?;
        let (length, contents) = (reader.length(), Contents::read(&reader, &origin)?);
        drop(reader);
        Ok(Self { source, origin, length, contents })
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The prefix of `network`'s tensors, once it is sure that they are that network's.
    ///
    /// # Errors
    /// [`Error::Weights`] that says what there is in their place.
    pub(super) fn prefix(&self, network: Network, layers: &[Layer]) -> Result<String> {
        let prefix = names::prefix(&self.contents, &self.origin, network, layers)?;
        mistaken::refuse(&self.contents, &self.origin, network, &prefix)?;
        Ok(prefix)
    }

    /// These layers' weights and biases.
    ///
    /// # Errors
    /// As [`Weights::load`](super::Weights::load).
    pub(super) fn load(&self, network: Network, layers: &[Layer]) -> Result<Vec<Convolution>> {
        if layers.is_empty() {
            return Ok(Vec::new());
        }
        let prefix = self.prefix(network, layers)?;
        let reader = self.open_again()?;
        layers
            .iter()
            .map(|layer| {
                let [weight, bias] = names::needed(layer, &prefix);
                let whose = format!("{network}'s {}", layer.name);
                Ok(Convolution {
                    layer: *layer,
                    weight: self.tensor(&reader, &whose, &weight.name, &weight.shape)?,
                    bias: self.tensor(&reader, &whose, &bias.name, &bias.shape)?,
                })
            })
            .collect()
    }

    /// The file, if it is still the one whose contents are known: places found in one mean nothing in another.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read, [`Error::Weights`] where it changed.
    pub(super) fn open_again(&self) -> Result<Reader<'_>> {
        let reader = self.source.open()?;
        let same = reader.length() == self.length
            && match Contents::read(&reader, &self.origin) {
                Err(error @ Error::Io { .. }) => return Err(error),
                contents => contents.is_ok_and(|contents| contents == self.contents),
            };
        if same {
            return Ok(reader);
        }
        Err(Error::Weights(format!("{}: the file changed since it was opened; open it again", self.origin)))
    }

    /// The values of the tensor called `name`, which `whose` needs in this shape.
    ///
    /// # Errors
    /// [`Error::Weights`] where there is none that can be used, [`Error::Io`] where it cannot be read;
    /// [`Error::OutOfMemory`].
    pub(super) fn tensor(
        &self,
        reader: &Reader<'_>,
        whose: &str,
        name: &str,
        shape: &[usize],
    ) -> Result<Vec<f32>> {
        let wrong = |is: &str, kind: &str| {
            let (name, shape) = (printable(name), dims(shape));
            Error::Weights(format!("{}: {name} is {is}; {whose} needs {shape}{kind}", self.origin))
        };
        let Some(entry) = self.contents.tensors.get(name) else {
            let unread = self.contents.unread.get(name);
            return Err(wrong(unread.map_or("missing", String::as_str), ""));
        };
        if entry.shape != shape {
            return Err(wrong(&dims(&entry.shape), ""));
        }
        let unread = || wrong(&entry.dtype.to_string(), " of F32, F16, BF16 or F64");
        if !entry.dtype.is_read() {
            return Err(unread());
        }
        let span = entry.span().map_err(|fault| wrong(&fault, ""))?;
        // Not beyond what there is to read, and so not beyond what there is to address.
        let bytes = reader.read(span.start, (span.end - span.start) as usize)?;
        let values = entry.dtype.decode(&entry.gather(bytes)?)?.ok_or_else(unread)?;
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(first) => Err(wrong(
                &format!("not a finite float32 at {:?}", position(first, shape)),
                " of finite values",
            )),
        }
    }
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
}
