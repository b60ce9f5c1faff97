// 3x3 convolution with a large block of registers: each thread makes 4x8 pixels by 4 channels. The default.
// Twin: src/cpu/twin/conv3x3.rs.
//
// Why this shape: a software rasteriser runs 8 threads as the lanes of one vector, but a storage load in a loop goes
// thread by thread, even where all read one address, and costs some 40 multiply-adds. So loads per multiply-add decide: this
// block takes 60 input loads and 9 vec4 weight loads for 1152 multiply-adds. Smaller or narrower blocks load more;
// twice as many channels gain 3 % for twice the compile time. All 9 taps are unrolled since each trip round a loop
// also costs a masked copy of every accumulator. The 8 lanes lie along x: 4x2 lanes are 1.5 times slower.
//
// A thread makes columns x .. x+3 of rows y .. y+7. The sums of a row of pixels are a matrix: a column is a pixel, a
// row a channel.

#include "tensor"
#include "grid"
#include "activation"
#include "conv3x3"
#include "convolution"

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
// [block of 4 output channels][input channel][ky][kx], one vec4 (the block's channels) each, zeros past the last channel.
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> beside: array<f32>;
@group(0) @binding(4) var<storage, read_write> notes: array<atomic<u32>>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;

// GROUP_X by GROUP_Y threads make TILE_W by TILE_H pixels, 4 by 8 each, of BLOCK output channels.
struct Columns { left: vec4<u32>, right: vec2<u32>, left_inside: vec4<bool>, right_inside: vec2<bool> }
struct Row { left: vec4<f32>, right: vec2<f32> } // 6 pixels: 4 and one more on either side
struct Taps { a: vec4<f32>, b: vec4<f32>, c: vec4<f32> } // a kernel's row

fn columns_from(x: i32) -> Columns {
    let last = i32(params.input.width) - 1;
    let left = x + vec4(0, 1, 2, 3);
    let right = x + vec2(4, 5);
    return Columns(
        vec4<u32>(clamp(left, vec4(0), vec4(last))), vec2<u32>(clamp(right, vec2(0), vec2(last))),
        left >= vec4(0) & left <= vec4(last), right >= vec2(0) & right <= vec2(last),
    );
}

// Reads outside the input are 0. Bounds are unchecked, hence clamped addresses; the selects cost nothing measurable, nor do the
// comparisons with `floor`, which are `loaded` of several values.
fn load_row(plane: u32, y: i32, columns: Columns, floor: i32) -> Row {
    let last = i32(params.input.height) - 1;
    let at = plane + u32(clamp(y, 0, last)) * params.input.row_stride;
    let inside = y >= 0 && y <= last;
    let l = at + columns.left;
    let r = at + columns.right;
    let left = bitcast<vec4<i32>>(vec4(input[l.x], input[l.y], input[l.z], input[l.w]));
    let right = bitcast<vec2<i32>>(vec2(input[r.x], input[r.y]));
    return Row(
        select(vec4(0.0), bitcast<vec4<f32>>(max(left, vec4(floor))), columns.left_inside & vec4(inside)),
        select(vec2(0.0), bitcast<vec2<f32>>(max(right, vec2(floor))), columns.right_inside & vec2(inside)),
    );
}

fn load_taps(at: u32) -> Taps {
    return Taps(weights[at], weights[at + 1u], weights[at + 2u]);
}

// A row's three products are added up before they join the sum: a third of the roundings at its size, no slower
// where multiply and add are two instructions (one in four more where they fuse).
fn add_taps(sum: mat4x4<f32>, row: Row, taps: Taps) -> mat4x4<f32> {
    return mat4x4(
        sum[0] + (taps.a * row.left.x + taps.b * row.left.y + taps.c * row.left.z),
        sum[1] + (taps.a * row.left.y + taps.b * row.left.z + taps.c * row.left.w),
        sum[2] + (taps.a * row.left.z + taps.b * row.left.w + taps.c * row.right.x),
        sum[3] + (taps.a * row.left.w + taps.b * row.right.x + taps.c * row.right.y),
    );
}

// The largest magnitudes of a row's sums, of each channel.
fn row_magnitudes(sum: mat4x4<f32>) -> vec4<u32> {
    return max(max(magnitudes(sum[0]), magnitudes(sum[1])), max(magnitudes(sum[2]), magnitudes(sum[3])));
}

// The sums of a pixel through their difference's activation, where the target's value of the first lies at `at`. The last channel
// stands in for those that there are not.
fn activated_pixel(sum: vec4<f32>, at: u32, channels: u32) -> vec4<f32> {
    let last = channels - 1u;
    let stride = params.beside.channel_stride;
    return vec4(
        difference_through_relu(sum.x, beside[at]),
        difference_through_relu(sum.y, beside[at + min(1u, last) * stride]),
        difference_through_relu(sum.z, beside[at + min(2u, last) * stride]),
        difference_through_relu(sum.w, beside[at + min(3u, last) * stride]),
    );
}

fn activated(sum: mat4x4<f32>, x: u32, y: u32, plane: u32, channels: u32) -> mat4x4<f32> {
    let row = plane + min(y, params.beside.height - 1u) * params.beside.row_stride;
    let last = params.beside.width - 1u;
    return mat4x4(
        activated_pixel(sum[0], row + min(x, last), channels),
        activated_pixel(sum[1], row + min(x + 1u, last), channels),
        activated_pixel(sum[2], row + min(x + 2u, last), channels),
        activated_pixel(sum[3], row + min(x + 3u, last), channels),
    );
}

fn store_pixel(sum: vec4<f32>, x: u32, at: u32, channels: u32) {
    if x >= params.output.width { return; }
    let stride = params.output.channel_stride;
    output[at + x] = sum.x;
    if channels > 1u { output[at + x + stride] = sum.y; }
    if channels > 2u { output[at + x + 2u * stride] = sum.z; }
    if channels > 3u { output[at + x + 3u * stride] = sum.w; }
}

fn store_row(sum: mat4x4<f32>, x: u32, y: u32, plane: u32, channels: u32) {
    if y >= params.output.height { return; }
    let at = plane + y * params.output.row_stride;
    store_pixel(sum[0], x, at, channels);
    store_pixel(sum[1], x + 1u, at, channels);
    store_pixel(sum[2], x + 2u, at, channels);
    store_pixel(sum[3], x + 3u, at, channels);
}

@compute @workgroup_size(GROUP_X, GROUP_Y)
fn main(
    @builtin(workgroup_id) group_id: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
) {
    let group = params.first_group + group_index(group_id, groups);
    if group >= params.groups { return; }
    // Channel blocks run fastest, so that neighbouring groups read the same input.
    let blocks = (params.output.channels + BLOCK - 1u) / BLOCK;
    let tiles_x = (params.output.width + TILE_W - 1u) / TILE_W;
    let block = group % blocks;
    let tile = group / blocks;
    let x = tile % tiles_x * TILE_W + local.x * 4u;
    let y = tile / tiles_x * TILE_H + local.y * 8u;
    if x >= params.output.width || y >= params.output.height { return; }

    let top = i32(y) + params.shift.y - 1;
    let columns = columns_from(i32(x) + params.shift.x - 1);
    var plane = group_id.z * params.input.image_stride;
    let floor = params.input_floor;
    var weight = block * params.input.channels * 9u;
    let first = block * BLOCK;
    // There are biases up to a whole block.
    let bias = vec4(bias_of(first), bias_of(first + 1u), bias_of(first + 2u), bias_of(first + 3u));
    let start = mat4x4(bias, bias, bias, bias);
    var s0 = start;
    var s1 = start;
    var s2 = start;
    var s3 = start;
    var s4 = start;
    var s5 = start;
    var s6 = start;
    var s7 = start;

    for (var channel = 0u; channel < params.input.channels; channel++) {
        let k0 = load_taps(weight);
        let k1 = load_taps(weight + 3u);
        let k2 = load_taps(weight + 6u);
        // Each input row is loaded once, for the up to three output rows that see it.
        let r0 = load_row(plane, top, columns, floor);
        s0 = add_taps(s0, r0, k0);
        let r1 = load_row(plane, top + 1, columns, floor);
        s0 = add_taps(s0, r1, k1);
        s1 = add_taps(s1, r1, k0);
        let r2 = load_row(plane, top + 2, columns, floor);
        s0 = add_taps(s0, r2, k2);
        s1 = add_taps(s1, r2, k1);
        s2 = add_taps(s2, r2, k0);
        let r3 = load_row(plane, top + 3, columns, floor);
        s1 = add_taps(s1, r3, k2);
        s2 = add_taps(s2, r3, k1);
        s3 = add_taps(s3, r3, k0);
        let r4 = load_row(plane, top + 4, columns, floor);
        s2 = add_taps(s2, r4, k2);
        s3 = add_taps(s3, r4, k1);
        s4 = add_taps(s4, r4, k0);
        let r5 = load_row(plane, top + 5, columns, floor);
        s3 = add_taps(s3, r5, k2);
        s4 = add_taps(s4, r5, k1);
        s5 = add_taps(s5, r5, k0);
        let r6 = load_row(plane, top + 6, columns, floor);
        s4 = add_taps(s4, r6, k2);
        s5 = add_taps(s5, r6, k1);
        s6 = add_taps(s6, r6, k0);
        let r7 = load_row(plane, top + 7, columns, floor);
        s5 = add_taps(s5, r7, k2);
        s6 = add_taps(s6, r7, k1);
        s7 = add_taps(s7, r7, k0);
        let r8 = load_row(plane, top + 8, columns, floor);
        s6 = add_taps(s6, r8, k2);
        s7 = add_taps(s7, r8, k1);
        let r9 = load_row(plane, top + 9, columns, floor);
        s7 = add_taps(s7, r9, k2);
        plane += params.input.channel_stride;
        weight += 9u;
    }

    let upper = max(max(row_magnitudes(s0), row_magnitudes(s1)), max(row_magnitudes(s2), row_magnitudes(s3)));
    let lower = max(max(row_magnitudes(s4), row_magnitudes(s5)), max(row_magnitudes(s6), row_magnitudes(s7)));
    note(group_id.z, greatest(max(upper, lower)));

    let channels = params.output.channels - first;
    let of_block = vec3(0u, 0u, first);
    // One branch for all rows: a software rasteriser goes through both ways of each, one of them for nothing.
    if params.mode == ACTIVATED {
        let beside_at = address(params.beside, group_id.z, of_block);
        s0 = activated(s0, x, y, beside_at, channels);
        s1 = activated(s1, x, y + 1u, beside_at, channels);
        s2 = activated(s2, x, y + 2u, beside_at, channels);
        s3 = activated(s3, x, y + 3u, beside_at, channels);
        s4 = activated(s4, x, y + 4u, beside_at, channels);
        s5 = activated(s5, x, y + 5u, beside_at, channels);
        s6 = activated(s6, x, y + 6u, beside_at, channels);
        s7 = activated(s7, x, y + 7u, beside_at, channels);
    }
    let into = address(params.output, group_id.z, of_block);
    store_row(s0, x, y, into, channels);
    store_row(s1, x, y + 1u, into, channels);
    store_row(s2, x, y + 2u, into, channels);
    store_row(s3, x, y + 3u, into, channels);
    store_row(s4, x, y + 4u, into, channels);
    store_row(s5, x, y + 5u, into, channels);
    store_row(s6, x, y + 6u, into, channels);
    store_row(s7, x, y + 7u, into, channels);
}
