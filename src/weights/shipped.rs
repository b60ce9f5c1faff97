//! The default weights: what `weights/generator` wrote, in the crate.
//!
//! The file has what filters are made of, and `weights/generator/src/stored.rs` says how. A weight is the same to the bit
//! on every machine: it is summed in float32 in one order.

use half::f16;
use safetensors::{Dtype, SafeTensors};

use super::{Convolution, decode::decode};
use crate::{
    error::{Error, Result},
    network::{Layer, Network},
    reserve::filled,
};

/// What they are called; another recipe has another number.
pub(super) const NAME: &str = "default-1";

static FILE: &[u8] = include_bytes!("../../weights/default-1.safetensors");

/// The convolutions that stand at `layers` of `network`.
///
/// # Errors
/// [`Error::Weights`] where the file is not what the generator wrote; [`Error::OutOfMemory`].
pub(super) fn convolutions(network: Network, layers: Vec<Layer>) -> Result<Vec<Convolution>> {
    let file = SafeTensors::deserialize(FILE).map_err(|error| damaged(&error.to_string()))?;
    layers.into_iter().map(|layer| Parts { file: &file, network, layer }.convolution()).collect()
}

fn damaged(what: &str) -> Error {
    Error::Weights(format!("{NAME}: {what}; this build is damaged"))
}

/// A layer's tensors.
struct Parts<'a> {
    file: &'a SafeTensors<'a>,
    network: Network,
    layer: Layer,
}

impl Parts<'_> {
    fn convolution(&self) -> Result<Convolution> {
        let [outputs, inputs] = [self.layer.outputs, self.layer.inputs].map(|channels| channels as usize);
        let [reads, kernels, scale] = [self.values("reads")?, self.values("kernels")?, self.values("scale")?];
        let [shares, directions] = [self.values("shares")?, self.values("directions")?];
        let (count, directed) = (reads.len() / outputs, shares.len() / outputs);
        let fits = reads.len() == outputs * count
            && kernels.len() == reads.len() * 9
            && scale.len() == outputs
            && shares.len() == outputs * directed
            && directions.len() == directed * inputs
            && reads.iter().all(|&input| (input as usize) < inputs);
        if !fits {
            return Err(damaged(&format!("{} has another shape", self.layer.name)));
        }

        let what = format_args!("the weights of {}", self.layer.name);
        let mut weight = filled(0.0, outputs * inputs * 9, what)?;
        let mut even = vec![0.0; inputs];
        for (output, weight) in weight.chunks_exact_mut(inputs * 9).enumerate() {
            even.fill(0.0);
            let shares = &shares[output * directed..][..directed];
            for (share, direction) in shares.iter().zip(directions.chunks_exact(inputs)) {
                even.iter_mut().zip(direction).for_each(|(sum, value)| *sum += share * value);
            }
            for (taps, even) in weight.chunks_exact_mut(9).zip(&even) {
                taps.fill(*even);
            }
            let of_output = output * count..(output + 1) * count;
            for (input, kernel) in
                reads[of_output.clone()].iter().zip(kernels[of_output.start * 9..].chunks_exact(9))
            {
                let taps = &mut weight[*input as usize * 9..][..9];
                taps.iter_mut().zip(kernel).for_each(|(tap, value)| *tap += scale[output] * value);
            }
        }
        Convolution::new(self.layer, weight, self.values("bias")?)
    }

    /// A tensor's values, row-major: the network's own where it has one.
    fn values(&self, part: &str) -> Result<Vec<f32>> {
        let name = format!("{}.{part}", self.layer.name);
        let tensor = self
            .file
            .tensor(&format!("{}.{name}", self.network))
            .or_else(|_| self.file.tensor(&name))
            .map_err(|error| damaged(&error.to_string()))?;
        let bytes = tensor.data();
        match tensor.dtype() {
            Dtype::I8 => decode(bytes, |byte| f32::from(i8::from_le_bytes(byte))),
            Dtype::U16 => decode(bytes, |bytes| f32::from(u16::from_le_bytes(bytes))),
            Dtype::F16 => decode(bytes, |bytes| f16::from_le_bytes(bytes).to_f32()),
            Dtype::F32 => decode(bytes, f32::from_le_bytes),
            other => Err(damaged(&format!("{name} is {other:?}"))),
        }
    }
}
