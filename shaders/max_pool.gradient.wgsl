// The gradient of what a max-pool reads, one element a thread: its window's, where the route leads to it, and else 0; with what a tap
// adds. A last odd row or column is in no window. Twins: src/cpu/twin/max_pool.rs and difference.rs.

#include "tensor"
#include "grid"
#include "elements"
#include "criterion"

struct Params {
    input: Tensor,
    // Its channels are words: first those of the lower bits, and as many of the upper ones behind them.
    routes: Tensor,
    // What a tap compares, if there `adds` one.
    difference: Tensor,
    output: Tensor,
    // Where in its feature map the first element that is written lies, the first of the input, and the first of the routes.
    origin: vec2<u32>,
    input_origin: vec2<u32>,
    routes_origin: vec2<u32>,
    // Windows across and down the picture.
    windows: vec2<u32>,
    // The tap's weight over the number of its values, and its criterion: see include/criterion.wgsl.
    factor: f32,
    criterion: u32,
    parameter: f32,
    adds: u32,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> routes: array<u32>;
@group(0) @binding(3) var<storage, read> difference: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

// What the route of the window at `position` leads to this channel of it.
fn led(image: u32, position: vec2<u32>, channel: u32) -> f32 {
    let window = position / 2u;
    if any(window >= params.windows) {
        return 0.0;
    }
    let of_route = address(params.routes, image, vec3(window - params.routes_origin, channel / 32u));
    let upper = of_route + params.routes.channels / 2u * params.routes.channel_stride;
    let route = (vec2(routes[of_route], routes[upper]) >> vec2(channel % 32u)) & vec2(1u);
    let at = address(params.input, image, vec3(window - params.input_origin, channel));
    return select(0.0, input[at], all(route == position % 2u));
}

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
    var sum = led(group.z, params.origin + element.place.xy, element.place.z);
    if params.adds != 0u {
        let at = address(params.difference, group.z, element.place);
        sum += params.factor * slope(difference[at], params.criterion, params.parameter);
    }
    output[address(params.output, group.z, element.place)] = sum;
}
