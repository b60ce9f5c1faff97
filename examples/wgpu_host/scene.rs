//! Drawing: a pipeline that covers a texture with `scene.wgsl`, as well or as cheaply as it is told.

use perceptual_loss::gpu::wgpu;

/// What a picture costs, and what is wrong with it.
pub struct Quality {
    pub name: &'static str,
    /// Side of the squares of pixels that share a ray.
    coarseness: u32,
    /// Rays a pixel: this squared.
    grid: u32,
    lamp_radius: f32,
    bounces: u32,
}

/// From the cheapest to one that is as good as the reference.
pub const QUALITIES: [Quality; 6] = [
    Quality {
        name: "quarter resolution, no reflections",
        coarseness: 4,
        grid: 1,
        lamp_radius: 0.0,
        bounces: 0,
    },
    Quality { name: "half resolution, no reflections", coarseness: 2, grid: 1, lamp_radius: 0.0, bounces: 0 },
    Quality { name: "a ray a pixel, no reflections", coarseness: 1, grid: 1, lamp_radius: 0.0, bounces: 0 },
    Quality { name: "a ray a pixel, hard shadows", coarseness: 1, grid: 1, lamp_radius: 0.0, bounces: 3 },
    Quality { name: "4 rays a pixel, soft shadows", coarseness: 1, grid: 2, lamp_radius: 0.22, bounces: 3 },
    REFERENCE,
];

pub const REFERENCE: Quality =
    Quality { name: "as the reference", coarseness: 1, grid: 8, lamp_radius: 0.22, bounces: 3 };

const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba16Float;

pub struct Scene {
    pipeline: wgpu::RenderPipeline,
}

/// A texture to draw into, and what tells how.
pub struct Canvas {
    pub texture: wgpu::Texture,
    view: wgpu::TextureView,
    uniforms: wgpu::Buffer,
    bind_group: wgpu::BindGroup,
}

impl Scene {
    pub fn new(device: &wgpu::Device) -> Self {
        let module = device.create_shader_module(wgpu::include_wgsl!("scene.wgsl"));
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label: Some("scene"),
            layout: None,
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("cover"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                buffers: &[],
            },
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some("draw"),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                targets: &[Some(FORMAT.into())],
            }),
            primitive: wgpu::PrimitiveState::default(),
            depth_stencil: None,
            multisample: wgpu::MultisampleState::default(),
            multiview_mask: None,
            cache: None,
        });
        Self { pipeline }
    }

    /// The library asks for `TEXTURE_BINDING` alone. A texture without `COPY_SRC` cannot be read back.
    pub fn canvas(&self, device: &wgpu::Device, [width, height]: [u32; 2], readable: bool) -> Canvas {
        let mut usage = wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::TEXTURE_BINDING;
        usage.set(wgpu::TextureUsages::COPY_SRC, readable);
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("canvas"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: FORMAT,
            usage,
            view_formats: &[],
        });
        let uniforms = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("canvas"),
            size: size_of::<[u32; 8]>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("canvas"),
            layout: &self.pipeline.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: uniforms.as_entire_binding() }],
        });
        let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
        Canvas { texture, view, uniforms, bind_group }
    }

    /// Records drawing the scene as it is at `time`, in seconds. Canvases of one seed and quality are the same.
    pub fn draw(
        &self,
        queue: &wgpu::Queue,
        encoder: &mut wgpu::CommandEncoder,
        canvas: &Canvas,
        quality: &Quality,
        time: f32,
        seed: u64,
    ) {
        let Quality { coarseness, grid, lamp_radius, bounces, .. } = *quality;
        let [width, height] = [canvas.texture.width(), canvas.texture.height()].map(|side| side as f32);
        // As `Picture` in the shader has them.
        let [width, height, time, lamp_radius] = [width, height, time, lamp_radius].map(f32::to_bits);
        let uniforms = [width, height, time, lamp_radius, coarseness, grid, bounces, seed as u32];
        queue.write_buffer(&canvas.uniforms, 0, bytemuck::bytes_of(&uniforms));
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some(quality.name),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &canvas.view,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations::default(),
            })],
            depth_stencil_attachment: None,
            timestamp_writes: None,
            occlusion_query_set: None,
            multiview_mask: None,
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &canvas.bind_group, &[]);
        pass.draw(0..3, 0..1);
    }
}
