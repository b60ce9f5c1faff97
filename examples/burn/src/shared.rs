//! What burn and perceptual-loss share: a device, and parts of burn's buffers.

use std::error::Error;

use burn::tensor::{Device, Tensor};
use burn_wgpu::{
    AutoCompiler, CubeBackend, RuntimeOptions, WgpuDevice, WgpuResource, graphics::AutoGraphicsApi,
    init_setup, wgpu,
};
use cubecl::wgpu::WgpuServer;
use cubecl_runtime::storage::ManagedResource;
use perceptual_loss::gpu::{BufferLayout, BufferSource, GradientBuffer};

/// burn's device, and the same as wgpu has it.
pub fn open() -> (Device, wgpu::Device, wgpu::Queue) {
    let device = WgpuDevice::default();
    let setup = init_setup::<AutoGraphicsApi>(&device, RuntimeOptions::default());
    (Device::new(device), setup.device, setup.queue)
}

/// Where a tensor lies that has a row a pixel. While this is held, burn does not use the memory for another.
pub struct InBuffer(ManagedResource<WgpuResource>);

impl InBuffer {
    /// What burn has been asked for before is on the queue then, and so is done before what is submitted after.
    pub fn of(tensor: &Tensor<2>) -> Result<Self, Box<dyn Error>> {
        let tensor =
            tensor.clone().try_into_primitive::<CubeBackend>().map_err(|error| format!("{error:?}"))?;
        assert!(tensor.is_contiguous(), "rows that follow each other");
        let resource = tensor.client.get_resource::<WgpuServer<AutoCompiler>>(tensor.handle.clone());
        let resource = resource.map_err(|error| format!("{error:?}"))?;
        tensor.client.flush().map_err(|error| format!("{error:?}"))?;
        Ok(Self(resource))
    }

    /// The buffer, and its first element that is the tensor's.
    fn first(&self) -> (wgpu::Buffer, u64) {
        let resource = self.0.resource();
        (resource.buffer.clone(), resource.offset / 4)
    }

    pub fn source(&self, width: u32, height: u32) -> BufferSource {
        let (buffer, first) = self.first();
        BufferSource::f32(&buffer, BufferLayout::Interleaved(3), width, height).offset(first)
    }

    pub fn gradient(&self, width: u32, height: u32) -> GradientBuffer {
        let (buffer, first) = self.first();
        GradientBuffer::new(&buffer, BufferLayout::Interleaved(3), width, height).offset(first)
    }
}
