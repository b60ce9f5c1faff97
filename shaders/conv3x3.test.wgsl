// 3x3 convolution for tests alone: a position's results of two channels a thread. It is as right as the others and is never
// taken. Twin: src/cpu/twin/conv3x3.rs.

#include "tensor"
#include "grid"
#include "activation"
#include "conv3x3"
#include "convolution"

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
// (output channel, input channel, ky, kx).
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
    let positions = params.output.width * params.output.height;
    let runs = (positions + WORKGROUP - 1) / WORKGROUP;
    let position = (index % runs) * WORKGROUP + thread;
    if index >= params.groups || position >= positions {
        return;
    }
    let x = position % params.output.width;
    let y = position / params.output.width;
    let centre = vec2<i32>(vec2<u32>(x, y)) + params.shift;
    let first = index / runs * 2;
    // The last channel stands in for one that there is not.
    let second = min(first + 1, params.output.channels - 1);
    var sums = vec2(bias_of(first), bias_of(second));
    for (var channel = 0u; channel < params.input.channels; channel++) {
        let plane = group.z * params.input.image_stride + channel * params.input.channel_stride;
        for (var tap = 0; tap < 9; tap++) {
            let at = centre + vec2(tap % 3, tap / 3) - 1;
            if at.x >= 0 && at.y >= 0 && at.x < i32(params.input.width) && at.y < i32(params.input.height) {
                let at_input = plane + u32(at.y) * params.input.row_stride + u32(at.x);
                let value = loaded(input[at_input], params.input_floor);
                let weight = channel * 9 + u32(tap);
                let each = params.input.channels * 9;
                sums += vec2(weights[first * each + weight], weights[second * each + weight]) * value;
            }
        }
    }
    note(group.z, max(magnitude(sums.x), magnitude(sums.y)));
    store(sums.x, group.z, vec3(x, y, first));
    if second != first {
        store(sums.y, group.z, vec3(x, y, second));
    }
}

fn store(sum: f32, image: u32, place: vec3<u32>) {
    output[address(params.output, image, place)] = finished(sum, address(params.beside, image, place));
}
