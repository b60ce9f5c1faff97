//! What most tests compare: small pictures, by a model with seeded weights; and a report to the bit.

use perceptual_loss::{Config, Context, Criterion, Image, Model, ModelOptions, Report, Tap, Weights};

use crate::scene::{Distortion, Scene};

/// The default, but for its taps.
pub fn config(taps: &str) -> Config {
    config_by(taps, Criterion::Mse)
}

/// The same, with this criterion where a tap has none of its own.
pub fn config_by(taps: &str, criterion: Criterion) -> Config {
    let mut config = Config::default();
    config.taps = Tap::parse_list(taps, criterion).unwrap();
    config
}

pub fn model(context: &Context, taps: &str) -> Model {
    model_with(context, taps, &ModelOptions::default())
}

pub fn model_with(context: &Context, taps: &str, options: &ModelOptions) -> Model {
    Model::with_options(context, &config(taps), &Weights::seeded(1), options).unwrap()
}

/// Pictures of one size, no two alike.
pub fn scenes(width: u32, height: u32, count: u64) -> Vec<Scene> {
    (0..count).map(|seed| Scene::new(width, height, 5).distort(Distortion::Noise, seed)).collect()
}

pub fn image(scene: &Scene) -> Image<'_> {
    Image::rgb8(&scene.rgb, scene.width, scene.height)
}

/// The loss at each tap, to the bit.
pub fn bits(report: &Report) -> Vec<u64> {
    report.layers.iter().map(|layer| layer.loss.to_bits()).collect()
}
