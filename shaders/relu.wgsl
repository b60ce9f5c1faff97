// A difference through its activation, for taps that need a convolution's values before it. Twin: src/cpu/twin/relu.rs.

#include "tensor"
#include "grid"
#include "elements"
#include "activation"

struct Params {
    input: Tensor,
    // The target's map before its activation.
    beside: Tensor,
    output: Tensor,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> beside: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

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
    let of_target = beside[address(params.beside, group.z, element.place)];
    output[address(params.output, group.z, element.place)] = difference_through_relu(difference, of_target);
}
