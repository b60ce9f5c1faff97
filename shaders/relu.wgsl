// max(x, 0), one element a thread; for taps that need a convolution's values before their activation.
// Twin: src/cpu/twin/relu.rs.

#include "grid"

struct Params {
    // Elements of one image, which is also the stride between images.
    elements: u32,
    groups: u32,
    first_group: u32,
    pad: u32,
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
    let element = index * WORKGROUP + lane;
    if index >= params.groups || element >= params.elements {
        return;
    }
    let at = group.z * params.elements + element;
    output[at] = max(input[at], 0.0);
}
