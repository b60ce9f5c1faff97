//! What a device holds.

use perceptual_loss::gpu::wgpu;

/// What a device holds that outlasts a submission: everything but command encoders and fences.
pub fn objects(device: &wgpu::Device) -> [isize; 8] {
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let hal = device.get_internal_counters().hal;
    [
        &hal.buffers,
        &hal.textures,
        &hal.texture_views,
        &hal.bind_groups,
        &hal.bind_group_layouts,
        &hal.compute_pipelines,
        &hal.shader_modules,
        &hal.query_sets,
    ]
    .map(|counter| counter.read())
}
