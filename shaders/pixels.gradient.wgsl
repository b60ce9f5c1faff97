// The gradient of pictures' values, in their order of channels, from that of normalised ones, one element a thread.
// Twin: src/cpu/twin/pixels.rs.

#include "tensor"
#include "grid"
#include "elements"

struct Params {
    input: Tensor,
    output: Tensor,
    // For each channel of a picture, the network's that reads it, and by which factor.
    channel: vec4<u32>,
    factor: vec4<f32>,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = params.first_group + group_index(group, grid);
    let element = element_of(index, thread, params.output);
    if index >= params.groups || !element.inside {
        return;
    }
    let of_picture = element.place.z;
    let place = vec3(element.place.xy, params.channel[of_picture]);
    output[address(params.output, group.z, element.place)]
        = input[address(params.input, group.z, place)] * params.factor[of_picture];
}
