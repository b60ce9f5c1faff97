// From the values of a source to those that the network is trained on, as src/color.rs does it.
struct Color {
    // What is done to the values: one of the three below.
    conversion: u32,
    tone_map: u32,
    // What scene light is multiplied by first.
    gain: f32,
    // Whether the result is one of 256 levels.
    eight_bit: u32,
}

const AS_STORED = 0u;
const ENCODE = 1u;     // linear, from 0 to 1
const TONE_MAP = 2u;   // scene light, from 0 up
const ACES = 1u;
const REINHARD = 2u;

// Light that is as good as any brighter; the squares of brighter light are no numbers.
const BRIGHTEST = 1e9;

fn tone_map(light: vec3<f32>, map: u32) -> vec3<f32> {
    let x = clamp(light, vec3(0.0), vec3(BRIGHTEST));
    var mapped = x;
    if map == ACES {
        mapped = (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14);
    } else if map == REINHARD {
        mapped = x / (1.0 + x);
    }
    return min(mapped, vec3(1.0));
}

// The sRGB curve of IEC 61966-2-1.
fn encode_srgb(light: vec3<f32>) -> vec3<f32> {
    let x = max(light, vec3(0.0031308));
    // x^(1 / 2.4). Drivers' powers are off by up to 1e-5; one step of Newton's method for y^12 = x^5 leaves rounding.
    let y = pow(x, vec3(1.0 / 2.4));
    let x2 = x * x;
    let y3 = y * y * y;
    let y6 = y3 * y3;
    let power = y + y * ((x2 * x2 * x / (y6 * y6) - 1.0) / 12.0);
    return select(1.055 * power - 0.055, 12.92 * light, light <= vec3(0.0031308));
}

fn convert(value: vec3<f32>, color: Color) -> vec3<f32> {
    switch color.conversion {
        case TONE_MAP: { return encode_srgb(tone_map(value * color.gain, color.tone_map)); }
        case ENCODE: { return encode_srgb(clamp(value, vec3(0.0), vec3(1.0))); }
        default: { return value; }
    }
}
