// Winograd's convolution F(4x4, 3x3), first stage: a tile's 6x6 inputs of a channel at their 36 places, B' d B. A tile of a
// channel a thread. Twin: src/cpu/twin/conv3x3.rs, of all three stages together.

#include "tensor"
#include "grid"
#include "activation"
#include "winograd"

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> inputs: array<f32>;

const SQRT_2 = 1.4142135623730951f;
const SQRT_HALF = 0.7071067811865476f;

// Six values across or down.
struct Six { a: f32, b: f32, c: f32, d: f32, e: f32, f: f32 }

// B' d.
fn transform(d: Six) -> Six {
    let even = d.e - 2.0 * d.c;
    let odd = d.d - 2.0 * d.b;
    let even_2 = d.e - 0.5 * d.c;
    let odd_2 = d.d - 0.5 * d.b;
    return Six(
        (d.a - 2.5 * d.c) + d.e,
        even + SQRT_HALF * odd,
        even - SQRT_HALF * odd,
        even_2 + SQRT_2 * odd_2,
        even_2 - SQRT_2 * odd_2,
        (d.b - 2.5 * d.d) + d.f,
    );
}

// What lies outside the input counts as zero; addresses are clamped, since bounds are unchecked.
fn load(plane: u32, at: vec2<i32>) -> f32 {
    let last = vec2(i32(params.input.width), i32(params.input.height)) - 1;
    let inside = all(at >= vec2(0)) && all(at <= last);
    let place = vec2<u32>(clamp(at, vec2(0), last));
    let value = input[plane + place.y * params.input.row_stride + place.x];
    return select(0.0, loaded(value, params.input_floor), inside);
}

fn load_column(plane: u32, at: vec2<i32>) -> Six {
    return Six(
        load(plane, at), load(plane, at + vec2(0, 1)), load(plane, at + vec2(0, 2)),
        load(plane, at + vec2(0, 3)), load(plane, at + vec2(0, 4)), load(plane, at + vec2(0, 5)),
    );
}

fn store_row(row: u32, values: Six, at: u32, stride: u32) {
    let first = at + row * 6u * stride;
    inputs[first] = values.a;
    inputs[first + stride] = values.b;
    inputs[first + 2u * stride] = values.c;
    inputs[first + 3u * stride] = values.d;
    inputs[first + 4u * stride] = values.e;
    inputs[first + 5u * stride] = values.f;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let channels = params.input.channels;
    let place = place_of(params.first_group + group_index(group, grid), thread, channels);
    if !place.inside {
        return;
    }
    let plane = group.z * params.input.image_stride + place.channel * params.input.channel_stride;
    let at = first_result(place.tile) + params.shift - 1;
    let c0 = transform(load_column(plane, at));
    let c1 = transform(load_column(plane, at + vec2(1, 0)));
    let c2 = transform(load_column(plane, at + vec2(2, 0)));
    let c3 = transform(load_column(plane, at + vec2(3, 0)));
    let c4 = transform(load_column(plane, at + vec2(4, 0)));
    let c5 = transform(load_column(plane, at + vec2(5, 0)));
    let stride = channels * params.tiles;
    let to = group.z * PLACES * stride + place.channel * params.tiles + place.tile;
    store_row(0u, transform(Six(c0.a, c1.a, c2.a, c3.a, c4.a, c5.a)), to, stride);
    store_row(1u, transform(Six(c0.b, c1.b, c2.b, c3.b, c4.b, c5.b)), to, stride);
    store_row(2u, transform(Six(c0.c, c1.c, c2.c, c3.c, c4.c, c5.c)), to, stride);
    store_row(3u, transform(Six(c0.d, c1.d, c2.d, c3.d, c4.d, c5.d)), to, stride);
    store_row(4u, transform(Six(c0.e, c1.e, c2.e, c3.e, c4.e, c5.e)), to, stride);
    store_row(5u, transform(Six(c0.f, c1.f, c2.f, c3.f, c4.f, c5.f)), to, stride);
}
