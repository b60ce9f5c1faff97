// 2x2 maximum, stride 2, of a difference d from a target a: max(a + d) - max(a), made as max(a - max(a) + d), which keeps d's own
// precision. One output element a thread. Twin: src/cpu/twin/max_pool.rs.

#include "tensor"
#include "grid"
#include "elements"
#include "activation"

struct Params {
    input: Tensor,
    // The target's map.
    beside: Tensor,
    output: Tensor,
    // Twice an output position plus this is the upper left of its four input positions.
    shift: vec2<u32>,
    // What the target is read through: see include/activation.wgsl.
    input_floor: i32,
    // Values of the target that are less than the largest by this share of it at the most count as the largest; so does the generated
    // picture's where the target has its largest, if another is larger by that at the most, and by an eighth of the difference.
    tied: f32,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> beside: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

// The least float.
const LEAST: f32 = -3.4028234e38;

fn greatest(values: vec4<f32>) -> f32 {
    return max(max(values.x, values.y), max(values.z, values.w));
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
    let place = vec3(2 * element.place.xy + params.shift, element.place.z);
    let at = address(params.input, group.z, place);
    let below = at + params.input.row_stride;
    let difference = vec4(input[at], input[at + 1], input[below], input[below + 1]);
    let beside_at = address(params.beside, group.z, place);
    let beside_below = beside_at + params.beside.row_stride;
    let of_target = vec4(
        loaded(beside[beside_at], params.input_floor), loaded(beside[beside_at + 1], params.input_floor),
        loaded(beside[beside_below], params.input_floor), loaded(beside[beside_below + 1], params.input_floor),
    );

    let largest = greatest(of_target);
    let less = of_target - largest;
    let margin = params.tied * largest;
    let is_largest = -less <= vec4(margin);
    let all = greatest(select(less, vec4(0.0), is_largest) + difference);
    let at_largest = greatest(select(vec4(LEAST), difference, is_largest));
    // What overflowed stays so.
    let is_tie = all - at_largest <= min(margin, abs(at_largest) / 8.0) && all >= LEAST;
    output[address(params.output, group.z, element.place)] = select(all, at_largest, is_tie);
}
