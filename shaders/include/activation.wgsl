// A target's maps are stored before their activation, max(x, 0): what reads them applies it.

// x as it is read: max(x, 0) where `floor` is 0; x itself, to the bit, where that is the least integer. The bits of floats that are
// not negative are in their order, and those of negative ones are negative integers. One comparison of integers costs
// less than one of floats, which must mind NaN.
fn loaded(x: f32, floor: i32) -> f32 {
    return bitcast<f32>(max(bitcast<i32>(x), floor));
}

// What a difference d from a target's value a before its activation becomes through that: max(a + d, 0) - max(a, 0), which is d,
// -a, a + d or 0. A sum that cancels is made only where it is the result.
fn difference_through_relu(d: f32, a: f32) -> f32 {
    return max(d + min(a, 0.0), -max(a, 0.0));
}
