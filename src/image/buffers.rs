//! Pictures of the `image` crate: its buffers, over any container, and [`DynamicImage`] of any kind.

use std::ops::Deref;

use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb, Rgba};

use super::{Image, Pixels};

/// A buffer with values more than its size needs holds another picture than is meant: comparing refuses it, as any slice.
macro_rules! buffers {
    ($($pixel:ident, $value:ty => $pixels:ident, $per_pixel:literal;)+) => {$(
        impl<'a, C: Deref<Target = [$value]>> From<&'a ImageBuffer<$pixel<$value>, C>> for Image<'a> {
            fn from(picture: &'a ImageBuffer<$pixel<$value>, C>) -> Self {
                let (width, height) = picture.dimensions();
                Self::new(Pixels::$pixels(picture.as_raw()), $per_pixel, width, height)
            }
        }
    )+};
}

buffers! {
    Luma, u8 => U8, 1;
    LumaA, u8 => U8, 2;
    Rgb, u8 => U8, 3;
    Rgba, u8 => U8, 4;
    Luma, u16 => U16, 1;
    LumaA, u16 => U16, 2;
    Rgb, u16 => U16, 3;
    Rgba, u16 => U16, 4;
    Luma, f32 => F32, 1;
    LumaA, f32 => F32, 2;
    Rgb, f32 => F32, 3;
    Rgba, f32 => F32, 4;
}

impl<'a> From<&'a DynamicImage> for Image<'a> {
    fn from(picture: &'a DynamicImage) -> Self {
        match picture {
            DynamicImage::ImageLuma8(buffer) => buffer.into(),
            DynamicImage::ImageLumaA8(buffer) => buffer.into(),
            DynamicImage::ImageRgb8(buffer) => buffer.into(),
            DynamicImage::ImageRgba8(buffer) => buffer.into(),
            DynamicImage::ImageLuma16(buffer) => buffer.into(),
            DynamicImage::ImageLumaA16(buffer) => buffer.into(),
            DynamicImage::ImageRgb16(buffer) => buffer.into(),
            DynamicImage::ImageRgba16(buffer) => buffer.into(),
            DynamicImage::ImageRgb32F(buffer) => buffer.into(),
            DynamicImage::ImageRgba32F(buffer) => buffer.into(),
            // Kinds that are added to it later. Comparing says what to do.
            other => Self::new(Pixels::Unknown, 1, other.width(), other.height()),
        }
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

    /// What `image` itself makes of every kind is what is packed. Alpha does not weigh colors.
    #[test]
    fn every_kind_holds_what_image_says() {
        let rgba =
            image::RgbaImage::from_fn(5, 3, |x, y| [x as u8 * 50, y as u8 * 100, 7, x as u8 * 9].into());
        let rgba = DynamicImage::from(rgba);
        let packed = |picture: Image<'_>| {
            picture.validate().unwrap();
            let mut words = vec![];
            picture.pack([1, 0], [3, 3], &mut words).unwrap();
            words
        };
        for picture in [
            DynamicImage::ImageLuma8(rgba.to_luma8()),
            DynamicImage::ImageLumaA8(rgba.to_luma_alpha8()),
            DynamicImage::ImageRgb8(rgba.to_rgb8()),
            DynamicImage::ImageRgba8(rgba.to_rgba8()),
        ] {
            assert_eq!(
                packed((&picture).into()),
                packed((&picture.to_rgb8()).into()),
                "{:?}",
                picture.color()
            );
        }
        for picture in [
            DynamicImage::ImageLuma16(rgba.to_luma16()),
            DynamicImage::ImageLumaA16(rgba.to_luma_alpha16()),
            DynamicImage::ImageRgb16(rgba.to_rgb16()),
            DynamicImage::ImageRgba16(rgba.to_rgba16()),
        ] {
            assert_eq!(
                packed((&picture).into()),
                packed((&picture.to_rgb16()).into()),
                "{:?}",
                picture.color()
            );
        }
        for picture in
            [DynamicImage::ImageRgb32F(rgba.to_rgb32f()), DynamicImage::ImageRgba32F(rgba.to_rgba32f())]
        {
            assert_eq!(
                packed((&picture).into()),
                packed((&picture.to_rgb32f()).into()),
                "{:?}",
                picture.color()
            );
        }
        let floats = rgba.to_luma32f();
        assert_eq!(
            packed((&floats).into()),
            packed((&DynamicImage::from(floats.clone()).to_rgb32f()).into())
        );
    }

    #[test]
    fn buffers_too_long_and_kinds_unknown_are_refused() {
        let bytes = vec![0; 16];
        let borrowed = ImageBuffer::<Rgb<u8>, &[u8]>::from_raw(2, 2, &bytes[..]).unwrap();
        let owned = RgbImage::from_raw(2, 2, bytes.clone()).unwrap();
        for picture in [Image::from(&borrowed), Image::from(&owned)] {
            let message = picture.validate().unwrap_err().to_string();
            assert!(message.contains("takes 12 elements; the slice has 16: that is 4 a pixel"), "{message}");
        }
        let unknown = Image::new(Pixels::Unknown, 1, 2, 2).validate().unwrap_err().to_string();
        assert!(unknown.contains("hand over its to_rgb8() or to_rgb32f()"), "{unknown}");
    }
}
