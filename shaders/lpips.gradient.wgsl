// What a tap of LPIPS's adds to the gradient of the difference that it compares, and that gradient, one position a thread. Where the
// generated picture's vector of channels is 0, its length has no derivative, and nothing is added. Twin: src/cpu/twin/lpips.rs.

#include "tensor"
#include "grid"
#include "activation"
#include "features"
#include "lpips"

struct Params {
    input: Tensor,
    beside: Tensor,
    // The gradient from deeper layers, if there `adds` one.
    added: Tensor,
    output: Tensor,
    // What the target is read through: see include/activation.wgsl.
    input_floor: i32,
    has_target: u32,
    // The tap's weight over the number of positions.
    factor: f32,
    adds: u32,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> beside: array<f32>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read> added: array<f32>;
@group(0) @binding(5) var<storage, read_write> gradient: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = params.first_group + group_index(group, grid);
    let position = index * WORKGROUP + thread;
    if index >= params.groups || position >= params.output.width * params.output.height {
        return;
    }
    let image = group.z;
    let place = vec2(position % params.output.width, position / params.output.width);
    let lengths = lengths(image, place);
    // How far each step along the generated vector goes along the slopes of the distance.
    var along = 0.0;
    for (var channel = 0u; channel < params.input.channels; channel++) {
        let both = pair(image, vec3(place, channel));
        along += weights[channel] * between(both, lengths) * (both.x + both.y);
    }
    let is_zero = lengths.generated == 0.0;
    let whole = lengths.generated + EPSILON;
    let scale = select(2.0 * params.factor / whole, 0.0, is_zero);
    let pull = select(along / (lengths.generated * whole), 0.0, is_zero);
    for (var channel = 0u; channel < params.input.channels; channel++) {
        let both = pair(image, vec3(place, channel));
        var sum = 0.0;
        if !is_zero {
            sum = scale * (weights[channel] * between(both, lengths) - pull * (both.x + both.y));
        }
        if params.adds != 0u {
            sum += added[address(params.added, image, vec3(place, channel))];
        }
        gradient[address(params.output, image, vec3(place, channel))] = sum;
    }
}
