//! A model's weights on the device, each convolution in the forms that tunings have asked for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use wgpu::util::{BufferInitDescriptor, DeviceExt as _};

use super::{
    context::{Gpu, labelled, lock},
    weights::Form,
};
use crate::{
    error::{Error, Result},
    weights::Parameters,
};

/// A convolution's buffers: weights and bias.
pub(super) type WeightBuffers = (wgpu::Buffer, wgpu::Buffer);

/// Weights uploaded once and shared by all sessions.
#[derive(Debug)]
pub(crate) struct Model {
    pub(super) gpu: Arc<Gpu>,
    parameters: Arc<Parameters>,
    buffers: Mutex<HashMap<(&'static str, Form), WeightBuffers>>,
}

impl Model {
    /// Nothing is uploaded yet.
    pub(crate) fn new(gpu: Arc<Gpu>, parameters: Arc<Parameters>) -> Self {
        Self { gpu, parameters, buffers: Mutex::default() }
    }

    /// The device it is on.
    pub(crate) fn device(&self) -> &Gpu {
        &self.gpu
    }

    /// Weights and bias of the convolution called `layer`, uploaded in this form when first asked for.
    pub(super) fn weights(&self, layer: &'static str, form: Form) -> Result<WeightBuffers> {
        let mut buffers = lock(&self.buffers);
        if let Some(found) = buffers.get(&(layer, form)) {
            return Ok(found.clone());
        }
        let convolution = self
            .parameters
            .convolution(layer)
            .ok_or_else(|| Error::Weights(format!("the weights of {layer} were not loaded")))?;
        let (weight, bias) = form.arrange(convolution);
        let bytes = (weight.len() + bias.len()) as u64 * 4;
        let make = |values: &[f32], what: &str| {
            self.gpu.device.create_buffer_init(&BufferInitDescriptor {
                label: Some(&labelled(&format!("{layer} {what}"))),
                contents: bytemuck::cast_slice(values),
                usage: wgpu::BufferUsages::STORAGE,
            })
        };
        let made = self.gpu.create(&format!("the weights of {layer}"), bytes, || {
            (make(&weight, "weights"), make(&bias, "bias"))
        })?;
        buffers.insert((layer, form), made.clone());
        Ok(made)
    }
}
