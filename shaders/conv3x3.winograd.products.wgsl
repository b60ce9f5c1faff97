// Winograd's convolution F(4x4, 3x3), second stage: at each place, the products of all input channels with their weights,
// summed. A tile by a block of outputs at a place a thread. Twin: src/cpu/twin/conv3x3.rs, of all three stages together.

#include "tensor"
#include "grid"
#include "winograd"

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> inputs: array<f32>;
// [place][block of 4 outputs][input], one vec4 (the block's outputs) each, zeros past the last output.
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> products: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let blocks = (params.output.channels + BLOCK - 1u) / BLOCK;
    // Places and blocks together are what other stages have as channels.
    let place = place_of(params.first_group + group_index(group, grid), thread, PLACES * blocks);
    if !place.inside {
        return;
    }
    let channels = params.input.channels;
    let at_place = place.channel / blocks;
    var weight = place.channel * channels;
    var at = (group.z * PLACES + at_place) * channels * params.tiles + place.tile;

    // So many products are summed by themselves first: rounding errors stay smaller.
    var sum = vec4(0.0);
    for (var first = 0u; first < channels; first += SUMMED) {
        var part = vec4(0.0);
        let end = min(first + SUMMED, channels);
        for (var channel = first; channel < end; channel++) {
            part += weights[weight] * inputs[at];
            weight += 1u;
            at += params.tiles;
        }
        sum += part;
    }

    let block = place.channel % blocks;
    let to = ((group.z * PLACES + at_place) * blocks + block) * BLOCK * params.tiles + place.tile;
    products[to] = sum.x;
    products[to + params.tiles] = sum.y;
    products[to + 2u * params.tiles] = sum.z;
    products[to + 3u * params.tiles] = sum.w;
}
