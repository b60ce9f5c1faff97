// What the lengths of the two vectors of channels at a position make of them. Needs "features".

// What is added to lengths, as the package lpips has it.
const EPSILON: f32 = 1e-10;

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
