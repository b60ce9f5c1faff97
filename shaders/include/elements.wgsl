// Kernels that make an element of an element, one a thread. Needs "tensor" and "grid".
struct Params {
    input: Tensor,
    output: Tensor,
    groups: u32,
    first_group: u32,
    pad0: u32,
    pad1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

// Where a thread's element comes from and goes to.
struct Element { input: u32, output: u32, inside: bool }

fn element_of(group: vec3<u32>, grid: vec3<u32>, thread: u32) -> Element {
    let index = params.first_group + group_index(group, grid);
    let positions = params.output.width * params.output.height;
    let element = index * WORKGROUP + thread;
    let place = vec3(element % params.output.width, (element % positions) / params.output.width, element / positions);
    return Element(
        address(params.input, group.z, place),
        address(params.output, group.z, place),
        index < params.groups && element < positions * params.output.channels,
    );
}
