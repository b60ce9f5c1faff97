//! The same pixels in every format that is taken give the same loss.

use perceptual_loss::{Context, Image};

use crate::{
    comparison::{image, model},
    gpu_device::context,
    scene::{Distortion, Scene},
};

#[test]
fn every_format_and_stride_holds_the_same_picture() {
    let (width, height) = (23, 17);
    let target = Scene::new(width, height, 2);
    let Scene { rgb, .. } = target.distort(Distortion::Noise, 9);
    let value = |byte: u8| f32::from(byte) / 255.0;

    let rgba: Vec<u8> = rgb.chunks(3).flat_map(|p| [p[0], p[1], p[2], 7]).collect();
    let padded: Vec<u8> = rgb.chunks(23 * 3).flat_map(|row| row.iter().copied().chain([9; 11])).collect();
    let rgb_f32: Vec<f32> = rgb.iter().map(|&byte| value(byte)).collect();
    let planar: Vec<f32> =
        (0..3).flat_map(|c| rgb.iter().skip(c).step_by(3).map(|&byte| value(byte))).collect();
    let rgba_f32: Vec<f32> =
        rgb.chunks(3).flat_map(|p| [value(p[0]), value(p[1]), value(p[2]), f32::NAN]).collect();
    let rgba16: Vec<u16> =
        rgb.chunks(3).flat_map(|p| [p[0], p[1], p[2], 3].map(|byte| u16::from(byte) * 257)).collect();
    let planar_padded: Vec<f32> =
        planar.chunks(23).flat_map(|row| row.iter().copied().chain([5.0; 2])).collect();

    for context in [context(), &Context::cpu(), &Context::twin()] {
        let mut session = model(context, "relu1_2=1,relu2_1=1").session(width, height).unwrap();
        let mut loss = |picture: Image<'_>| session.compare_blocking(picture, image(&target)).unwrap().total;
        let expected = loss(Image::rgb8(&rgb, width, height));
        assert!(expected > 0.0);
        for (name, picture) in [
            ("RGBA8", Image::rgba8(&rgba, width, height)),
            ("padded RGB8", Image::rgb8(&padded, width, height).with_row_stride(23 * 3 + 11)),
        ] {
            assert_eq!(loss(picture), expected, "{name}");
        }
        for (name, picture) in [
            ("RGB float32", Image::rgb_f32(&rgb_f32, width, height)),
            ("RGBA float32", Image::rgba_f32(&rgba_f32, width, height)),
            ("RGBA16", Image::rgba16(&rgba16, width, height)),
            ("planar float32", Image::planar_f32(&planar, width, height)),
            ("padded planar float32", Image::planar_f32(&planar_padded, width, height).with_row_stride(25)),
        ] {
            // value / 255 is rounded once more than the 8-bit way.
            assert!((loss(picture) / expected - 1.0).abs() < 1e-6, "{name}");
        }

        // Grey is red, green and blue that are equal.
        let grey: Vec<u8> = rgb.chunks(3).map(|p| p[0]).collect();
        let spread: Vec<u8> = grey.iter().flat_map(|&byte| [byte; 3]).collect();
        let grey16: Vec<u16> = grey.iter().map(|&byte| u16::from(byte) * 257).collect();
        let grey_f32: Vec<f32> = grey.iter().map(|&byte| value(byte)).collect();
        let expected = loss(Image::rgb8(&spread, width, height));
        assert_eq!(loss(Image::gray8(&grey, width, height)), expected);
        for picture in [Image::gray16(&grey16, width, height), Image::gray_f32(&grey_f32, width, height)] {
            assert!((loss(picture) / expected - 1.0).abs() < 1e-6, "{picture:?}");
        }
    }
}

#[cfg(feature = "imgref")]
#[test]
fn imgref_views_hold_the_same_picture() {
    let (width, height) = (16, 12);
    let [a, b] = [1, 2].map(|seed| Scene::new(width, height, seed));
    let pixels = |scene: &Scene| -> Vec<rgb::RGB8> {
        // A view into a wider buffer: two more pixels at the end of each row.
        let rows = scene.rgb.chunks(width as usize * 3);
        rows.flat_map(|row| {
            row.chunks(3).map(|p| rgb::RGB8::new(p[0], p[1], p[2])).chain([rgb::RGB8::new(1, 2, 3); 2])
        })
        .collect()
    };
    let (wide_a, wide_b) = (pixels(&a), pixels(&b));
    let view =
        |pixels| imgref::ImgRef::new_stride(pixels, width as usize, height as usize, width as usize + 2);
    let (view_a, view_b) = (view(&wide_a[..]), view(&wide_b[..]));
    let mut session = model(&Context::cpu(), "relu1_1").session(width, height).unwrap();
    let expected = session.compare_blocking(image(&a), image(&b)).unwrap();
    assert_eq!(session.compare_blocking(view_a, view_b).unwrap(), expected);

    let rgba: Vec<_> = wide_a.iter().map(|p| rgb::RGBA8::new(p.r, p.g, p.b, 4)).collect();
    let float: Vec<_> = wide_a
        .iter()
        .map(|p| rgb::RGB::new(f32::from(p.r), f32::from(p.g), f32::from(p.b)) / 255.0)
        .collect();
    let rgba = imgref::ImgRef::new_stride(&rgba[..], width as usize, height as usize, width as usize + 2);
    let float = imgref::ImgRef::new_stride(&float[..], width as usize, height as usize, width as usize + 2);
    assert_eq!(session.compare_blocking(rgba, view_b).unwrap(), expected);
    let total = session.compare_blocking(float, view_b).unwrap().total;
    assert!((total / expected.total - 1.0).abs() < 1e-6);
}
