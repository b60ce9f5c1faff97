//! What cannot be read is refused in words.

use perceptual_loss::{
    Error, Normalization, ToneMap,
    gpu::{self, BufferLayout, BufferSource, Source, TextureSource, wgpu},
};

use super::executor;
use crate::common::context;

/// A texture that holds nothing, as described but for what `change` changes.
fn empty(change: impl FnOnce(&mut wgpu::TextureDescriptor<'_>)) -> wgpu::Texture {
    let mut descriptor = wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: 9, height: 6, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba8Unorm,
        usage: wgpu::TextureUsages::TEXTURE_BINDING,
        view_formats: &[],
    };
    change(&mut descriptor);
    gpu::device(context()).unwrap().0.create_texture(&descriptor)
}

fn empty_buffer(size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
    gpu::device(context()).unwrap().0.create_buffer(&descriptor)
}

/// Each is refused with words, before the device would refuse it with others.
#[test]
fn what_cannot_be_read_is_named() {
    use BufferLayout::{Interleaved, Planar};
    let plain = empty(|_| ());
    let whole = || TextureSource::new(&plain);
    let of = |change: fn(&mut wgpu::TextureDescriptor<'_>)| Source::from(&empty(change));
    let storage = |size| empty_buffer(size, wgpu::BufferUsages::STORAGE);
    // 9x6 pixels.
    let exact = storage(9 * 6 * 3 * 4);
    let f32 = |layout| BufferSource::f32(&exact, layout, 9, 6);
    let f16 = |layout| BufferSource::f16(&exact, layout, 9, 6);
    let cases: Vec<(Source, &str)> = vec![
        (of(|t| t.usage = wgpu::TextureUsages::COPY_DST), "made without the usage TEXTURE_BINDING"),
        (of(|t| t.dimension = wgpu::TextureDimension::D3), "the dimension D3; D2 is needed"),
        (
            of(|t| {
                t.sample_count = 4;
                t.usage |= wgpu::TextureUsages::RENDER_ATTACHMENT;
            }),
            "4 samples a texel; resolve it first",
        ),
        (
            of(|t| t.format = wgpu::TextureFormat::R8Unorm),
            "its format is R8Unorm; those that can be are Rgba8Unorm,",
        ),
        (of(|t| t.format = wgpu::TextureFormat::Rgba8Uint), "its format is Rgba8Uint"),
        (of(|t| t.format = wgpu::TextureFormat::Depth32Float), "its format is Depth32Float"),
        (whole().mip(1).into(), "it has 1 mips; there is no mip 1"),
        (whole().layer(u32::MAX).into(), "it has 1 layers; there is no layer 4294967295"),
        (
            whole().rectangle([1, 0], [9, 6]).into(),
            "the rectangle of 9x6 at (1, 0) reaches beyond the 9x6 of mip 0",
        ),
        (whole().rectangle([0, 1], [9, 6]).into(), "the rectangle of 9x6 at (0, 1)"),
        (whole().rectangle([u32::MAX, 0], [9, 6]).into(), "the rectangle of 9x6 at (4294967295, 0)"),
        (whole().rectangle([0, 0], [0, 0]).into(), "the source is 0x0 but the session compares 9x6"),
        (of(|t| t.size.width = 10), "the source is 10x6 but the session compares 9x6"),
        (
            BufferSource::f32(&empty_buffer(648, wgpu::BufferUsages::COPY_DST), Planar, 9, 6).into(),
            "made without the usage STORAGE",
        ),
        (
            BufferSource::f16(&storage(9 * 6 * 3 * 2 + 2), Planar, 9, 6).into(),
            "326 bytes, which is no multiple of 4",
        ),
        (f32(Interleaved(2)).into(), "2 elements a pixel hold no red, green and blue"),
        (f32(Interleaved(0)).into(), "0 elements a pixel hold no red, green and blue"),
        (
            f32(Planar).row_stride(8).into(),
            "a row stride of 8 is too short for 9 pixels, which take 9 elements",
        ),
        (
            f32(Interleaved(3)).row_stride(26).into(),
            "a row stride of 26 is too short for 9 pixels, which take 27",
        ),
        (f32(Planar).offset(1).into(), "a picture of 9x6 ends at element 163; it has 162"),
        (f32(Planar).row_stride(10).into(), "ends at element 179; it has 162"),
        (f32(Interleaved(4)).into(), "ends at element 216; it has 162"),
        (f32(Interleaved(3)).row_stride(28).into(), "ends at element 167; it has 162"),
        (f16(Planar).offset(163).into(), "ends at element 325; it has 324"),
        (f32(Planar).offset(u64::MAX).into(), "ends at element 18446744073709551615"),
        (f32(Planar).row_stride(u32::MAX).into(), "ends at element 73014444024"),
        // Too long: another layout or type, a row stride that is missing, a part of a larger buffer.
        (
            BufferSource::f32(&storage(9 * 6 * 4 * 4), Interleaved(3), 9, 6).into(),
            "a picture of 9x6 ends at element 162; it has 216: give its own layout and row stride, or offset(0)",
        ),
        (BufferSource::f32(&storage(9 * 6 * 4 * 4), Planar, 9, 6).into(), "ends at element 162; it has 216"),
        (f16(Planar).into(), "ends at element 162; it has 324"),
        (BufferSource::f32(&storage(10 * 6 * 3 * 4), Planar, 9, 6).into(), "it has 180"),
        (BufferSource::f32(&exact, Planar, 6, 9).into(), "the source is 6x9 but the session compares 9x6"),
        (BufferSource::f32(&exact, Planar, 0, 0).into(), "the source is 0x0"),
        (BufferSource::f32(&exact, Interleaved(u32::MAX), u32::MAX, u32::MAX).into(), "ends at element"),
    ];
    let executor = executor([9, 6], Normalization::NONE);
    for (source, part) in &cases {
        let error = executor.load(source, ToneMap::Clip, 0.0).unwrap_err();
        assert!(matches!(error, Error::Image(_)), "{error:?}");
        assert!(error.to_string().contains(part), "'{error}' has no '{part}'");
    }
    // What just fits.
    for source in [
        whole().rectangle([0, 0], [9, 6]).into(),
        f32(Planar).into(),
        f32(Interleaved(3)).row_stride(27).into(),
        // With the last row's padding, rounded up, and as a part of what is said to be larger.
        BufferSource::f32(&storage(10 * 6 * 3 * 4), Planar, 9, 6).row_stride(10).into(),
        BufferSource::f32(&storage((9 * 6 * 3 * 4u64).next_multiple_of(16)), Planar, 9, 6).into(),
        BufferSource::f32(&storage(9 * 6 * 4 * 4), Planar, 9, 6).offset(0).into(),
        f16(Planar).offset(162).into(),
        f16(Interleaved(4)).offset(108).into(),
    ] {
        executor.load(&source, ToneMap::Clip, 0.0).unwrap();
    }
}

/// A binding may be smaller than a buffer, of which a part is read all the same; a picture that does not fit one is named.
#[test]
fn a_picture_that_cannot_be_bound_is_named() {
    let limits = gpu::device(context()).unwrap().0.limits();
    let most = limits.max_storage_buffer_binding_size;
    let bytes = most + 4096;
    if bytes > limits.max_buffer_size {
        return println!("no buffer of this device is too large to bind");
    }
    let buffer = empty_buffer(bytes, wgpu::BufferUsages::STORAGE);
    let end = BufferSource::f32(&buffer, BufferLayout::Planar, 9, 6).offset(bytes / 4 - 9 * 6 * 3);
    executor([9, 6], Normalization::NONE).load(&end.into(), ToneMap::Clip, 0.0).unwrap();
    // Planes that are too far from each other.
    let far = BufferSource::f32(&buffer, BufferLayout::Planar, 9, 6).row_stride((most / 4 / 17) as u32 + 8);
    let error =
        executor([9, 6], Normalization::NONE).load(&far.offset(0).into(), ToneMap::Clip, 0.0).unwrap_err();
    let part = format!("of one binding; this device binds {most} at most");
    assert!(matches!(&error, Error::Image(text) if text.contains(&part)), "{error}");
}
