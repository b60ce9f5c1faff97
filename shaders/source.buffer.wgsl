// A host's storage buffer to a packed picture, one pixel a thread. Twin: src/cpu/twin/source.rs.

#include "grid"
#include "color"
#include "picture"

struct Params {
    color: Color,
    size: vec2<u32>,
    // In elements: where the picture begins, and the strides between pixels, channels and rows.
    offset: u32,
    pixel_stride: u32,
    channel_stride: u32,
    row_stride: u32,
    // Whether elements are float16, two a word, the first one low.
    half: u32,
    // Whether the picture's first row is the last in memory.
    flip: u32,
    groups: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read_write> picture: array<atomic<u32>>;

fn element(at: u32) -> f32 {
    if params.half == 0 {
        return bitcast<f32>(source[at]);
    }
    let pair = unpack2x16float(source[at / 2]);
    return select(pair.x, pair.y, at % 2 != 0);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group_index(group, grid);
    let position = index * WORKGROUP + lane;
    if index >= params.groups || position >= params.size.x * params.size.y {
        return;
    }
    let x = position % params.size.x;
    let row = position / params.size.x;
    let y = select(row, params.size.y - 1 - row, params.flip != 0);
    let at = params.offset + y * params.row_stride + x * params.pixel_stride;
    let value = vec3(element(at), element(at + params.channel_stride), element(at + 2 * params.channel_stride));
    store_pixel(position, params.size, value, params.color);
}
