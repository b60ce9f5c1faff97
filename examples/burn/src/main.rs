//! Fits 2D gaussians to a picture by burn and the perceptual loss, on one device: `burn-example TARGET.png STRIP.png [STEPS]`.
//!
//! burn draws the gaussians, and goes back from a picture's gradient to theirs. The picture and its gradient are burn's tensors:
//! perceptual-loss reads one and writes the other where they lie, in commands of its own on burn's queue. No pixel leaves the device
//! but those of the strip, which has the picture at the beginning, at some steps and at the end, beside the target.

mod gaussians;
mod shared;

use std::{env, error::Error};

use burn::tensor::{Device, Tensor, TensorData};
use image::{RgbImage, imageops};
use perceptual_loss::{
    Config, Model, Weights,
    gpu::{self, FrameOptions, FrameSession, Recorded, wgpu},
};

use gaussians::Gaussians;
use shared::InBuffer;

const COUNT: usize = 300;
/// What the perceptual loss counts for beside the mean squared difference of pixels.
const WEIGHT: f32 = 0.05;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [target, strip, steps @ ..] = &arguments[..] else {
        return Err("usage: burn-example TARGET.png STRIP.png [STEPS]".into());
    };
    let steps: u32 = steps.first().map_or(Ok(200), |steps| steps.parse())?;
    let photograph = image::open(target)?.to_rgb8();
    let (width, height) = photograph.dimensions();

    // One device for both. burn asks for the largest limits that it has.
    let (burn, device, queue) = shared::open();
    let context = gpu::from_device(device.clone(), queue.clone())?;
    let model = Model::new(&context, &Config::default(), &Weights::default())?;
    let mut options = FrameOptions::default();
    options.gradients = true;
    let mut session = FrameSession::with_options(&model, width, height, &options)?;

    let values = photograph.as_raw().iter().map(|&level| f32::from(level) / 255.0).collect();
    let truth: Tensor<2> = pixels(values, &burn);
    let in_buffer = InBuffer::of(&truth)?;
    let mut encoder = encode(&device);
    session.record_target(&mut encoder, in_buffer.source(width, height))?;
    queue.submit([encoder.finish()]);

    let mut gaussians = Gaussians::new(COUNT, [width, height], &burn.clone().autodiff());
    let mut saved = vec![];
    for step in 1..=steps {
        let picture = gaussians.draw();
        // What is drawn, without what burn remembers of it, and room for its gradient.
        let drawn = picture.clone().inner();
        let slope: Tensor<2> = Tensor::zeros(drawn.shape(), &burn);
        let recorded = {
            let [from, to] = [InBuffer::of(&drawn)?, InBuffer::of(&slope)?];
            let mut encoder = encode(&device);
            let source = from.source(width, height);
            let into = to.gradient(width, height).weight(WEIGHT);
            let recorded = session.record_gradient(&mut encoder, &source, &into, step.into())?;
            queue.submit([encoder.finish()]);
            recorded
        };
        assert_eq!(recorded, Recorded::Yes, "every report is taken before the next step");
        // The derivative of this sum by the picture is the gradient.
        let perceptual = (picture.clone() * Tensor::from_inner(slope)).sum();
        let squares = (picture - Tensor::from_inner(truth.clone())).square().mean();
        let by_pixels = squares.clone().inner();
        gaussians.step(&(squares + perceptual).backward(), step);

        if [1, steps / 8 + 1, steps / 3 + 1, steps].contains(&step) {
            saved.push(read(drawn, width, height)?);
        }
        device.poll(wgpu::PollType::wait_indefinitely())?;
        while let Some(done) = session.poll() {
            println!(
                "{} {:.6} {:.6}",
                done.frame,
                done.result?.total,
                by_pixels.clone().into_scalar::<f32>()
            );
        }
    }
    saved.push(photograph);
    let mut sheet = RgbImage::new(width * saved.len() as u32, height);
    for (place, picture) in (0i64..).zip(&saved) {
        imageops::replace(&mut sheet, picture, place * i64::from(width), 0);
    }
    sheet.save(strip)?;
    Ok(())
}

fn encode(device: &wgpu::Device) -> wgpu::CommandEncoder {
    device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
}

/// A row a pixel: red, green and blue.
fn pixels(values: Vec<f32>, device: &Device) -> Tensor<2> {
    let shape = [values.len() / 3, 3];
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn read(picture: Tensor<2>, width: u32, height: u32) -> Result<RgbImage, Box<dyn Error>> {
    let values = picture.into_data().try_to_vec::<f32>().map_err(|error| format!("{error:?}"))?;
    let levels = values.iter().map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
    Ok(RgbImage::from_raw(width, height, levels).ok_or("the picture has too few values")?)
}
