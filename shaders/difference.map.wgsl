// What each position adds to the sum of differences, before it is divided by their number: the squared or absolute difference
// between two feature maps, one element a thread. Twin: src/cpu/twin/difference.rs.

#include "tensor"
#include "grid"

struct Params {
    // The part of an operand's image that the map holds.
    part: Tensor,
    output: Tensor,
    // Where each operand's first image begins, and the elements from there to the next one's; a stride of 0 compares
    // all images of a with one of b.
    a_offset: u32,
    a_stride: u32,
    b_offset: u32,
    b_stride: u32,
    // Absolute rather than squared.
    absolute: u32,
    groups: u32,
    first_group: u32,
    pad: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> map: array<f32>;

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
    let place = vec3(element % params.output.width, (element % positions) / params.output.width, element / positions);
    let at = address(params.part, 0u, place);
    let difference = a[params.a_offset + group.z * params.a_stride + at] - b[params.b_offset + group.z * params.b_stride + at];
    map[address(params.output, group.z, place)]
        = select(difference * difference, abs(difference), params.absolute != 0u);
}
