//! Pictures as words, for upload.

use super::{Image, Pixels};
use crate::{error::Result, reserve::reserve};

/// Words before a packed picture's data: format and marks, then the strides between pixels, channels and rows.
pub(crate) const HEADER_WORDS: usize = 4;
/// The format's bits of the first word.
#[cfg(feature = "cpu")]
pub(crate) const FORMAT: u32 = 255;
/// The bit of the first word that says that a value was not finite.
#[cfg(feature = "cpu")]
pub const NOT_FINITE: u32 = 1 << 8;
/// The bit of the first word that says that there is a picture.
pub const WRITTEN: u32 = 1 << 9;
/// A word a pixel: red in the low byte, then green, blue and what is not read.
pub(crate) const FORMAT_RGBA8: u32 = 0;
/// A float32's bits a word.
pub(crate) const FORMAT_F32: u32 = 1;
/// Two words a pixel: red in the lower half of the first and green in its upper, blue in the lower half of the second.
pub(crate) const FORMAT_RGB16: u32 = 2;

impl Image<'_> {
    /// 32-bit words that a packed picture of such a size takes at most, header included.
    pub(crate) fn packed_words([width, height]: [u32; 2]) -> u64 {
        (u64::from(width) * u64::from(height)).saturating_mul(3).saturating_add(HEADER_WORDS as u64)
    }

    /// Packs the rectangle of this extent from `origin` on, as the `pixels` kernel reads it (see `shaders/pixels.wgsl`),
    /// replacing `words`. The picture is valid and holds the rectangle.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub(crate) fn pack(
        &self,
        origin: [u32; 2],
        [width, height]: [u32; 2],
        words: &mut Vec<u32>,
    ) -> Result<()> {
        let first = origin[0] as usize * self.per_pixel;
        let columns = first..first + width as usize * self.per_pixel;
        // The rows of a plane.
        let rows = |plane: usize| {
            let first = plane * self.height as usize + origin[1] as usize;
            (first..first + height as usize).map(|row| row * self.row_stride)
        };
        let words_a_pixel = match self.pixels {
            Pixels::U8(_) => 1,
            Pixels::U16(_) => 2,
            _ => 3,
        };
        words.clear();
        let pixels = width as usize * height as usize;
        reserve(words, HEADER_WORDS + pixels * words_a_pixel, format_args!("{width}x{height} pixels"))?;
        match self.pixels {
            Pixels::U8(p) => {
                words.extend([WRITTEN | FORMAT_RGBA8, 1, 0, width]);
                for row in rows(0) {
                    let row = &p[row..][columns.clone()];
                    extend(words, row, self.per_pixel, |[r, g, b]| [u32::from_le_bytes([r, g, b, 255])]);
                }
            }
            Pixels::U16(p) => {
                words.extend([WRITTEN | FORMAT_RGB16, 2, 0, width * 2]);
                for row in rows(0) {
                    let row = &p[row..][columns.clone()];
                    extend(words, row, self.per_pixel, |[r, g, b]| {
                        [u32::from(r) | u32::from(g) << 16, b.into()]
                    });
                }
            }
            Pixels::F32(p) => {
                words.extend([WRITTEN | FORMAT_F32, 3, 1, width * 3]);
                for row in rows(0) {
                    let row = &p[row..][columns.clone()];
                    extend(words, row, self.per_pixel, |rgb| rgb.map(f32::to_bits));
                }
            }
            Pixels::PlanarF32(p) => {
                words.extend([WRITTEN | FORMAT_F32, 1, width.saturating_mul(height), width]);
                for row in (0..3).flat_map(rows) {
                    words.extend(p[row..][columns.clone()].iter().map(|value| value.to_bits()));
                }
            }
            // None such is valid.
            #[cfg(feature = "image")]
            Pixels::Unknown => {}
        }
        Ok(())
    }
}

/// Appends what `word` makes of each pixel's red, green and blue.
fn extend<T: Copy, const N: usize>(
    words: &mut Vec<u32>,
    row: &[T],
    per_pixel: usize,
    word: impl Fn([T; 3]) -> [u32; N],
) {
    match per_pixel {
        1 => words.extend(row.iter().flat_map(|&v| word([v; 3]))),
        2 => words.extend(row.as_chunks().0.iter().flat_map(|&[v, _]| word([v; 3]))),
        3 => words.extend(row.as_chunks().0.iter().flat_map(|&rgb| word(rgb))),
        _ => words.extend(row.as_chunks().0.iter().flat_map(|&[r, g, b, _]| word([r, g, b]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_leaves_padding_out() {
        let mut words = vec![];
        let padded = [1, 2, 3, 4, 5, 6, 99, 7, 8, 9, 10, 11, 12];
        let picture = Image::rgb8(&padded, 2, 2).with_row_stride(7);
        picture.pack([0, 0], [2, 2], &mut words).unwrap();
        let pixels = [[1, 2, 3, 255], [4, 5, 6, 255], [7, 8, 9, 255], [10, 11, 12, 255]];
        assert_eq!(words[..4], [WRITTEN | FORMAT_RGBA8, 1, 0, 2]);
        assert_eq!(words[4..], pixels.map(u32::from_le_bytes));

        let planes = [1.0, 2.0, -1.0, 3.0, 4.0, -1.0, 5.0, 6.0f32];
        let picture = Image::planar_f32(&planes, 2, 1).with_row_stride(3);
        picture.pack([0, 0], [2, 1], &mut words).unwrap();
        assert_eq!(words[..4], [WRITTEN | FORMAT_F32, 1, 2, 2]);
        assert_eq!(words[4..], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0f32].map(f32::to_bits));
    }

    /// Every format, with padding, and as a copy of its own.
    #[test]
    fn a_part_is_packed_by_itself() {
        let bytes: Vec<u8> = (0..60).collect();
        let floats: Vec<f32> = (0..60u8).map(f32::from).collect();
        let pixel = |bytes: [u8; 4]| u32::from_le_bytes(bytes);
        let pixels = |first: u8, stride: u8, per_pixel: u8, alpha: Option<u8>| -> Vec<u32> {
            let corner = [(0, 0), (1, 0), (0, 1), (1, 1)];
            let at = corner.map(|(x, y)| first + x * per_pixel + y * stride);
            at.map(|at| pixel([at, at + 1, at + 2, alpha.unwrap_or(at + 3)])).to_vec()
        };
        let bits = |values: &[u8]| values.iter().map(|&v| f32::from(v).to_bits()).collect::<Vec<u32>>();
        let shorts: Vec<u16> = (1000..1060).collect();
        let of_three = |first: u32| [(1000 + first) | (1001 + first) << 16, 1002 + first];
        let wide = [16, 19, 29, 32].into_iter().flat_map(of_three).collect();
        let interleaved = bits(&[16, 17, 18, 19, 20, 21, 29, 30, 31, 32, 33, 34]);
        let planar = bits(&[6, 7, 11, 12, 21, 22, 26, 27, 36, 37, 41, 42]);
        // Grey becomes red, green and blue that are equal; alpha is left out.
        let grey = [5, 6, 9, 10].map(|at| pixel([at, at, at, 255])).to_vec();
        let of_one = |first: u32| [(1000 + first) | (1000 + first) << 16, 1000 + first];
        let wide_grey = [6, 7, 11, 12].into_iter().flat_map(of_one).collect();
        let wide_rgba = [21, 25, 38, 42].into_iter().flat_map(of_three).collect();
        let grey_floats = bits(&[6, 6, 6, 7, 7, 7, 11, 11, 11, 12, 12, 12]);
        let rgba_floats = bits(&[21, 22, 23, 25, 26, 27, 38, 39, 40, 42, 43, 44]);
        let with_alpha =
            |pixels, per_pixel, stride| Image::new(pixels, per_pixel, 4, 3).with_row_stride(stride);
        for (image, header, data) in [
            (Image::gray8(&bytes, 4, 3), [0, 1, 0, 2], grey),
            (Image::gray16(&shorts, 4, 3).with_row_stride(5), [2, 2, 0, 4], wide_grey),
            (Image::rgba16(&shorts, 4, 3).with_row_stride(17), [2, 2, 0, 4], wide_rgba),
            (Image::gray_f32(&floats, 4, 3).with_row_stride(5), [1, 3, 1, 6], grey_floats),
            (Image::rgba_f32(&floats, 4, 3).with_row_stride(17), [1, 3, 1, 6], rgba_floats),
            (
                with_alpha(Pixels::U8(&bytes), 2, 9),
                [0, 1, 0, 2],
                [11, 13, 20, 22].map(|at| pixel([at, at, at, 255])).to_vec(),
            ),
            (
                with_alpha(Pixels::U16(&shorts), 2, 9),
                [2, 2, 0, 4],
                [11, 13, 20, 22].into_iter().flat_map(of_one).collect(),
            ),
            (
                with_alpha(Pixels::F32(&floats), 2, 9),
                [1, 3, 1, 6],
                bits(&[11, 11, 11, 13, 13, 13, 20, 20, 20, 22, 22, 22]),
            ),
            (Image::rgb8(&bytes, 4, 3).with_row_stride(13), [0, 1, 0, 2], pixels(16, 13, 3, Some(255))),
            (Image::rgba8(&bytes, 4, 3).with_row_stride(17), [0, 1, 0, 2], pixels(21, 17, 4, Some(255))),
            (Image::rgb16(&shorts, 4, 3).with_row_stride(13), [2, 2, 0, 4], wide),
            (Image::rgb_f32(&floats, 4, 3).with_row_stride(13), [1, 3, 1, 6], interleaved),
            (Image::planar_f32(&floats, 4, 3).with_row_stride(5), [1, 1, 4, 2], planar),
        ] {
            for image in [image, image.owned().unwrap().view()] {
                let mut words = vec![7];
                image.pack([1, 1], [2, 2], &mut words).unwrap();
                assert_eq!(words[0], WRITTEN | header[0], "{image:?}");
                assert_eq!((&words[1..4], &words[4..]), (&header[1..], &data[..]), "{image:?}");
            }
        }
    }
}
