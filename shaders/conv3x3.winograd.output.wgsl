// Winograd's convolution F(4x4, 3x3), third stage: a tile's 4x4 results of a channel from its products at the 36 places,
// A' m A, with bias or through the difference's activation. A tile of a channel a thread. Twin: src/cpu/twin/conv3x3.rs, of all three stages together.

#include "tensor"
#include "grid"
#include "activation"
#include "winograd"
#include "convolution"

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> products: array<f32>;
@group(0) @binding(2) var<storage, read> beside: array<f32>;
@group(0) @binding(3) var<storage, read_write> notes: array<atomic<u32>>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

const SQRT_2 = 1.4142135623730951f;
const SQRT_HALF = 0.7071067811865476f;

// A' m.
fn transform(a: f32, b: f32, c: f32, d: f32, e: f32, f: f32) -> vec4<f32> {
    let even = b + c;
    let odd = b - c;
    let even_2 = d + e;
    let odd_2 = d - e;
    return vec4(
        a + even + even_2,
        SQRT_HALF * odd + SQRT_2 * odd_2,
        0.5 * even + 2.0 * even_2,
        0.5 * SQRT_HALF * odd + 2.0 * SQRT_2 * odd_2 + f,
    );
}

fn load_column(at: u32, column: u32, stride: u32) -> vec4<f32> {
    let first = at + column * stride;
    let row = 6u * stride;
    return transform(
        products[first], products[first + row], products[first + 2u * row],
        products[first + 3u * row], products[first + 4u * row], products[first + 5u * row],
    );
}

// Where an image's channel begins, or a row of it, in the output and beside it.
struct Start { output: u32, beside: u32 }

fn store_pixel(sum: f32, x: i32, row: Start) {
    if x < 0 || x >= i32(params.output.width) { return; }
    output[row.output + u32(x)] = finished(sum, row.beside + u32(x));
}

fn store_row(values: vec4<f32>, at: vec2<i32>, plane: Start) {
    if at.y < 0 || at.y >= i32(params.output.height) { return; }
    let y = u32(at.y);
    let row = Start(plane.output + y * params.output.row_stride, plane.beside + y * params.beside.row_stride);
    store_pixel(values.x, at.x, row);
    store_pixel(values.y, at.x + 1, row);
    store_pixel(values.z, at.x + 2, row);
    store_pixel(values.w, at.x + 3, row);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let channels = params.output.channels;
    let place = place_of(params.first_group + group_index(group, grid), thread, channels);
    if !place.inside {
        return;
    }
    // Channels are filled up to whole blocks.
    let stride = (channels + BLOCK - 1u) / BLOCK * BLOCK * params.tiles;
    let first = group.z * PLACES * stride + place.channel * params.tiles + place.tile;
    let c0 = load_column(first, 0u, stride);
    let c1 = load_column(first, 1u, stride);
    let c2 = load_column(first, 2u, stride);
    let c3 = load_column(first, 3u, stride);
    let c4 = load_column(first, 4u, stride);
    let c5 = load_column(first, 5u, stride);
    let all = vec4(bias_of(place.channel));
    let at = first_result(place.tile);
    let of_channel = vec3(0u, 0u, place.channel);
    let plane = Start(address(params.output, group.z, of_channel), address(params.beside, group.z, of_channel));
    let r0 = transform(c0.x, c1.x, c2.x, c3.x, c4.x, c5.x) + all;
    let r1 = transform(c0.y, c1.y, c2.y, c3.y, c4.y, c5.y) + all;
    let r2 = transform(c0.z, c1.z, c2.z, c3.z, c4.z, c5.z) + all;
    let r3 = transform(c0.w, c1.w, c2.w, c3.w, c4.w, c5.w) + all;
    let largest = max(max(magnitudes(r0), magnitudes(r1)), max(magnitudes(r2), magnitudes(r3)));
    note(group.z, greatest(largest));
    store_row(r0, at, plane);
    store_row(r1, at + vec2(0, 1), plane);
    store_row(r2, at + vec2(0, 2), plane);
    store_row(r3, at + vec2(0, 3), plane);
}
