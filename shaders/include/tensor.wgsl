// A planar tensor in memory, as `src/gpu/kernels/tensor.rs` writes it: element (image, channel, y, x) lies at
// offset + image * image_stride + channel * channel_stride + y * row_stride + x. Only outputs, and what is read position for
// position with them, have an offset.
struct Tensor {
    width: u32,
    height: u32,
    channels: u32,
    row_stride: u32,
    channel_stride: u32,
    // 0 where one image is that of all: a target of many differences.
    image_stride: u32,
    // Where the part that a step reads or writes begins: width and height are the part's.
    offset: u32,
    // Uniform structs come in multiples of 16 bytes.
    pad: u32,
}

// Where element (image, place.z, place.y, place.x) of a part lies.
fn address(tensor: Tensor, image: u32, place: vec3<u32>) -> u32 {
    return tensor.offset + image * tensor.image_stride + place.z * tensor.channel_stride + place.y * tensor.row_stride
        + place.x;
}
