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

// A float16 from its bits: unpack2x16float needs more of a device than the baseline.
fn from_half(bits: u32) -> f32 {
    let sign = (bits & 0x8000) << 16;
    let magnitude = bits & 0x7fff;
    if magnitude < 0x400 {
        // Subnormal, in units of 2^-24.
        return select(1.0, -1.0, sign != 0) * f32(magnitude) * 0x1p-24f;
    }
    // The exponent's bias goes from 15 to 127; that of infinities and NaNs, all ones, stays so.
    let bias = select(112u << 23, 224u << 23, magnitude >= 0x7c00);
    return bitcast<f32>(sign | ((magnitude << 13) + bias));
}

fn element(at: u32) -> f32 {
    if params.half == 0 {
        return bitcast<f32>(source[at]);
    }
    return from_half((source[at / 2] >> (16 * (at % 2))) & 0xffff);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = group_index(group, grid);
    let position = index * WORKGROUP + thread;
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
