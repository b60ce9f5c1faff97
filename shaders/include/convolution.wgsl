// Where a convolution's sums begin and what is stored of them. Needs "activation", `params` with the `mode`, and `beside`: the
// biases, or for a difference that goes through its activation the target's map that the same convolution makes.
const TARGET = 0u;     // with bias, stored before its activation
const DIFFERENCE = 1u; // without bias
const ACTIVATED = 2u;  // a difference through its activation

fn bias_of(channel: u32) -> f32 {
    if params.mode != TARGET { return 0.0; }
    return beside[channel];
}

// What a sum is stored as, where the target's value lies at `at`.
fn finished(sum: f32, at: u32) -> f32 {
    if params.mode != ACTIVATED { return sum; }
    return difference_through_relu(sum, beside[at]);
}
