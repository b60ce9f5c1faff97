// How much arithmetic a device can do: fused multiply-adds in registers and nothing else, for `src/gpu/peak.rs`.
//
// Each thread has 12 chains, enough to hide a multiply-add's latency and few enough for a software driver's registers.
// With factor 1 and addend 1, which the compiler does not know, every chain counts its own multiply-adds, so that the
// host sees whether all of them were done.

#include "grid"

struct Params {
    rounds: u32,
    groups: u32,
    factor: f32,
    addend: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let index = group_index(group, grid);
    if index >= params.groups {
        return;
    }
    let factor = vec4(params.factor);
    let addend = vec4(params.addend);
    var a = vec4(0.0);
    var b = vec4(0.0);
    var c = vec4(0.0);
    for (var round = 0u; round < params.rounds; round++) {
        // Unrolled by hand, so that the loop's own work does not count.
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend);
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend);
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend);
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend);
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend);
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend);
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend);
        a = fma(a, factor, addend); b = fma(b, factor, addend); c = fma(c, factor, addend);
    }
    // The least of all: a chain that fell short shows.
    let least = min(min(a, b), c);
    output[index * WORKGROUP + thread] = min(min(least.x, least.y), min(least.z, least.w));
}
