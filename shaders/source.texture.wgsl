// A host's texture to a packed picture, one pixel a thread; the view has one mip of one layer.
// Twin: src/cpu/twin/source.rs.

#include "grid"
#include "color"
#include "picture"

struct Params {
    color: Color,
    size: vec2<u32>,
    // Where in the texture the picture begins.
    origin: vec2<u32>,
    // Whether the picture's first row is the rectangle's last.
    flip: u32,
    groups: u32,
    pad: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var source: texture_2d<f32>;
@group(0) @binding(2) var<storage, read_write> picture: array<atomic<u32>>;

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
    let texel = textureLoad(source, params.origin + vec2(x, y), 0);
    store_pixel(position, params.size, texel.rgb, params.color);
}
