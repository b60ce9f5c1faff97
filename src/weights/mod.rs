//! Where a network's weights come from: torchvision's in a safetensors or PyTorch file, those that ship, or seeded ones.

mod contents;
mod decode;
mod file;
mod hash;
mod inspect;
mod linears;
mod look;
mod mistaken;
mod names;
#[cfg(feature = "pth")]
mod pytorch;
mod safetensors;
mod seeded;
#[cfg(feature = "default-weights")]
mod shipped;
mod sniff;
mod source;
mod tensor;
mod write;

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc};

use serde::Serialize;

pub use self::{
    contents::Format,
    inspect::{ConvolutionSummary, Inspection, Served},
    linears::Linears,
    look::Look,
    write::Precision,
};
use self::{file::TensorFile, source::Source};
use crate::{
    error::{Error, Result},
    network::{Layer, LayerKind, Network},
    reserve::filled,
    shown,
};

/// Where a network's convolution weights come from. Cheap to make and to clone: tensors are read when a model
/// is built, and only those that its taps need.
///
/// A file is safetensors or, with feature `pth`, PyTorch's `.pth`, told by what it holds and not by its name. Nothing
/// in it is executed: a pickle that asks for more than tensors gets none of it.
///
/// It holds torchvision's tensors, `features.N.weight` of shape (outputs, inputs, 3, 3) and `features.N.bias`
/// of shape (outputs), as F32, F16, BF16 or F64. Names may be bare (`0.weight`, a state dict of `features` alone)
/// or stand under any prefix (`module.features.0.weight`, or `state_dict.features.0.weight` for a dict in a
/// checkpoint's dict); other tensors are ignored. Whatever is needed of them, VGG16's are refused for VGG19 and VGG19's
/// for VGG16, and a batch-norm VGG's for both.
#[derive(Clone)]
pub struct Weights {
    provenance: Provenance,
    trained: Option<bool>,
}

#[derive(Clone)]
enum Provenance {
    #[cfg(feature = "default-weights")]
    Shipped,
    Seeded(u64),
    File(Arc<TensorFile>),
}

/// Loaded tensors, float32.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Parameters {
    convolutions: Vec<Convolution>,
    /// What LPIPS weighs the channels of a layer by.
    channel_weights: Vec<(&'static str, Vec<f32>)>,
    /// What they are.
    pub info: WeightsInfo,
    /// What a file that is written says of them besides, by key, such as where they came from. Empty when loaded.
    pub metadata: BTreeMap<String, String>,
}

/// A convolution's weights and bias: as many values as its layer says, every one of them finite.
#[derive(Clone, Debug)]
pub struct Convolution {
    layer: Layer,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

/// What weights a number was computed with, for the report.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WeightsInfo {
    /// `default-1`, `seeded:N`, the file's path, or what the caller called the bytes.
    pub origin: String,
    /// SHA-256 of the tensors used, in lower-case hexadecimal.
    ///
    /// It tells tensors apart, not files: a checkpoint and its conversion agree. Hashed are, convolution by
    /// convolution in the network's order, the weight and then the bias, each as torchvision's name in UTF-8
    /// (`features.5.weight`, whatever the file calls it), the rank as 4 bytes, each dimension as 8 bytes and
    /// the values in row-major order as float32; all of them little-endian.
    pub sha256: String,
    /// Whether the weights were trained; `None` where nobody has said.
    pub trained: Option<bool>,
}

/// The weights that ship with the library, for VGG16 and VGG19 to their last convolution: made from a seed alone, without
/// training and without any picture from outside. Their origin is `default-1`; others would have another number.
///
/// They rank distortions much as the pretrained VGG19 does, which seeded weights do not, but their numbers are not its
/// numbers.
#[cfg(feature = "default-weights")]
impl Default for Weights {
    fn default() -> Self {
        Self { provenance: Provenance::Shipped, trained: Some(false) }
    }
}

impl Weights {
    /// Untrained weights, the same to the bit on every machine: uniform and He-scaled, from splitmix64. Their
    /// origin is `seeded:N`.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { provenance: Provenance::Seeded(seed), trained: Some(false) }
    }

    /// Weights from a file, of which only the table of contents is read now. Their origin is the path; a byte of it that is
    /// no UTF-8 is written `\xHH`.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be read, [`Error::Weights`] where it is not a weights file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::from_source(Source::path(path), shown::name(path))
    }

    /// Weights from a file in memory, for browsers and `&include_bytes!(..)[..]`. `origin` is what
    /// errors and reports call it.
    ///
    /// # Errors
    /// [`Error::Weights`] where it is not a weights file.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>, origin: impl Into<String>) -> Result<Self> {
        Self::from_source(Source::memory(bytes.into()), origin.into())
    }

    fn from_source(source: Source, origin: String) -> Result<Self> {
        let file = TensorFile::open(source, origin)?;
        // Who says that they are trained would have to be believed.
        let untrained =
            file.contents().metadata.get(write::TRAINED).is_some_and(|trained| trained == "false");
        Ok(Self { provenance: Provenance::File(Arc::new(file)), trained: untrained.then_some(false) })
    }

    /// The same, with what the caller knows of them: a file does not say that its weights were trained, at most that they
    /// were not.
    #[must_use]
    pub fn with_trained(self, trained: bool) -> Self {
        Self { trained: Some(trained), ..self }
    }

    /// Every convolution among the first `depth` of [`Network::layers`].
    ///
    /// # Errors
    /// [`Error::Weights`] where a tensor is missing, misshapen, of a type that is not read, or has a value that
    /// is not finite in float32; where two prefixes fit equally; and where the file changed since it was
    /// opened. [`Error::Io`] where it can no longer be read. [`Error::Config`] where the network has fewer
    /// layers. [`Error::OutOfMemory`].
    pub fn load(&self, network: Network, depth: usize) -> Result<Parameters> {
        let layers = network.layers();
        let layers = layers.get(..depth).ok_or_else(|| {
            Error::Config(format!("{network} has {} layers; a depth of {depth} is too many", layers.len()))
        })?;
        let _span = tracing::debug_span!("weights", origin = self.origin(), %network).entered();
        let layers: Vec<Layer> =
            layers.iter().copied().filter(|layer| layer.kind == LayerKind::Conv).collect();
        let convolutions = match &self.provenance {
            #[cfg(feature = "default-weights")]
            Provenance::Shipped => shipped::convolutions(network, layers)?,
            Provenance::Seeded(seed) => {
                layers.into_iter().map(|layer| seeded::convolution(layer, *seed)).collect::<Result<_>>()?
            }
            Provenance::File(file) => file.load(network, &layers)?,
        };
        let mut parameters = Parameters::new(convolutions, self.origin());
        parameters.info.trained = self.trained;
        let (convolutions, sha256) = (parameters.convolutions.len(), &parameters.info.sha256);
        tracing::debug!(convolutions, sha256, "loaded");
        Ok(parameters)
    }

    /// What the file says of itself under this key. Only safetensors say anything.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        match &self.provenance {
            Provenance::File(file) => file.contents().metadata.get(key).map(String::as_str),
            _ => None,
        }
    }

    /// What reports call them: `default-1`, `seeded:N`, the file's path, or what the caller called the bytes.
    #[must_use]
    pub fn origin(&self) -> String {
        match &self.provenance {
            #[cfg(feature = "default-weights")]
            Provenance::Shipped => shipped::NAME.to_owned(),
            Provenance::Seeded(seed) => format!("seeded:{seed}"),
            Provenance::File(file) => file.origin().to_owned(),
        }
    }
}

/// The origin and whether trained, without the bytes.
impl fmt::Debug for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Weights")
            .field("origin", &self.origin())
            .field("trained", &self.trained)
            .finish_non_exhaustive()
    }
}

impl Convolution {
    /// A convolution from its values: `outputs * inputs * 9` weights and `outputs` biases, as `layer` says.
    ///
    /// # Errors
    /// [`Error::Weights`] where there are more or fewer values, or one is not finite.
    pub fn new(layer: Layer, weight: Vec<f32>, bias: Vec<f32>) -> Result<Self> {
        // Of any layer that one may name.
        let weights = weight_shape(&layer).iter().fold(1usize, |product, &side| product.saturating_mul(side));
        if (weight.len(), bias.len()) != (weights, layer.outputs as usize) {
            return Err(Error::Weights(format!(
                "{} takes {weights} weights and {} biases; there are {} and {}",
                layer.name,
                layer.outputs,
                weight.len(),
                bias.len()
            )));
        }
        if weight.iter().chain(&bias).any(|value| !value.is_finite()) {
            return Err(Error::Weights(format!("{} has a value that is not finite", layer.name)));
        }
        Ok(Self { layer, weight, bias })
    }

    /// The layer that it is.
    #[must_use]
    pub fn layer(&self) -> Layer {
        self.layer
    }

    /// Shape (outputs, inputs, 3, 3), row-major.
    #[must_use]
    pub fn weight(&self) -> &[f32] {
        &self.weight
    }

    /// The convolution that makes its gradient: its weights turned by 180 degrees, inputs for outputs, and no bias.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn transposed(&self) -> Result<Self> {
        let layer = self.layer.transposed();
        let (inputs, outputs) = (self.layer.inputs as usize, self.layer.outputs as usize);
        let mut weight = filled(0.0, self.weight.len(), format_args!("the weights of {}", layer.name))?;
        for (index, kernel) in self.weight.as_chunks::<9>().0.iter().enumerate() {
            let (output, input) = (index / inputs, index % inputs);
            let turned = &mut weight[(input * outputs + output) * 9..][..9];
            turned.iter_mut().zip(kernel.iter().rev()).for_each(|(to, value)| *to = *value);
        }
        Ok(Self { layer, weight, bias: vec![0.0; inputs] })
    }

    /// Shape (outputs).
    #[must_use]
    pub fn bias(&self) -> &[f32] {
        &self.bias
    }
}

impl Parameters {
    /// Tensors that no file holds, for tests and tools; whether they are trained is not known.
    #[must_use]
    pub fn new(convolutions: Vec<Convolution>, origin: impl Into<String>) -> Self {
        let sha256 = hash::sha256(&tensor::of(&convolutions));
        let info = WeightsInfo { origin: origin.into(), sha256, trained: None };
        Self { convolutions, channel_weights: vec![], info, metadata: BTreeMap::new() }
    }

    /// The same, with LPIPS's weights of the channels of its five taps.
    #[must_use]
    pub fn with_linears(mut self, linears: &Linears) -> Self {
        for (layer, values) in Linears::TAPS.into_iter().zip(&linears.layers) {
            self = self.with_channel_weights(layer, values.clone());
        }
        self
    }

    /// The same, with weights of the channels of a layer that LPIPS need not have, for tests and tools.
    #[must_use]
    pub fn with_channel_weights(mut self, layer: &'static str, values: Vec<f32>) -> Self {
        self.channel_weights.retain(|(other, _)| *other != layer);
        self.channel_weights.push((layer, values));
        self
    }

    /// What LPIPS weighs each of a layer's `channels` by.
    ///
    /// # Errors
    /// [`Error::Weights`] where there are no such weights, or those of other channels.
    pub(crate) fn channel_weights(&self, layer: &str, channels: u32) -> Result<&[f32]> {
        let values = self.all_channel_weights(layer)?;
        if values.len() == channels as usize {
            return Ok(values);
        }
        Err(Error::Weights(format!("{layer} has {channels} channels; there are weights of {}", values.len())))
    }

    /// The same, of however many channels.
    pub(crate) fn all_channel_weights(&self, layer: &str) -> Result<&[f32]> {
        let found = self.channel_weights.iter().find(|(other, _)| *other == layer);
        found.map(|(_, values)| &**values).ok_or_else(|| {
            Error::Weights(format!("there are no weights of the channels of {layer}, which lpips needs"))
        })
    }

    /// The convolutions, in the network's order.
    #[must_use]
    pub fn convolutions(&self) -> &[Convolution] {
        &self.convolutions
    }

    /// The convolution called `name`, such as `conv3_1`, if it was loaded.
    #[must_use]
    pub fn convolution(&self, name: &str) -> Option<&Convolution> {
        self.convolutions.iter().find(|convolution| convolution.layer.name == name)
    }

    /// The convolution of `layer`, found by its name.
    ///
    /// # Errors
    /// [`Error::Weights`] where it was not loaded, or has other channels than the layer.
    pub fn of_layer(&self, layer: &Layer) -> Result<&Convolution> {
        Ok(&self.convolutions[self.place(layer)?])
    }

    /// Where among the convolutions that of `layer` stands.
    ///
    /// # Errors
    /// As [`of_layer`](Self::of_layer).
    pub(crate) fn place(&self, layer: &Layer) -> Result<usize> {
        let place =
            (self.convolutions.iter())
                .position(|convolution| convolution.layer.name == layer.name)
                .ok_or_else(|| Error::Weights(format!("the weights of {} were not loaded", layer.name)))?;
        let Layer { inputs, outputs, .. } = self.convolutions[place].layer;
        if (inputs, outputs) != (layer.inputs, layer.outputs) {
            return Err(Error::Weights(format!(
                "the weights of {} are from {inputs} channels to {outputs}; those from {} to {} are needed",
                layer.name, layer.inputs, layer.outputs
            )));
        }
        Ok(place)
    }

    /// Bytes of all values as float32.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let values = |convolution: &Convolution| convolution.weight.len() + convolution.bias.len();
        4 * self.convolutions.iter().map(|convolution| values(convolution) as u64).sum::<u64>()
    }
}

fn weight_shape(layer: &Layer) -> [usize; 4] {
    [layer.outputs as usize, layer.inputs as usize, 3, 3]
}

fn bias_shape(layer: &Layer) -> [usize; 1] {
    [layer.outputs as usize]
}
