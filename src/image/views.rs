//! `imgref`'s views and vectors, over `rgb`'s pixels or plain grey values.

use imgref::{ImgRef, ImgVec};
use rgb::{
    Rgb, Rgba,
    alt::{Gray, GrayAlpha},
};

use super::{Image, Pixels};

/// A side beyond 32 bits becomes zero, which comparing refuses: no such picture can be held.
fn side(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(0)
}

macro_rules! views {
    ($($pixel:ty => $pixels:ident, $per_pixel:literal;)+) => {$(
        impl<'a> From<ImgRef<'a, $pixel>> for Image<'a> {
            fn from(picture: ImgRef<'a, $pixel>) -> Self {
                let pixels = Pixels::$pixels(bytemuck::cast_slice(picture.buf()));
                Self::new(pixels, $per_pixel, side(picture.width()), side(picture.height()))
                    .with_row_stride(picture.stride().saturating_mul($per_pixel))
            }
        }

        impl<'a> From<&'a ImgVec<$pixel>> for Image<'a> {
            fn from(picture: &'a ImgVec<$pixel>) -> Self {
                picture.as_ref().into()
            }
        }
    )+};
}

views! {
    u8 => U8, 1;
    Gray<u8> => U8, 1;
    GrayAlpha<u8> => U8, 2;
    Rgb<u8> => U8, 3;
    Rgba<u8> => U8, 4;
    u16 => U16, 1;
    Gray<u16> => U16, 1;
    GrayAlpha<u16> => U16, 2;
    Rgb<u16> => U16, 3;
    Rgba<u16> => U16, 4;
    f32 => F32, 1;
    Gray<f32> => F32, 1;
    GrayAlpha<f32> => F32, 2;
    Rgb<f32> => F32, 3;
    Rgba<f32> => F32, 4;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(picture: Image<'_>) -> Vec<u32> {
        picture.validate().unwrap();
        let mut words = vec![];
        picture.pack([0, 0], [2, 2], &mut words).unwrap();
        words
    }

    /// A view of 2x2 in a buffer that is three pixels wide.
    fn view<T>(pixels: &[T; 6]) -> ImgRef<'_, T> {
        ImgRef::new_stride(pixels, 2, 2, 3)
    }

    #[test]
    fn every_pixel_type_holds_the_same_picture() {
        let bytes = [10u8, 20, 30, 40, 50, 60];
        let shorts = bytes.map(|byte| u16::from(byte) * 257);
        let floats = bytes.map(|byte| f32::from(byte) / 255.0);
        macro_rules! same {
            ($values:expr, $alpha:expr) => {
                let expected = packed(view(&$values.map(|v| Rgb::new(v, v, v))).into());
                let owned = ImgVec::new_stride($values.to_vec(), 2, 2, 3);
                for picture in [
                    Image::from(view(&$values)),
                    Image::from(view(&$values.map(Gray::from))),
                    Image::from(view(&$values.map(|v| Gray::from(v).with_alpha($alpha)))),
                    Image::from(view(&$values.map(|v| Rgba::new(v, v, v, $alpha)))),
                    Image::from(&owned),
                ] {
                    assert_eq!(packed(picture), expected, "{picture:?}");
                }
            };
        }
        same!(bytes, 7);
        same!(shorts, 7);
        same!(floats, f32::NAN);
    }

    /// A view's last row may end where the buffer does; a buffer with rows to spare is another picture's.
    #[test]
    fn views_into_larger_buffers() {
        let pixels: Vec<Rgb<u8>> = (0..20).map(|v| Rgb::new(v, v, v)).collect();
        let whole = ImgRef::new(&pixels, 5, 4);
        for (left, top) in [(0, 0), (3, 0), (1, 1), (3, 2)] {
            let part = Image::from(whole.sub_image(left, top, 2, 2));
            let first = (top * 5 + left) as u8;
            assert_eq!(packed(part)[4], u32::from_le_bytes([first, first, first, 255]));
        }
        let message = Image::from(ImgRef::new(&pixels[..], 5, 3)).validate().unwrap_err().to_string();
        assert!(message.contains("takes 45 elements; the slice has 60"), "{message}");
    }
}
