// Rows that a strip keeps for the next, from one tensor to another.
// Twin: src/cpu/twin/copy.rs.

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
        output[element.output] = input[element.input];
    }
}
