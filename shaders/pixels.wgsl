// Picture to tensor: a packed picture's pixels, normalised, to three planes; one position a thread.
// Twin: src/cpu/twin/pixels.rs.

#include "tensor"
#include "grid"

struct Params {
    output: Tensor,
    // For each channel of the network, value * scale + offset; 8-bit values are scaled from 0..255 at once.
    scale: vec4<f32>,
    scale_8bit: vec4<f32>,
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
// What the output's region holds of each picture, packed: four words (format, and the strides between pixels, channels
// and rows), then data.
// Format 0 has a pixel a word, red in the low byte; format 1 a float32 a word. The format is the first word's low byte.
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
    let x = position % params.output.width;
    let y = position / params.output.width;
    let picture = group.z * params.picture_stride;
    let pixel = picture + 4 + y * pictures[picture + 3] + x * pictures[picture + 1];

    for (var c = 0u; c < 3; c++) {
        let source = params.source[c];
        let word = pictures[pixel + source * pictures[picture + 2]];
        var value: f32;
        if (pictures[picture] & 255) == 0 {
            value = f32((word >> (8 * source)) & 255) * params.scale_8bit[c];
        } else {
            value = bitcast<f32>(word) * params.scale[c];
        }
        output[address(params.output, group.z, vec3(x, y, c))] = value + params.offset[c];
    }
}
