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
    // What an element is: one of the three below.
    format: u32,
    // Whether the picture's first row is the last in memory.
    flip: u32,
    background: vec4<f32>,
    // How much of a pixel shows before the background: one of the three below.
    mask: u32,
    // The first element of the mask's buffer.
    mask_offset: u32,
    groups: u32,
    pad: u32,
}

const FLOAT32 = 0u;
const FLOAT16 = 1u; // two a word, the first one low
const LEVELS = 2u;  // a pixel: four bytes, red the lowest

const NO_MASK = 0u;
const MASK = 1u;  // what the mask's buffer says
const ALPHA = 2u; // the pixel's fourth channel

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;
@group(0) @binding(3) var<storage, read_write> picture: array<atomic<u32>>;

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
    if params.format == FLOAT32 {
        return bitcast<f32>(source[at]);
    }
    return from_half((source[at / 2] >> (16 * (at % 2))) & 0xffff);
}

// A channel of the pixel whose first element this is.
fn channel(at: u32, c: u32) -> f32 {
    if params.format == LEVELS {
        return f32((source[at] >> (8 * c)) & 255) / 255.0;
    }
    return element(at + c * params.channel_stride);
}

// A pixel before the background. Where nothing of it shows, it may be anything.
fn composed(value: vec3<f32>, at: u32, position: u32) -> vec3<f32> {
    if params.mask == NO_MASK {
        return value;
    }
    var share: f32;
    if params.mask == MASK {
        share = mask[params.mask_offset + position];
    } else {
        share = channel(at, 3u);
    }
    var rest = 1.0 - share;
    if params.mask == ALPHA && params.format == LEVELS {
        // A quotient need not be rounded exactly: 255 of 255 leaves nothing of the background.
        let level = source[at] >> 24;
        share = select(share, 1.0, level == 255);
        rest = f32(255 - level) / 255.0;
    }
    let background = params.background.xyz;
    return select(share * value + rest * background, background, share == 0.0);
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
    let value = vec3(channel(at, 0u), channel(at, 1u), channel(at, 2u));
    store_pixel(position, params.size, composed(value, at, y * params.size.x + x), params.color);
}
