// Two vectors of channels at a position: the target's a, and what the generated picture's have more, d. Needs "tensor", "activation", the
// bindings `input` of d and `beside` of a, and `params` with the tensors of those names, `input_floor` and `has_target`.

// What is added to lengths, as the package lpips has it.
const EPSILON: f32 = 1e-10;

// a and d of a channel. Without a target a is 0, and d is what is read through max(x, 0).
fn pair(image: u32, place: vec3<u32>) -> vec2<f32> {
    let d = input[address(params.input, image, place)];
    if params.has_target == 0u {
        return vec2(0.0, loaded(d, params.input_floor));
    }
    return vec2(loaded(beside[address(params.beside, image, place)], params.input_floor), d);
}

struct Lengths {
    // The generated picture's.
    generated: f32,
    // How much longer it is than the target's.
    longer_by: f32,
    // Whether it is the shorter one.
    is_shorter: bool,
    // The shorter length and the longer one, with what is added.
    shorter: f32,
    longer: f32,
}

fn lengths(image: u32, place: vec2<u32>) -> Lengths {
    var squares = vec3(0.0);
    for (var channel = 0u; channel < params.input.channels; channel++) {
        let both = pair(image, vec3(place, channel));
        let b = both.x + both.y;
        squares += vec3(both.x * both.x, b * b, both.y * (both.x + b));
    }
    let norms = sqrt(squares.xy);
    let sum = norms.x + norms.y;
    let longer_by = select(squares.z / sum, 0.0, sum == 0.0);
    return Lengths(
        norms.y,
        longer_by,
        norms.y < norms.x,
        min(norms.x, norms.y) + EPSILON,
        max(norms.x, norms.y) + EPSILON,
    );
}

// What the vectors differ by once each is divided by its length, n(a + d) - n(a), made so that it keeps d's own precision.
fn between(both: vec2<f32>, lengths: Lengths) -> f32 {
    let shorter = select(both.x, both.x + both.y, lengths.is_shorter);
    return (both.y - shorter / lengths.shorter * lengths.longer_by) / lengths.longer;
}
