// Kernels that make an element of an output a thread. Needs "tensor".

// A thread's column, row and channel, and whether the output has them.
struct Element { place: vec3<u32>, inside: bool }

fn element_of(index: u32, thread: u32, output: Tensor) -> Element {
    let positions = output.width * output.height;
    let element = index * WORKGROUP + thread;
    let place = vec3(element % output.width, (element % positions) / output.width, element / positions);
    return Element(place, element < positions * output.channels);
}
