// What a tap adds to the gradient of the difference that it compares, and that gradient, one element a thread.
// Twin: src/cpu/twin/difference.rs.

#include "tensor"
#include "grid"
#include "elements"
#include "criterion"

struct Params {
    input: Tensor,
    // The gradient from deeper layers, if there `adds` one.
    added: Tensor,
    output: Tensor,
    // The tap's weight over the number of its values, and its criterion: see include/criterion.wgsl.
    factor: f32,
    criterion: u32,
    parameter: f32,
    adds: u32,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> added: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;

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
    let difference = input[address(params.input, group.z, element.place)];
    var sum = params.factor * slope(difference, params.criterion, params.parameter);
    if params.adds != 0u {
        sum += added[address(params.added, group.z, element.place)];
    }
    gradient[address(params.output, group.z, element.place)] = sum;
}
