// What a picture has more than its target, normalised, to three planes; one position a thread. Levels are subtracted as integers,
// so that no digit of their difference is lost. Twin: src/cpu/twin/pixels.rs.

#include "tensor"
#include "grid"
#include "packed"

struct Params {
    output: Tensor,
    // For each channel of the network, what a difference is multiplied by: one of values, or of levels of 8 or of 16 bits.
    scale: vec4<f32>,
    scale_8bit: vec4<f32>,
    scale_16bit: vec4<f32>,
    // For each channel of the network, the channel of the pictures that it reads.
    source: vec4<u32>,
    // Words between a packed picture and the next; 0 where all have one target.
    picture_stride: u32,
    target_stride: u32,
    groups: u32,
    first_group: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// What the output's region holds of each picture, packed.
@group(0) @binding(1) var<storage, read> pictures: array<u32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

// A value from 0 to 1, or any float.
fn value(word: u32, format: u32, channel: u32) -> f32 {
    if format == F32 {
        return bitcast<f32>(word);
    }
    return f32(level(word, format, channel)) / select(255.0, 65535.0, format == RGB16);
}

// A level of 16 bits where `wide`: 8 bits are 257 times as much there.
fn widened(word: u32, format: u32, channel: u32, wide: bool) -> i32 {
    return i32(level(word, format, channel) * select(1u, 257u, wide && format == RGBA8));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = params.first_group + group_index(group, grid);
    let position = index * WORKGROUP + thread;
    if index >= params.groups || position >= params.output.width * params.output.height {
        return;
    }
    let pixel = vec2(position % params.output.width, position / params.output.width);
    let picture = group.z * params.picture_stride;
    let beside = group.z * params.target_stride;
    let picture_header = vec4(pictures[picture], pictures[picture + 1], pictures[picture + 2], pictures[picture + 3]);
    let target_header = vec4(targets[beside], targets[beside + 1], targets[beside + 2], targets[beside + 3]);
    let picture_format = format_of(picture_header);
    let target_format = format_of(target_header);
    let wide = picture_format == RGB16 || target_format == RGB16;

    for (var c = 0u; c < 3; c++) {
        let source = params.source[c];
        let picture_word = pictures[picture + word_of(picture_header, pixel, source)];
        let target_word = targets[beside + word_of(target_header, pixel, source)];
        var difference: f32;
        if picture_format == F32 || target_format == F32 {
            let of_picture = value(picture_word, picture_format, source);
            difference = (of_picture - value(target_word, target_format, source)) * params.scale[c];
        } else {
            let of_picture = widened(picture_word, picture_format, source, wide);
            let levels = of_picture - widened(target_word, target_format, source, wide);
            difference = f32(levels) * select(params.scale_8bit[c], params.scale_16bit[c], wide);
        }
        output[address(params.output, group.z, vec3(pixel, c))] = difference;
    }
}
