//! Files in the making, and what is asserted of them.

use std::{fs, path::PathBuf};

use perceptual_loss::{
    Error, Network,
    network::Layer,
    weights::{Convolution, Parameters, Weights},
};
use safetensors::tensor::{Dtype, TensorView, serialize};

/// Layers to the first convolution, and to the second.
pub const ONE: usize = 1;
pub const TWO: usize = 3;
/// Layers to vgg19's conv2_2.
pub const FOUR: usize = 8;

/// A tensor on its way into a file.
#[derive(Clone)]
pub struct Tensor {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl Tensor {
    pub fn f32(name: impl Into<String>, shape: &[usize], values: &[f32]) -> Self {
        Self {
            name: name.into(),
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    pub fn zeros(name: &str, shape: &[usize]) -> Self {
        Self::f32(name, shape, &vec![0.0; shape.iter().product()])
    }

    /// Its values, encoded again.
    pub fn encode<const N: usize>(&mut self, dtype: Dtype, encode: impl Fn(f32) -> [u8; N]) {
        let (values, _) = self.bytes.as_chunks();
        self.bytes = values.iter().flat_map(|&v| encode(f32::from_le_bytes(v))).collect();
        self.dtype = dtype;
    }
}

/// A file's tensors, to be changed for a test.
pub struct Tensors(pub Vec<Tensor>);

impl Tensors {
    /// vgg19's convolutions among its first `depth` layers, with seeded values, under torchvision's names.
    pub fn vgg19(depth: usize) -> Self {
        let loaded = Weights::seeded(1).load(Network::Vgg19, depth).unwrap();
        let tensors = loaded.convolutions().iter().flat_map(|convolution| {
            let layer: Layer = convolution.layer();
            let (outputs, inputs) = (layer.outputs as usize, layer.inputs as usize);
            [
                Tensor::f32(layer.weight_name(), &[outputs, inputs, 3, 3], convolution.weight()),
                Tensor::f32(layer.bias_name(), &[outputs], convolution.bias()),
            ]
        });
        Self(tensors.collect())
    }

    pub fn with(mut self, tensor: Tensor) -> Self {
        self.0.push(tensor);
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|tensor| tensor.name != name);
        self
    }

    pub fn get(&mut self, name: &str) -> &mut Tensor {
        self.0.iter_mut().find(|tensor| tensor.name == name).unwrap()
    }

    pub fn named(mut self, prefix: &str) -> Self {
        for tensor in &mut self.0 {
            tensor.name = tensor.name.replacen("features.", prefix, 1);
        }
        self
    }

    pub fn file(&self) -> Vec<u8> {
        let views = self.0.iter().map(|tensor| {
            (&tensor.name, TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes).unwrap())
        });
        serialize(views, None).unwrap()
    }

    pub fn load(&self, depth: usize) -> perceptual_loss::Result<Parameters> {
        load(self.file(), depth)
    }

    /// The message that loading ends with.
    pub fn refusal(&self, depth: usize) -> String {
        weights_message(self.load(depth))
    }
}

pub fn load(file: Vec<u8>, depth: usize) -> perceptual_loss::Result<Parameters> {
    Weights::from_bytes(file, "w.safetensors")?.load(Network::Vgg19, depth)
}

/// The message of an [`Error::Weights`]: one line.
pub fn weights_message<T>(result: perceptual_loss::Result<T>) -> String {
    match result.err() {
        Some(Error::Weights(message)) => {
            assert!(!message.contains('\n') && message.len() < 1000, "{message}");
            message
        }
        other => panic!("not Error::Weights but {other:?}"),
    }
}

#[track_caller]
pub fn assert_says(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "'{word}' is not in '{message}'");
    }
}

/// The same, with other values: `change` is given each layer's weights and biases.
pub fn changed(parameters: &Parameters, change: impl Fn(Layer, &mut [f32], &mut [f32])) -> Parameters {
    let convolutions = parameters.convolutions().iter().map(|convolution| {
        let (mut weight, mut bias) = (convolution.weight().to_vec(), convolution.bias().to_vec());
        change(convolution.layer(), &mut weight, &mut bias);
        Convolution::new(convolution.layer(), weight, bias).unwrap()
    });
    Parameters::new(convolutions.collect(), "changed")
}

pub fn same_to_the_bit(a: &Parameters, b: &Parameters) -> bool {
    a.convolutions().len() == b.convolutions().len()
        && a.convolutions().iter().zip(b.convolutions()).all(|(a, b)| {
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            a.layer() == b.layer() && bits(a.weight()) == bits(b.weight()) && bits(a.bias()) == bits(b.bias())
        })
}

/// A file in a directory of its own, which goes when the test ends.
pub fn on_disk(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// Bytes of a file whose header is this text, with `data` zeros after it.
pub fn with_header(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}
