// What each position adds to the sum of a difference, before it is divided by their number, one element a thread. Twin: src/cpu/twin/difference.rs.

#include "tensor"
#include "grid"
#include "elements"
#include "activation"
#include "criterion"

struct Params {
    input: Tensor,
    output: Tensor,
    // What the input is read through: see include/activation.wgsl.
    input_floor: i32,
    // See include/criterion.wgsl.
    criterion: u32,
    parameter: f32,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> map: array<f32>;

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
    let difference = loaded(input[address(params.input, group.z, element.place)], params.input_floor);
    map[address(params.output, group.z, element.place)]
        = term(difference, params.criterion, params.parameter);
}
