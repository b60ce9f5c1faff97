// max(x, 0), for taps that need a convolution's values before their activation.
// Twin: src/cpu/twin/relu.rs.

#include "tensor"
#include "grid"
#include "elements"

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let element = element_of(group, grid, thread);
    if element.inside {
        output[element.output] = max(input[element.input], 0.0);
    }
}
