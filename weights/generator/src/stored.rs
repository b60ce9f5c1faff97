//! The file that ships: safetensors of what filters are made of.
//!
//! Of each layer, such as `conv4_1`:
//!
//! | tensor | type, shape | |
//! | --- | --- | --- |
//! | `conv4_1.reads` | U16, outputs x reads | the inputs that an output reads |
//! | `conv4_1.kernels` | I8 (conv1_1: F16), outputs x reads x 3 x 3 | their kernels |
//! | `conv4_1.scale` | F32, outputs | the factor on an output's kernels |
//! | `conv4_1.shares` | F16, outputs x directions | how much of each direction is added at all nine taps |
//! | `conv4_1.directions` | F16, directions x inputs | |
//! | `conv4_1.bias` | F32, outputs | |
//!
//! Where VGG16 has another tensor than VGG19, it stands beside as `vgg16.conv4_1.scale`. A weight is the scale times the
//! kernel's value, if the input is read, plus the sum over directions of share times direction.

use std::{collections::BTreeMap, error::Error};

use half::f16;
use perceptual_loss::Network;
use safetensors::{Dtype, serialize, tensor::TensorView};

use crate::{generate::Made, recipe::HALF_KERNELS};

/// A tensor's type, shape and bytes.
type Tensor = (Dtype, Vec<usize>, Vec<u8>);

/// The file of these networks, of which the first is the one whose names are plain.
///
/// # Errors
/// Where a value cannot be stored.
pub fn encode(networks: &[(Network, Vec<Made>)]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
    for (network, made) in networks {
        for convolution in made {
            for (part, tensor) in parts(convolution)? {
                let name = format!("{}.{part}", convolution.layer.name);
                match tensors.get(&name) {
                    None => _ = tensors.insert(name, tensor),
                    Some(other) if *other == tensor => {}
                    Some(_) => _ = tensors.insert(format!("{network}.{name}"), tensor),
                }
            }
        }
    }
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, bytes))| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)));
    Ok(serialize(views.collect::<Result<Vec<_>, Box<dyn Error>>>()?, None)?)
}

fn parts(Made { layer, filters, bias }: &Made) -> Result<[(&'static str, Tensor); 6], Box<dyn Error>> {
    let outputs = filters.kernels.len();
    let count = filters.kernels.iter().map(Vec::len).max().unwrap_or(0);
    // Those that read less read nothing of the first input besides.
    let reads = || {
        filters.kernels.iter().flat_map(|kernels| {
            let padding = std::iter::repeat_n((0, [0.0; 9]), count - kernels.len());
            kernels.iter().copied().chain(padding)
        })
    };
    let inputs = reads().map(|(input, _)| u16::try_from(input)).collect::<Result<Vec<_>, _>>()?;
    let kernels: Vec<f64> = reads().flat_map(|(_, kernel)| kernel).collect();
    let (dtype, kernels) = if layer.name == HALF_KERNELS {
        (Dtype::F16, halves(&kernels)?)
    } else {
        let whole = |value: &f64| {
            let step = *value as i8;
            if f64::from(step) == *value { Ok(step) } else { Err(format!("{value} is no step of a kernel")) }
        };
        (
            Dtype::I8,
            kernels.iter().map(|value| Ok(whole(value)?.to_le_bytes()[0])).collect::<Result<_, String>>()?,
        )
    };
    let directions = filters.directions.nrows();
    let [shares, directions_by_rows] =
        [&filters.shares, &filters.directions].map(|matrix| matrix.transpose());
    let single = |values: &[f64]| values.iter().flat_map(|&value| (value as f32).to_le_bytes()).collect();
    Ok([
        (
            "reads",
            (Dtype::U16, vec![outputs, count], inputs.iter().flat_map(|input| input.to_le_bytes()).collect()),
        ),
        ("kernels", (dtype, vec![outputs, count, 3, 3], kernels)),
        ("scale", (Dtype::F32, vec![outputs], single(filters.scale.as_slice()))),
        ("shares", (Dtype::F16, vec![outputs, directions], halves(shares.as_slice())?)),
        (
            "directions",
            (Dtype::F16, vec![directions, filters.inputs], halves(directions_by_rows.as_slice())?),
        ),
        ("bias", (Dtype::F32, vec![outputs], single(bias.as_slice()))),
    ])
}

fn halves(values: &[f64]) -> Result<Vec<u8>, String> {
    let half = |&value: &f64| {
        let half = f16::from_f64(value);
        if half.is_finite() { Ok(half.to_le_bytes()) } else { Err(format!("{value} is no half")) }
    };
    Ok(values.iter().map(half).collect::<Result<Vec<_>, _>>()?.concat())
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;
    use crate::{generate::generate, recipe::SEED};

    static SHIPPED: &[u8] = include_bytes!("../../default-1.safetensors");

    /// A tensor's values, and how far two machines may be apart: a step of what each value is rounded to, of F16 and F32 at
    /// the largest.
    fn values(tensor: &TensorView<'_>) -> (Vec<f64>, f64) {
        let bytes = tensor.data();
        let each =
            |size: usize, value: &dyn Fn(&[u8]) -> f64| bytes.chunks(size).map(value).collect::<Vec<_>>();
        let (values, relative) = match tensor.dtype() {
            Dtype::U16 => return (each(2, &|b| f64::from(u16::from_le_bytes([b[0], b[1]]))), 0.0),
            Dtype::I8 => return (each(1, &|b| f64::from(i8::from_le_bytes([b[0]]))), 1.0),
            Dtype::F16 => (each(2, &|b| f16::from_le_bytes([b[0], b[1]]).to_f64()), 2f64.powi(-10)),
            _ => (each(4, &|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]).into()), 2f64.powi(-20)),
        };
        let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        (values, largest * relative)
    }

    #[test]
    fn the_shipped_file_is_made_again() {
        let networks =
            [Network::Vgg19, Network::Vgg16].map(|network| (network, generate(network, SEED, |_| {})));
        let made = encode(&networks).unwrap();
        let [made, shipped] = [&made, SHIPPED].map(|file| SafeTensors::deserialize(file).unwrap());
        let names = |file: &SafeTensors<'_>| {
            let mut names: Vec<_> = file.names().into_iter().map(str::to_owned).collect();
            names.sort();
            names
        };
        assert_eq!(names(&made), names(&shipped));
        for (name, made) in made.iter() {
            let shipped = shipped.tensor(name).unwrap();
            assert_eq!((made.dtype(), made.shape()), (shipped.dtype(), shipped.shape()), "{name}");
            let ((made, step), (shipped, _)) = (values(&made), values(&shipped));
            let apart = made.iter().zip(&shipped).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(apart <= step, "{name} is {apart} from what ships; a step is {step}");
        }
    }
}
