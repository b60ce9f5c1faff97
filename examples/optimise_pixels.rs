//! Makes a picture out of noise by the gradient of its loss: `optimise_pixels TARGET.png STRIP.png [STEPS]`.
//!
//! Each step is one of Adam's. The strip has the picture at the beginning, at some steps, and at the end, beside the target.

use std::{env, error::Error};

use image::{RgbImage, imageops};
use perceptual_loss::{Config, Context, Image, Model, Weights};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [target, strip, steps @ ..] = &arguments[..] else {
        return Err("usage: optimise_pixels TARGET.png STRIP.png [STEPS]".into());
    };
    let steps: i32 = steps.first().map_or(Ok(200), |steps| steps.parse())?;
    let photograph = image::open(target)?.to_rgb8();
    let (width, height) = photograph.dimensions();
    let model = Model::new(&Context::auto_blocking()?, &Config::default(), &Weights::default())?;
    let mut session = model.session(width, height)?;
    let target = session.target(&photograph)?;

    // Planes of red, green and blue, from noise.
    let noise = |at: u32| (at.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32;
    let mut pixels: Vec<f32> = (0..3 * width * height).map(noise).collect();
    let mut saved = vec![];
    let (mut mean, mut square) = (vec![0.0; pixels.len()], vec![0.0; pixels.len()]);
    for step in 1..=steps {
        if [1, steps / 8 + 1, steps / 3 + 1].contains(&step) {
            saved.push(picture(&pixels, width, height));
        }
        let (report, gradient) =
            session.loss_and_gradient_blocking(Image::planar_f32(&pixels, width, height), &target)?;
        println!("{step} {}", report.total);
        let [by_mean, by_square] = [0.9f32, 0.999].map(|share| 1.0 / (1.0 - share.powi(step)));
        for (at, slope) in gradient.values().iter().enumerate() {
            mean[at] = 0.9 * mean[at] + 0.1 * slope;
            square[at] = 0.999 * square[at] + 0.001 * slope * slope;
            pixels[at] -= 0.05 * by_mean * mean[at] / ((by_square * square[at]).sqrt() + 1e-12);
            pixels[at] = pixels[at].clamp(0.0, 1.0);
        }
    }
    saved.extend([picture(&pixels, width, height), photograph]);
    let mut sheet = RgbImage::new(width * saved.len() as u32, height);
    for (place, picture) in (0i64..).zip(&saved) {
        imageops::replace(&mut sheet, picture, place * i64::from(width), 0);
    }
    sheet.save(strip)?;
    Ok(())
}

/// Planes as a picture.
fn picture(pixels: &[f32], width: u32, height: u32) -> RgbImage {
    let plane = width * height;
    RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([0, 1, 2].map(|c| (pixels[(c * plane + y * width + x) as usize] * 255.0).round() as u8))
    })
}
