// The derivative of a criterion at a difference, times `factor`: the tap's weight over the number of its values, and twice that of squares.
// Of a magnitude of 0 it is 0.
fn slope(difference: f32, factor: f32, absolute: u32) -> f32 {
    return factor * select(difference, sign(difference), absolute != 0u);
}
