// Which of a max-pool's four inputs is the generated picture's largest: the first, row by row, of those with the largest a - max(a) + d.
// 32 channels of a position a thread, which writes the numbers' lower bits and their upper ones. Twin: src/cpu/twin/max_pool.rs.

#include "tensor"
#include "grid"
#include "elements"
#include "activation"

struct Params {
    input: Tensor,
    // The target's map.
    beside: Tensor,
    // Its channels are words: first those of the lower bits, and as many of the upper ones behind them.
    output: Tensor,
    // Twice an output position plus this is the upper left of its four input positions.
    shift: vec2<u32>,
    // What the target is read through: see include/activation.wgsl.
    input_floor: i32,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> beside: array<f32>;
@group(0) @binding(3) var<storage, read_write> routes: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = params.first_group + group_index(group, grid);
    // A thread has a word of either half.
    var half = params.output;
    half.channels /= 2u;
    let element = element_of(index, thread, half);
    if index >= params.groups || !element.inside {
        return;
    }
    let first = element.place.z * 32u;
    let count = min(32u, params.input.channels - first);
    let place = vec3(2u * element.place.xy + params.shift, first);
    var at = address(params.input, group.z, place);
    var beside_at = address(params.beside, group.z, place);
    var lower = 0u;
    var upper = 0u;
    for (var bit = 0u; bit < count; bit++) {
        let below = at + params.input.row_stride;
        let difference = vec4(input[at], input[at + 1u], input[below], input[below + 1u]);
        let beside_below = beside_at + params.beside.row_stride;
        let of_target = vec4(
            loaded(beside[beside_at], params.input_floor), loaded(beside[beside_at + 1u], params.input_floor),
            loaded(beside[beside_below], params.input_floor), loaded(beside[beside_below + 1u], params.input_floor),
        );
        let largest = max(max(of_target.x, of_target.y), max(of_target.z, of_target.w));
        let b = of_target - largest + difference;
        let is_below = max(b.z, b.w) > max(b.x, b.y);
        let is_right = select(b.y > b.x, b.w > b.z, is_below);
        lower |= select(0u, 1u << bit, is_right);
        upper |= select(0u, 1u << bit, is_below);
        at += params.input.channel_stride;
        beside_at += params.beside.channel_stride;
    }
    let to = address(params.output, group.z, element.place);
    routes[to] = lower;
    routes[to + half.channels * params.output.channel_stride] = upper;
}
