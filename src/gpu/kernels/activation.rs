//! `shaders/include/activation.wgsl`.

/// What a map is read through: max(x, 0), or nothing.
pub(super) fn input_floor(input_relu: bool) -> i32 {
    if input_relu { 0 } else { i32::MIN }
}
