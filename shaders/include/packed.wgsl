// Reading a packed picture, as src/image.rs lays it out: four words (format and marks, and the strides between pixels, channels
// and rows), then data. The format is the first word's low byte.
const RGBA8 = 0u; // a pixel a word, red in the low byte
const F32 = 1u;   // a float32 a word
const RGB16 = 2u; // two words a pixel, red in the lower half of the first, green in its upper, blue in the second

fn format_of(header: vec4<u32>) -> u32 {
    return header.x & 255;
}

// Words from a picture's beginning to that of a pixel's channel.
fn word_of(header: vec4<u32>, pixel: vec2<u32>, channel: u32) -> u32 {
    let of_channel = select(channel * header.z, channel / 2, format_of(header) == RGB16);
    return 4 + pixel.y * header.w + pixel.x * header.y + of_channel;
}

// A channel's level in its word, of 256 or of 65,536.
fn level(word: u32, format: u32, channel: u32) -> u32 {
    if format == RGB16 {
        return (word >> (16 * (channel % 2))) & 0xffff;
    }
    return (word >> (8 * channel)) & 255;
}
