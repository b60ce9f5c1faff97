// What a Gram matrix differs by, first stage: of some positions the products M = (a + d/2) d^T, channels by channels, of the target's
// features a and what the generated picture's have more, d. A workgroup makes a tile of M, a thread a block of it. Twin:
// src/cpu/twin/gram.rs; second stage: gram.sum.wgsl.

#include "tensor"
#include "grid"
#include "activation"
#include "features"

struct Params {
    // What the region owns of them.
    input: Tensor,
    beside: Tensor,
    // What the target is read through, or the input where there is none: see include/activation.wgsl.
    input_floor: i32,
    has_target: u32,
    // Positions of a chunk, and chunks.
    positions: u32,
    chunks: u32,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> beside: array<f32>;
// (image, chunk, row, column)
@group(0) @binding(3) var<storage, read_write> products: array<f32>;

// Channels of a tile, in fours.
const FOURS: u32 = TILE / 4;
// Positions that are multiplied between two barriers: a thread brings one channel of TILE / 4 of them.
const DEPTH: u32 = 16;

var<workgroup> rows: array<vec4<f32>, DEPTH * FOURS>;
var<workgroup> columns: array<vec4<f32>, DEPTH * FOURS>;

// Four channels at a position: a + d/2, or d; 0 where there is none.
fn four(image: u32, position: u32, end: u32, channel: u32, is_row: bool) -> vec4<f32> {
    var values = vec4(0.0);
    if position >= end {
        return values;
    }
    let place = vec2(position % params.input.width, position / params.input.width);
    for (var i = 0u; i < 4u; i++) {
        if channel + i < params.input.channels {
            let both = pair(image, vec3(place, channel + i));
            values[i] = select(both.y, both.x + 0.5 * both.y, is_row);
        }
    }
    return values;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = params.first_group + group_index(group, grid);
    if index >= params.groups {
        return;
    }
    let channels = params.input.channels;
    let across = (channels + TILE - 1) / TILE;
    let chunk = index / (across * across);
    let row = index / across % across * TILE;
    let column = index % across * TILE;
    let start = chunk * params.positions;
    let end = min(start + params.positions, params.input.width * params.input.height);

    let block = vec2(thread % FOURS, thread / FOURS);
    var sums = mat4x4<f32>();
    for (var first = start; first < end; first += DEPTH) {
        workgroupBarrier();
        // Neighbouring threads bring neighbouring positions.
        for (var item = thread; item < DEPTH * FOURS; item += WORKGROUP) {
            let k = item % DEPTH;
            let channel = item / DEPTH;
            rows[k * FOURS + channel] = four(group.z, first + k, end, row + 4 * channel, true);
            columns[k * FOURS + channel] = four(group.z, first + k, end, column + 4 * channel, false);
        }
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let of_rows = rows[k * FOURS + block.y];
            let of_columns = columns[k * FOURS + block.x];
            sums[0] += of_rows.x * of_columns;
            sums[1] += of_rows.y * of_columns;
            sums[2] += of_rows.z * of_columns;
            sums[3] += of_rows.w * of_columns;
        }
    }

    let matrix = (group.z * params.chunks + chunk) * channels * channels;
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            let place = vec2(column + 4 * block.x + j, row + 4 * block.y + i);
            if all(place < vec2(channels)) {
                products[matrix + place.y * channels + place.x] = sums[i][j];
            }
        }
    }
}
