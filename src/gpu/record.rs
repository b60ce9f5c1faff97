//! The one place that records commands into an encoder and opens passes.

use super::timestamps::Timestamps;

/// A command with all that it needs.
#[derive(Clone, Copy)]
pub(super) enum Recorded<'a> {
    /// The first bytes of a buffer, or all of them, become 0.
    Clear { buffer: &'a wgpu::Buffer, bytes: Option<u64> },
    /// Bytes from a buffer's start to a place in another.
    Copy { from: &'a wgpu::Buffer, to: &'a wgpu::Buffer, at: u64, bytes: u64 },
    /// A kernel.
    Dispatch {
        /// What a debugger calls it.
        name: &'a str,
        pipeline: &'a wgpu::ComputePipeline,
        bind_group: &'a wgpu::BindGroup,
        /// Offset of the parameters.
        params: u32,
        groups: [u32; 3],
    },
}

/// Records commands in their order. Dispatches that follow each other share a pass.
pub(super) fn record<'a>(
    encoder: &mut wgpu::CommandEncoder,
    commands: impl IntoIterator<Item = Recorded<'a>>,
) {
    let mut commands = commands.into_iter().peekable();
    while let Some(command) = commands.next() {
        if copy(encoder, &command) {
            continue;
        }
        let mut pass = pass(encoder, None);
        dispatch(&mut pass, &command);
        while let Some(command) = commands.next_if(|next| matches!(next, Recorded::Dispatch { .. })) {
            dispatch(&mut pass, &command);
        }
    }
}

/// Records a dispatch, where there is one, in a pass of its own, whose beginning and end are noted as those of `index`.
pub(super) fn record_timed(
    encoder: &mut wgpu::CommandEncoder,
    command: Option<&Recorded<'_>>,
    timestamps: &Timestamps,
    index: usize,
) {
    let mut pass = pass(encoder, Some(timestamps.writes(index)));
    if let Some(command) = command {
        dispatch(&mut pass, command);
    }
}

fn pass<'a>(
    encoder: &'a mut wgpu::CommandEncoder,
    timestamp_writes: Option<wgpu::ComputePassTimestampWrites<'_>>,
) -> wgpu::ComputePass<'a> {
    encoder
        .begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some("perceptual-loss"), timestamp_writes })
}

/// Records what is no dispatch, and says whether it was none.
fn copy(encoder: &mut wgpu::CommandEncoder, command: &Recorded<'_>) -> bool {
    match *command {
        Recorded::Clear { buffer, bytes } => encoder.clear_buffer(buffer, 0, bytes),
        Recorded::Copy { from, to, at, bytes } => encoder.copy_buffer_to_buffer(from, 0, to, at, bytes),
        Recorded::Dispatch { .. } => return false,
    }
    true
}

/// Records a dispatch, in a debug group of its name.
///
/// No group of ours spans passes: each pass is a command buffer of its own to wgpu, and Mesa's software driver (22.3)
/// crashes where a group ends in another command buffer than it began in.
fn dispatch(pass: &mut wgpu::ComputePass<'_>, command: &Recorded<'_>) {
    if let Recorded::Dispatch { name, pipeline, bind_group, params, groups: [x, y, z] } = *command {
        pass.push_debug_group(name);
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, bind_group, &[params]);
        pass.dispatch_workgroups(x, y, z);
        pass.pop_debug_group();
    }
}
