//! Twin of `shaders/relu.wgsl`.

/// max(x, 0) for every element; both slices have one length.
pub fn relu(input: &[f32], output: &mut [f32]) {
    for (out, &value) in output.iter_mut().zip(input) {
        *out = value.max(0.0);
    }
}
