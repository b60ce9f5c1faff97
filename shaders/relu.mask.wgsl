// Where the generated picture's activation is positive: of max(a, 0) + d, of a target's value a before its activation and a difference d
// behind it, a bit. 32 channels of a position a thread. Twin: src/cpu/twin/relu.rs.

#include "tensor"
#include "grid"
#include "elements"

struct Params {
    input: Tensor,
    // The target's map.
    beside: Tensor,
    // Its channels are words.
    output: Tensor,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> beside: array<f32>;
@group(0) @binding(3) var<storage, read_write> mask: array<u32>;

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
    let first = element.place.z * 32u;
    let count = min(32u, params.input.channels - first);
    let place = vec3(element.place.xy, first);
    var at = address(params.input, group.z, place);
    var beside_at = address(params.beside, group.z, place);
    var word = 0u;
    for (var bit = 0u; bit < count; bit++) {
        let is_positive = max(beside[beside_at], 0.0) + input[at] > 0.0;
        word |= select(0u, 1u << bit, is_positive);
        at += params.input.channel_stride;
        beside_at += params.beside.channel_stride;
    }
    mask[address(params.output, group.z, element.place)] = word;
}
