// A comparison's result as it stays on the device and as it is read back: one workgroup.
// Twin: src/cpu/twin/total.rs.

#include "grid"

struct Params {
    taps: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
    // What each tap's sum is multiplied by in the total, four taps each.
    factors: array<vec4<f32>, 10>,
}

struct Loss {
    total: f32,
    // Whether a value of the picture (1) or of the target (2) was not finite, or there was no target (4); and from bit 8 on,
    // whether convolutions made values that were not finite. The total means nothing then.
    faults: u32,
    // Comparisons so far: what is read back is the result of the next one, or old.
    number: u32,
    sums: array<f32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
// Headers of packed pictures: include/picture.wgsl.
@group(0) @binding(2) var<storage, read> picture: array<u32>;
@group(0) @binding(3) var<storage, read> target_header: array<u32>;
// What convolutions have noted of the picture and of the target: include/convolution.wgsl.
@group(0) @binding(4) var<storage, read> notes: array<u32>;
@group(0) @binding(5) var<storage, read> target_notes: array<u32>;
@group(0) @binding(6) var<storage, read_write> loss: Loss;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) thread: u32) {
    if thread < params.taps {
        loss.sums[thread] = sums[thread];
    }
    if thread == 0 {
        var total = 0.0;
        for (var tap = 0u; tap < params.taps; tap++) {
            total += params.factors[tap / 4][tap % 4] * sums[tap];
        }
        loss.total = total;
        let not_finite = (picture[0] >> 8) & 1;
        let target_not_finite = (target_header[0] >> 8) & 1;
        let no_target = 1 - ((target_header[0] >> 9) & 1);
        loss.faults = not_finite | (target_not_finite << 1) | (no_target << 2) | ((notes[0] | target_notes[0]) << 8);
        loss.number += 1;
    }
}
