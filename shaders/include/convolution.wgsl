// Where a convolution's sums begin, what is stored of them, and what is noted. Needs "activation", `params` with the `mode` and the
// convolution's bit, `beside`: the biases, or for a difference that goes through its activation the target's map that the same
// convolution makes, and `notes`: a word an image.
const TARGET = 0u;     // with bias, stored before its activation
const DIFFERENCE = 1u; // without bias
const ACTIVATED = 2u;  // a difference through its activation

fn bias_of(channel: u32) -> f32 {
    if params.mode != TARGET { return 0.0; }
    return beside[channel];
}

// The bits of a sum's magnitude. Those of what is not finite are OVERFLOWED at least; a comparison of floats could not tell, since a
// shader may be compiled as if there were none such.
const OVERFLOWED = 0x7f800000u;

fn magnitude(sum: f32) -> u32 {
    return bitcast<u32>(sum) & 0x7fffffff;
}

fn magnitudes(sums: vec4<f32>) -> vec4<u32> {
    return bitcast<vec4<u32>>(sums) & vec4(0x7fffffffu);
}

fn greatest(magnitudes: vec4<u32>) -> u32 {
    return max(max(magnitudes.x, magnitudes.y), max(magnitudes.z, magnitudes.w));
}

// Notes for an image that one of its sums was not finite, if the largest magnitude was not. Past an activation or a pooling nobody
// could tell any more.
fn note(image: u32, largest: u32) {
    if largest >= OVERFLOWED {
        atomicOr(&notes[image], params.bit);
    }
}

// What a sum is stored as, where the target's value lies at `at`.
fn finished(sum: f32, at: u32) -> f32 {
    if params.mode != ACTIVATED { return sum; }
    return difference_through_relu(sum, beside[at]);
}
