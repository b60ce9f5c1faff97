// Writing a packed picture, as src/image.rs lays it out for pixels.wgsl. Needs "color", and `picture`: the words of
// one, atomic since every thread may mark the picture as faulty. Its first word must be 0 before.
const RGBA8 = 0u;
const F32 = 1u;
const NOT_FINITE = 256u;
const WRITTEN = 512u;

fn is_finite(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7f800000) != 0x7f800000;
}

// Stores the pixel at `position`, of `size` pixels, from a source's value.
fn store_pixel(position: u32, size: vec2<u32>, value: vec3<f32>, color: Color) {
    let area = size.x * size.y;
    if position == 0 {
        atomicStore(&picture[1], 1u);
        atomicStore(&picture[2], select(area, 0u, color.eight_bit != 0));
        atomicStore(&picture[3], size.x);
        atomicOr(&picture[0], WRITTEN | select(F32, RGBA8, color.eight_bit != 0));
    }
    let converted = convert(value, color);
    if color.eight_bit != 0 {
        let level = vec3<u32>(clamp(converted, vec3(0.0), vec3(1.0)) * 255.0 + 0.5);
        atomicStore(&picture[4 + position], level.x | (level.y << 8) | (level.z << 16) | 0xff000000);
        return;
    }
    if !(is_finite(value.x) && is_finite(value.y) && is_finite(value.z)) {
        atomicOr(&picture[0], NOT_FINITE);
    }
    atomicStore(&picture[4 + position], bitcast<u32>(converted.x));
    atomicStore(&picture[4 + position + area], bitcast<u32>(converted.y));
    atomicStore(&picture[4 + position + 2 * area], bitcast<u32>(converted.z));
}
