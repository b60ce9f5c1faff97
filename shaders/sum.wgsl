// The sum of a pair's partial sums, second stage of difference.wgsl: one workgroup a pair.
// Twin: src/cpu/twin/sum.rs.

#include "grid"
#include "tree"

struct Params {
    // Partial sums of each pair.
    count: u32,
    // Where the first pair's sum is written.
    first: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

// SPAN spans of SPAN, as in difference.wgsl, since there may be a hundred thousand partial sums.

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let start = group.z * params.count;
    var sum = 0.0;
    var i = thread;
    while i < params.count {
        var outer_sum = 0.0;
        for (var outer = 0u; outer < SPAN; outer++) {
            var span_sum = 0.0;
            for (var inner = 0u; inner < SPAN; inner++) {
                if i < params.count {
                    span_sum += partials[start + i];
                }
                i += WORKGROUP;
            }
            outer_sum += span_sum;
        }
        sum += outer_sum;
    }

    let total = tree_sum(thread, sum);
    if thread == 0 {
        sums[params.first + group.z] = total;
    }
}
