// The gradient of a picture's values to a host's storage buffer, as the picture's source has them: behind its mask, in the buffer's
// layout; one pixel a thread. Twin: src/cpu/twin/source.rs.

#include "tensor"
#include "grid"

struct Params {
    gradient: Tensor,
    // In elements of the output: where the picture begins, and the strides between pixels, channels and rows.
    offset: u32,
    pixel_stride: u32,
    channel_stride: u32,
    row_stride: u32,
    // Whether the picture's first row is the last in memory.
    flip: u32,
    // Whether the source has a mask in a buffer, its first element there, and whether the picture's first row is the mask's last.
    mask: u32,
    mask_offset: u32,
    mask_flip: u32,
    weight: f32,
    // Whether the gradient is added to what is there.
    adds: u32,
    groups: u32,
    pad: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
// As total.wgsl writes it: its second word says what is wrong with the picture or its target, whose gradient means nothing then.
@group(0) @binding(2) var<storage, read> loss: array<u32>;
@group(0) @binding(3) var<storage, read> mask: array<f32>;
@group(0) @binding(4) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = group_index(group, grid);
    let position = index * WORKGROUP + thread;
    let size = vec2(params.gradient.width, params.gradient.height);
    if index >= params.groups || position >= size.x * size.y {
        return;
    }
    let pixel = vec2(position % size.x, position / size.x);
    let turned = size.y - 1 - pixel.y;
    var factor = params.weight;
    if params.mask != 0 {
        factor *= mask[params.mask_offset + select(pixel.y, turned, params.mask_flip != 0) * size.x + pixel.x];
    }
    let row = select(pixel.y, turned, params.flip != 0);
    let at = params.offset + row * params.row_stride + pixel.x * params.pixel_stride;
    for (var c = 0u; c < 3; c++) {
        let place = at + c * params.channel_stride;
        var value = 0.0;
        if loss[1] == 0 {
            value = factor * gradient[address(params.gradient, 0u, vec3(pixel, c))];
        }
        if params.adds != 0 {
            value += output[place];
        }
        output[place] = value;
    }
}
