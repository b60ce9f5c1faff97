// The sum of LPIPS's distances over an image's positions, first stage: at each of them the two vectors of channels are divided by their
// lengths, and the squares of what they then differ by are summed, each times its channel's weight. One position a thread, one partial sum
// a workgroup. Twin: src/cpu/twin/lpips.rs; second stage: sum.wgsl.

#include "tensor"
#include "grid"
#include "tree"
#include "activation"
#include "features"
#include "lpips"

struct Params {
    // What the region owns of them.
    input: Tensor,
    beside: Tensor,
    // What the target is read through, or the input where there is none: see include/activation.wgsl.
    input_floor: i32,
    has_target: u32,
    groups: u32,
    first_group: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> beside: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> partials: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = params.first_group + group_index(group, grid);
    if index >= params.groups {
        return;
    }
    let position = index * WORKGROUP + thread;
    var sum = 0.0;
    if position < params.input.width * params.input.height {
        let place = vec2(position % params.input.width, position / params.input.width);
        let lengths = lengths(group.z, place);
        for (var channel = 0u; channel < params.input.channels; channel++) {
            let difference = between(pair(group.z, vec3(place, channel)), lengths);
            sum += weights[channel] * (difference * difference);
        }
    }

    let total = tree_sum(thread, sum);
    if thread == 0 {
        partials[group.z * params.groups + index] = total;
    }
}
