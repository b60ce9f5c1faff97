// Picture to tensor: a packed picture's pixels, normalised, to three planes; one position a thread.
// Twin: src/cpu/twin/pixels.rs.

#include "tensor"
#include "grid"
#include "packed"

struct Params {
    output: Tensor,
    // For each channel of the network, value * scale + offset; levels of 8 and of 16 bits are scaled at once.
    scale: vec4<f32>,
    scale_8bit: vec4<f32>,
    scale_16bit: vec4<f32>,
    offset: vec4<f32>,
    // For each channel of the network, the channel of the picture that it reads.
    source: vec4<u32>,
    // Words between a packed picture and the next.
    picture_stride: u32,
    groups: u32,
    first_group: u32,
    pad: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// What the output's region holds of each picture, packed.
@group(0) @binding(1) var<storage, read> pictures: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

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
    let header = vec4(pictures[picture], pictures[picture + 1], pictures[picture + 2], pictures[picture + 3]);
    let format = format_of(header);

    for (var c = 0u; c < 3; c++) {
        let source = params.source[c];
        let word = pictures[picture + word_of(header, pixel, source)];
        var value: f32;
        if format == F32 {
            value = bitcast<f32>(word) * params.scale[c];
        } else {
            let scale = select(params.scale_8bit[c], params.scale_16bit[c], format == RGB16);
            value = f32(level(word, format, source)) * scale;
        }
        output[address(params.output, group.z, vec3(pixel, c))] = value + params.offset[c];
    }
}
