// The sum of what each value of a difference counts, first stage: reads a map once, writes one partial sum a workgroup and no map.
// The order of additions depends on one image's shape alone, so that the same image gives the same bits in any batch.
// Twin: src/cpu/twin/difference.rs; second stage: sum.wgsl.

#include "grid"
#include "tree"
#include "activation"
#include "criterion"

struct Params {
    // Where the first image begins, and the elements from there to the next one.
    offset: u32,
    stride: u32,
    // What is summed of each image, and how it lies in memory. A whole image is one long row.
    width: u32,
    height: u32,
    channels: u32,
    row_stride: u32,
    channel_stride: u32,
    // What the map is read through: see include/activation.wgsl.
    input_floor: i32,
    // See include/criterion.wgsl.
    criterion: u32,
    parameter: f32,
    groups: u32,
    first_group: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

// Each thread sums SPAN spans of SPAN elements, each span by itself first: rounding errors then grow with
// twice SPAN instead of its square.

fn address(element: u32) -> u32 {
    if params.height * params.channels == 1 {
        return element;
    }
    let row = element / params.width;
    return row / params.height * params.channel_stride + row % params.height * params.row_stride
        + element % params.width;
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
    let elements = params.width * params.height * params.channels;
    let start = params.offset + group.z * params.stride;

    // Neighbouring threads read neighbouring elements.
    var element = index * WORKGROUP * SPAN * SPAN + thread;
    var sum = 0.0;
    for (var span = 0u; span < SPAN; span++) {
        var span_sum = 0.0;
        for (var i = 0u; i < SPAN; i++) {
            if element < elements {
                let difference = loaded(input[start + address(element)], params.input_floor);
                span_sum += term(difference, params.criterion, params.parameter);
            }
            element += WORKGROUP;
        }
        sum += span_sum;
    }

    let total = tree_sum(thread, sum);
    if thread == 0 {
        partials[group.z * params.groups + index] = total;
    }
}
