//! Ways to spoil a picture: for the demo as strong as brings it to a given error in pixels, for the agreement of weights at
//! fixed strengths.

use std::io::Cursor;

use image::{
    ImageBuffer, ImageFormat, Luma, Rgb, RgbImage,
    codecs::jpeg::JpegEncoder,
    imageops::{self, FilterType},
};
use perceptual_loss::low_level::{SPLITMIX64_GAMMA, splitmix64};

use crate::failure::Failure;

/// A way to spoil a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distortion {
    /// Gaussian blur; strength is its standard deviation in pixels.
    Blur,
    /// Gaussian noise of each channel; strength is its standard deviation in levels.
    Noise,
    /// JPEG; strength is 100 less its quality.
    Jpeg,
    /// Moved to the right and down; strength is in pixels along each axis.
    Shift,
    /// Contrast taken away; strength is in percent.
    Contrast,
    /// Blocks of one colour; strength is their side in pixels.
    Pixelation,
    /// Gaussian noise of light that varies over 8 pixels; strength is its standard deviation in levels.
    CoarseNoise,
    /// More light; strength is in percent.
    Brightness,
    /// Colour taken away; strength is in percent.
    Saturation,
    /// Few levels of each channel; strength is their distance.
    Posterisation,
}

impl Distortion {
    pub const ALL: [Self; 10] = [
        Self::Blur,
        Self::Noise,
        Self::Jpeg,
        Self::Shift,
        Self::Contrast,
        Self::Pixelation,
        Self::CoarseNoise,
        Self::Brightness,
        Self::Saturation,
        Self::Posterisation,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Blur => "blur",
            Self::Noise => "noise",
            Self::Jpeg => "jpeg",
            Self::Shift => "shift",
            Self::Contrast => "contrast",
            Self::Pixelation => "pixelation",
            Self::CoarseNoise => "coarse noise",
            Self::Brightness => "brightness",
            Self::Saturation => "saturation",
            Self::Posterisation => "posterisation",
        }
    }

    /// A strength as its user would say it.
    pub fn describe(self, strength: f64) -> String {
        match self {
            Self::Blur => format!("sigma {strength:.2}"),
            Self::Noise | Self::CoarseNoise => format!("sigma {strength:.1}"),
            Self::Jpeg => format!("quality {:.0}", 100.0 - strength),
            Self::Shift => format!("{strength:.2} px"),
            Self::Contrast | Self::Saturation => format!("-{strength:.1} %"),
            Self::Brightness => format!("+{strength:.1} %"),
            Self::Posterisation => format!("steps of {strength:.0}"),
            Self::Pixelation => format!("{strength:.0} px"),
        }
    }

    /// The least strength and the most, and the step between those that are tried.
    fn range(self) -> (f64, f64, f64) {
        match self {
            Self::Blur => (0.3, 12.0, 0.01),
            Self::Noise | Self::CoarseNoise => (1.0, 80.0, 0.1),
            Self::Jpeg => (5.0, 99.0, 1.0),
            Self::Shift => (0.05, 16.0, 0.01),
            Self::Contrast | Self::Saturation | Self::Brightness => (1.0, 99.0, 0.1),
            Self::Pixelation => (2.0, 32.0, 1.0),
            Self::Posterisation => (2.0, 255.0, 1.0),
        }
    }

    /// From hardly to be seen to bad, for whoever compares a picture with all of them.
    pub fn strengths(self) -> [f64; 4] {
        match self {
            Self::Blur => [0.6, 1.0, 2.0, 3.5],
            Self::Noise | Self::CoarseNoise => [4.0, 10.0, 20.0, 40.0],
            Self::Jpeg => [40.0, 70.0, 85.0, 93.0],
            Self::Shift => [0.7, 1.4, 2.8, 5.6],
            Self::Contrast => [10.0, 20.0, 40.0, 60.0],
            Self::Pixelation => [2.0, 3.0, 4.0, 8.0],
            Self::Brightness => [5.0, 10.0, 20.0, 40.0],
            Self::Saturation => [20.0, 50.0, 80.0, 100.0],
            Self::Posterisation => [16.0, 32.0, 64.0, 128.0],
        }
    }

    /// The picture spoilt to this peak signal-to-noise ratio, as nearly as the steps allow, and the strength of it.
    pub fn to_psnr(self, picture: &RgbImage, wanted: f64) -> Result<(RgbImage, f64), Failure> {
        let (least, most, step) = self.range();
        let strength = |index: u32| least + f64::from(index) * step;
        // Stronger is worse: halve the interval until it holds two neighbours, and take the nearer.
        let (mut low, mut high) = (0, ((most - least) / step + 0.5) as u32);
        while high - low > 1 {
            let middle = low.midpoint(high);
            let psnr = psnr(picture, &self.apply(picture, strength(middle))?);
            *(if psnr > wanted { &mut low } else { &mut high }) = middle;
        }
        let reach = |index: u32| -> Result<_, Failure> {
            let spoilt = self.apply(picture, strength(index))?;
            Ok(((psnr(picture, &spoilt) - wanted).abs(), spoilt))
        };
        let ((low_miss, low_picture), (high_miss, high_picture)) = (reach(low)?, reach(high)?);
        Ok(if low_miss <= high_miss { (low_picture, strength(low)) } else { (high_picture, strength(high)) })
    }

    pub fn apply(self, picture: &RgbImage, strength: f64) -> Result<RgbImage, Failure> {
        Ok(match self {
            Self::Blur => blur(picture, strength),
            Self::Noise => noise(picture, strength),
            Self::Jpeg => jpeg(picture, 100 - strength as u8)?,
            Self::Shift => shift(picture, strength),
            Self::Contrast => contrast(picture, 1.0 - strength / 100.0),
            Self::Pixelation => pixelate(picture, strength as u32),
            Self::CoarseNoise => coarse_noise(picture, strength),
            Self::Brightness => each(picture, |pixel| pixel.map(|value| value * (1.0 + strength / 100.0))),
            Self::Saturation => saturate(picture, 1.0 - strength / 100.0),
            Self::Posterisation => {
                each(picture, |pixel| pixel.map(|value| (value / strength).round() * strength))
            }
        })
    }
}

/// The mean over pixels and channels of the squared difference, of values in \[0, 1\].
pub fn mse(a: &RgbImage, b: &RgbImage) -> f64 {
    let squares = a.as_raw().iter().zip(b.as_raw()).map(|(&a, &b)| {
        let difference = (f64::from(a) - f64::from(b)) / 255.0;
        difference * difference
    });
    squares.sum::<f64>() / a.as_raw().len() as f64
}

/// Peak signal-to-noise ratio in decibels.
pub fn psnr(a: &RgbImage, b: &RgbImage) -> f64 {
    -10.0 * mse(a, b).log10()
}

/// Each pixel from a function of its place and channel; places beyond an edge are the edge's.
fn from_fn(picture: &RgbImage, value: impl Fn(&dyn Fn(i64, i64) -> f64, i64, i64) -> f64) -> RgbImage {
    let (width, height) = picture.dimensions();
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([0, 1, 2].map(|channel| {
            let at = |x: i64, y: i64| {
                let [x, y] =
                    [(x, width), (y, height)].map(|(at, side)| at.clamp(0, i64::from(side) - 1) as u32);
                f64::from(picture[(x, y)][channel])
            };
            level(value(&at, i64::from(x), i64::from(y)))
        }))
    })
}

fn level(value: f64) -> u8 {
    (value + 0.5).clamp(0.0, 255.0) as u8
}

fn blur(picture: &RgbImage, sigma: f64) -> RgbImage {
    let reach = (3.0 * sigma) as i64 + 1;
    let weight = |offset: i64| exp_minus((offset * offset) as f64 / (2.0 * sigma * sigma));
    let total: f64 = (-reach..=reach).map(weight).sum();
    let weights: Vec<_> = (-reach..=reach).map(|offset| (offset, weight(offset) / total)).collect();
    let across = from_fn(picture, |at, x, y| weights.iter().map(|(offset, w)| w * at(x + offset, y)).sum());
    from_fn(&across, |at, x, y| weights.iter().map(|(offset, w)| w * at(x, y + offset)).sum())
}

/// e to the -x, by (1 - x / 2^20)^(2^20): products alone, which are rounded alike on every machine.
fn exp_minus(x: f64) -> f64 {
    (0..20).fold((1.0 - x / f64::from(1 << 20)).max(0.0), |power, _| power * power)
}

/// Each pixel from its values.
fn each(picture: &RgbImage, values: impl Fn([f64; 3]) -> [f64; 3]) -> RgbImage {
    let mut spoilt = picture.clone();
    for pixel in spoilt.pixels_mut() {
        pixel.0 = values(pixel.0.map(f64::from)).map(level);
    }
    spoilt
}

/// One of a fixed sequence of random numbers, by its index.
pub fn random(index: u64) -> u64 {
    splitmix64(index.wrapping_mul(SPLITMIX64_GAMMA))
}

/// A normal number of a fixed sequence, as a share of 12 standard deviations and with a mean of a half: twelve uniform
/// numbers have a variance of one together, and are as good as normal.
fn normal(index: usize) -> f64 {
    let sum: f64 =
        (0..12).map(|draw| (random(index as u64 * 12 + draw) >> 40) as f64 / f64::from(1 << 24)).sum();
    sum / 12.0
}

fn noise(picture: &RgbImage, sigma: f64) -> RgbImage {
    let mut spoilt = picture.clone();
    for (index, value) in spoilt.iter_mut().enumerate() {
        *value = level(f64::from(*value) + sigma * 12.0 * (normal(index) - 0.5));
    }
    spoilt
}

/// The same on every channel.
fn coarse_noise(picture: &RgbImage, sigma: f64) -> RgbImage {
    let (width, height) = picture.dimensions();
    let [columns, rows] = [width, height].map(|side| side.div_ceil(8));
    let drawn = ImageBuffer::from_fn(columns, rows, |x, y| Luma([normal((y * columns + x) as usize) as f32]));
    let smooth = imageops::resize(&drawn, width, height, FilterType::CatmullRom);
    let mut spoilt = picture.clone();
    for (pixel, Luma([noise])) in spoilt.pixels_mut().zip(smooth.pixels()) {
        pixel.0 = pixel.0.map(|value| level(f64::from(value) + sigma * 12.0 * (f64::from(*noise) - 0.5)));
    }
    spoilt
}

fn saturate(picture: &RgbImage, factor: f64) -> RgbImage {
    each(picture, |pixel| {
        let light = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
        pixel.map(|value| light + factor * (value - light))
    })
}

fn jpeg(picture: &RgbImage, quality: u8) -> Result<RgbImage, Failure> {
    let failed = |error: image::ImageError| Failure::run(format!("a JPEG of the picture failed: {error}"));
    let mut file = vec![];
    JpegEncoder::new_with_quality(&mut file, quality).encode_image(picture).map_err(failed)?;
    let decoded = image::ImageReader::with_format(Cursor::new(file), ImageFormat::Jpeg).decode();
    Ok(decoded.map_err(failed)?.into_rgb8())
}

/// Between pixels by cubic interpolation (Catmull and Rom's), which blurs little.
fn shift(picture: &RgbImage, pixels: f64) -> RgbImage {
    let whole = pixels.floor();
    let t = 1.0 - (pixels - whole);
    let weights = [
        ((2.0 - t) * t - 1.0) * t / 2.0,
        ((3.0 * t - 5.0) * t * t + 2.0) / 2.0,
        ((4.0 - 3.0 * t) * t + 1.0) * t / 2.0,
        (t - 1.0) * t * t / 2.0,
    ];
    let taps: Vec<_> = (-2..).map(|offset| offset - whole as i64).zip(weights).collect();
    let across = from_fn(picture, |at, x, y| taps.iter().map(|(offset, w)| w * at(x + offset, y)).sum());
    from_fn(&across, |at, x, y| taps.iter().map(|(offset, w)| w * at(x, y + offset)).sum())
}

fn contrast(picture: &RgbImage, factor: f64) -> RgbImage {
    let count = f64::from(picture.width()) * f64::from(picture.height());
    let mean = [0, 1, 2].map(|c| picture.pixels().map(|pixel| f64::from(pixel[c])).sum::<f64>() / count);
    each(picture, |pixel| [0, 1, 2].map(|c| mean[c] + factor * (pixel[c] - mean[c])))
}

fn pixelate(picture: &RgbImage, side: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    RgbImage::from_fn(width, height, |x, y| {
        let (left, top) = (x / side * side, y / side * side);
        let (right, bottom) = ((left + side).min(width), (top + side).min(height));
        let mut sums = [0u64; 3];
        for y in top..bottom {
            for x in left..right {
                sums = [0, 1, 2].map(|c| sums[c] + u64::from(picture[(x, y)][c]));
            }
        }
        let count = u64::from(right - left) * u64::from(bottom - top);
        Rgb(sums.map(|sum| ((sum + count / 2) / count) as u8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> RgbImage {
        RgbImage::from_fn(24, 16, |x, y| Rgb([(x * 10) as u8, (y * 15) as u8, ((x * 7 + y * 5) % 256) as u8]))
    }

    #[test]
    fn what_is_flat_stays_as_it_is_but_for_noise() {
        let flat = RgbImage::from_pixel(16, 12, Rgb([20, 130, 240]));
        for distortion in [Distortion::Blur, Distortion::Shift, Distortion::Contrast, Distortion::Pixelation]
        {
            assert_eq!(distortion.apply(&flat, 3.0).unwrap(), flat, "{distortion:?}");
        }
        assert_ne!(noise(&flat, 3.0), flat);
    }

    #[test]
    fn a_whole_shift_moves_pixels_and_a_fraction_lies_between() {
        let picture = picture();
        let moved = shift(&picture, 2.0);
        assert_eq!(moved[(9, 8)], picture[(7, 6)]);
        assert_eq!(moved[(0, 0)], picture[(0, 0)], "the edge is drawn out");
        // Red is 10 levels a pixel: half a pixel is 5.
        assert_eq!(shift(&picture, 2.5)[(9, 8)][0], picture[(7, 6)][0] - 5);
    }

    #[test]
    fn blur_spreads_by_its_standard_deviation() {
        let mut dot = RgbImage::new(31, 31);
        dot[(15, 15)] = Rgb([255; 3]);
        // 255 / (2 pi sigma^2) at the centre.
        assert_eq!(blur(&dot, 1.0)[(15, 15)][0], 41);
        assert!((exp_minus(1.0) - (-1.0f64).exp()).abs() < 1e-6);
    }

    #[test]
    fn noise_has_its_standard_deviation_and_no_bias() {
        let grey = RgbImage::from_pixel(64, 64, Rgb([128; 3]));
        let spoilt = noise(&grey, 10.0);
        let differences = || spoilt.as_raw().iter().map(|&value| f64::from(value) - 128.0);
        let count = spoilt.as_raw().len() as f64;
        let (mean, variance) =
            (differences().sum::<f64>() / count, differences().map(|d| d * d).sum::<f64>() / count);
        assert!(mean.abs() < 0.3 && (9.7..10.3).contains(&variance.sqrt()), "{mean}, {variance}");
    }

    #[test]
    fn contrast_keeps_the_mean_and_pixelation_the_blocks() {
        let picture = picture();
        let mean = |picture: &RgbImage| {
            picture.as_raw().iter().map(|&v| f64::from(v)).sum::<f64>() / picture.as_raw().len() as f64
        };
        let flat = contrast(&picture, 0.25);
        assert!((mean(&flat) - mean(&picture)).abs() < 0.2);
        assert_eq!(flat[(23, 0)][0] - flat[(0, 0)][0], 58, "a quarter of 230, rounded");
        let blocks = pixelate(&picture, 5);
        assert_eq!(blocks[(5, 5)], blocks[(9, 9)]);
        assert_eq!(blocks[(5, 5)][0], 70, "the mean of 50 to 90");
    }

    #[test]
    fn colour_goes_light_comes_and_levels_get_few() {
        let red = RgbImage::from_pixel(8, 8, Rgb([200, 0, 0]));
        let apply = |distortion: Distortion, strength| distortion.apply(&red, strength).unwrap()[(3, 3)].0;
        assert_eq!(apply(Distortion::Saturation, 100.0), [60; 3], "its light, grey");
        assert_eq!(apply(Distortion::Brightness, 20.0), [240, 0, 0]);
        assert_eq!(apply(Distortion::Posterisation, 64.0), [192, 0, 0]);
    }

    #[test]
    fn coarse_noise_is_grey_smooth_and_as_strong_as_it_says() {
        let grey = RgbImage::from_pixel(256, 256, Rgb([128; 3]));
        let spoilt = coarse_noise(&grey, 20.0);
        assert!(spoilt.pixels().all(|Rgb([red, green, blue])| red == green && green == blue));
        let at = |x, y| f64::from(spoilt[(x, y)][0]) - 128.0;
        let mean = |square: &dyn Fn(u32, u32) -> f64| {
            (0..255u32).flat_map(|y| (0..255).map(move |x| square(x, y))).sum::<f64>() / (255.0 * 255.0)
        };
        let (variance, step) =
            (mean(&|x, y| at(x, y).powi(2)), mean(&|x, y| (at(x + 1, y) - at(x, y)).powi(2)));
        // Between its points it is a mean of them, and so a little less.
        assert!((12.0..22.0).contains(&variance.sqrt()) && step < 0.1 * variance, "{variance}, {step}");
    }

    #[test]
    fn each_is_worse_the_stronger_it_is() {
        let picture = picture();
        for distortion in Distortion::ALL {
            let errors =
                distortion.strengths().map(|s| mse(&picture, &distortion.apply(&picture, s).unwrap()));
            assert!(errors[0] > 0.0 && errors.is_sorted(), "{distortion:?}: {errors:?}");
        }
    }

    #[test]
    fn each_comes_to_the_psnr_that_is_wanted() {
        let picture = picture();
        for distortion in Distortion::ALL {
            let (spoilt, strength) = distortion.to_psnr(&picture, 25.0).unwrap();
            // Blocks, qualities and levels come in whole numbers.
            let coarse = [Distortion::Jpeg, Distortion::Pixelation, Distortion::Posterisation];
            let tolerance = if coarse.contains(&distortion) { 2.0 } else { 0.1 };
            let reached = psnr(&picture, &spoilt);
            assert!((reached - 25.0).abs() < tolerance, "{distortion:?} {strength}: {reached}");
        }
    }
}
