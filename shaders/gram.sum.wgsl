// What a Gram matrix differs by, second stage: M + M^T over all chunks of positions, one element a thread, and what it begins with or what
// parts of the picture before this one have made of it. Twin: src/cpu/twin/gram.rs.

#include "grid"

struct Params {
    channels: u32,
    chunks: u32,
    // Whether other parts have made some of it.
    adds: u32,
    // One over channels times positions of the whole picture.
    factor: f32,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// (image, chunk, row, column)
@group(0) @binding(1) var<storage, read> products: array<f32>;
// (row, column): what the matrix begins with
@group(0) @binding(2) var<storage, read> style: array<f32>;
// (image, row, column)
@group(0) @binding(3) var<storage, read_write> matrix: array<f32>;

// Chunks whose sum is made by itself first.
const SPAN: u32 = 16;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = params.first_group + group_index(group, grid);
    let element = index * WORKGROUP + thread;
    let elements = params.channels * params.channels;
    if index >= params.groups || element >= elements {
        return;
    }
    let transposed = element % params.channels * params.channels + element / params.channels;
    let start = group.z * params.chunks * elements;
    var sum = 0.0;
    for (var first = 0u; first < params.chunks; first += SPAN) {
        var span = 0.0;
        for (var chunk = first; chunk < min(first + SPAN, params.chunks); chunk++) {
            let at = start + chunk * elements;
            span += products[at + element] + products[at + transposed];
        }
        sum += span;
    }
    let place = group.z * elements + element;
    matrix[place] = params.factor * sum + select(style[element], matrix[place], params.adds != 0u);
}
