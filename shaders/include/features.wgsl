// The target's features a, and what the generated picture's have more, d. Needs "tensor", "activation", the bindings `input` of d and
// `beside` of a, and `params` with the tensors of those names, `input_floor` and `has_target`.

// a and d of a channel. Without a target a is 0, and d is what is read through max(x, 0).
fn pair(image: u32, place: vec3<u32>) -> vec2<f32> {
    let d = input[address(params.input, image, place)];
    if params.has_target == 0u {
        return vec2(0.0, loaded(d, params.input_floor));
    }
    return vec2(loaded(beside[address(params.beside, image, place)], params.input_floor), d);
}
