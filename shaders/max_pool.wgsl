// 2x2 maximum, stride 2, one output element a thread. An odd last row or column is dropped, since the output
// has half as many, rounded down. Twin: src/cpu/twin/max_pool.rs.

#include "tensor"
#include "grid"

struct Params {
    input: Tensor,
    output: Tensor,
    // Twice an output position plus this is the upper left of its four input positions.
    shift: vec2<u32>,
    groups: u32,
    first_group: u32,
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
    let positions = params.output.width * params.output.height;
    let element = index * WORKGROUP + thread;
    if index >= params.groups || element >= positions * params.output.channels {
        return;
    }
    let channel = element / positions;
    let x = element % params.output.width;
    let y = (element % positions) / params.output.width;

    let corner = group.z * params.input.image_stride + channel * params.input.channel_stride
        + (2 * y + params.shift.y) * params.input.row_stride + 2 * x + params.shift.x;
    let below = corner + params.input.row_stride;
    output[address(params.output, group.z, vec3(x, y, channel))]
        = max(max(input[corner], input[corner + 1]), max(input[below], input[below + 1]));
}
