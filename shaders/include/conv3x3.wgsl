// What a convolution of one dispatch is told. Needs "tensor".
struct Params {
    input: Tensor,
    output: Tensor,
    // The target's map of a difference that goes through its activation.
    beside: Tensor,
    // An output position plus this is the input position under the kernel's centre.
    shift: vec2<i32>,
    // One of include/convolution.wgsl.
    mode: u32,
    // What the input is read through: see include/activation.wgsl.
    input_floor: i32,
    groups: u32,
    first_group: u32,
    // The convolution's bit of `notes`.
    bit: u32,
    pad: u32,
}
