// 3x3 convolution, one output element a thread: the definition in WGSL, and the yardstick for other tunings.
// Weights are (output channel, input channel, ky, kx). Twin: src/cpu/twin/conv3x3.rs.

#include "tensor"
#include "grid"
#include "activation"
#include "conv3x3"
#include "convolution"

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> beside: array<f32>;
@group(0) @binding(4) var<storage, read_write> notes: array<atomic<u32>>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = params.first_group + group_index(group, grid);
    // A workgroup's threads share an output channel, so that its weights are read at one address for all.
    let positions = params.output.width * params.output.height;
    let blocks = (positions + WORKGROUP - 1) / WORKGROUP;
    let channel = index / blocks;
    let position = (index % blocks) * WORKGROUP + thread;
    if index >= params.groups || position >= positions {
        return;
    }
    let x = position % params.output.width;
    let y = position / params.output.width;
    let centre = vec2<i32>(vec2<u32>(x, y)) + params.shift;

    var sum = bias_of(channel);
    for (var ky = 0; ky < 3; ky++) {
        for (var kx = 0; kx < 3; kx++) {
            let at = centre + vec2<i32>(kx, ky) - 1;
            // Zero padding: what lies outside adds nothing.
            if at.x < 0 || at.y < 0 || at.x >= i32(params.input.width) || at.y >= i32(params.input.height) {
                continue;
            }
            var at_channel = group.z * params.input.image_stride + u32(at.y) * params.input.row_stride + u32(at.x);
            var weight = channel * params.input.channels * 9 + u32(ky * 3 + kx);
            for (var c = 0u; c < params.input.channels; c++) {
                sum += weights[weight] * loaded(input[at_channel], params.input_floor);
                at_channel += params.input.channel_stride;
                weight += 9;
            }
        }
    }
    note(group.z, magnitude(sum));
    let place = vec3(x, y, channel);
    output[address(params.output, group.z, place)] = finished(sum, address(params.beside, group.z, place));
}
