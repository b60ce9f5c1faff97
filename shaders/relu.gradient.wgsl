// Zeros a gradient where a mask has no bit, in place, one element a thread. Twin: src/cpu/twin/relu.rs.

#include "tensor"
#include "grid"
#include "elements"

struct Params {
    // Its channels are words.
    mask: Tensor,
    output: Tensor,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> mask: array<u32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;

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
    let channel = element.place.z;
    let word = mask[address(params.mask, group.z, vec3(element.place.xy, channel / 32u))];
    if ((word >> (channel % 32u)) & 1u) == 0u {
        gradient[address(params.output, group.z, element.place)] = 0.0;
    }
}
