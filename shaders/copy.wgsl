// Rows that a strip keeps for the next, from one tensor to another, one element a thread.
// Twin: src/cpu/twin/copy.rs.

#include "tensor"
#include "grid"

struct Params {
    input: Tensor,
    output: Tensor,
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
    @builtin(local_invocation_index) lane: u32,
) {
    let index = params.first_group + group_index(group, grid);
    let positions = params.output.width * params.output.height;
    let element = index * WORKGROUP + lane;
    if index >= params.groups || element >= positions * params.output.channels {
        return;
    }
    let place = vec3(element % params.output.width, (element % positions) / params.output.width, element / positions);
    let source = address(params.input, group.z, place);
    output[address(params.output, group.z, place)] = input[source];
}
