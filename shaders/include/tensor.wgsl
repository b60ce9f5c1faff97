// A planar tensor in memory, as `gpu/params.rs` writes it: element (image, channel, y, x) lies at
// image * image_stride + channel * channel_stride + y * row_stride + x.
struct Tensor {
    width: u32,
    height: u32,
    channels: u32,
    row_stride: u32,
    channel_stride: u32,
    image_stride: u32,
    // Uniform structs come in multiples of 16 bytes.
    pad0: u32,
    pad1: u32,
}
