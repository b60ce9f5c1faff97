// 2x2 maximum of a target's map, stride 2, one output element a thread. An odd last row or column is dropped, since the output
// has half as many, rounded down. Twin: src/cpu/twin/max_pool.rs.

#include "tensor"
#include "grid"
#include "elements"
#include "activation"

struct Params {
    input: Tensor,
    output: Tensor,
    // Twice an output position plus this is the upper left of its four input positions.
    shift: vec2<u32>,
    // What the input is read through: see include/activation.wgsl.
    input_floor: i32,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
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
    let corner = address(params.input, group.z, vec3(2 * element.place.xy + params.shift, element.place.z));
    let below = corner + params.input.row_stride;
    let largest = max(max(input[corner], input[corner + 1]), max(input[below], input[below + 1]));
    output[address(params.output, group.z, element.place)] = loaded(largest, params.input_floor);
}
