// Rows that a strip keeps for the next, from one tensor to another, whatever their elements are.
// Twin: src/cpu/twin/copy.rs.

#include "tensor"
#include "grid"
#include "elements"

struct Params {
    input: Tensor,
    output: Tensor,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<u32>;

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
    output[address(params.output, group.z, element.place)] = input[address(params.input, group.z, element.place)];
}
