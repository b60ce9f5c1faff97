//! Whole losses.

use super::{all, options};
use crate::{
    Config, Context, Image, Model, ModelOptions, Preset, Tuning, Weights,
    doctor::{Deviation, LOSS, compare_totals, values::Rng},
    error::Result,
};

/// The default loss with seeded weights, layer by layer: of two pictures, and of one and itself, which must be 0.
pub(in crate::doctor) fn loss(context: &Context, tuning: Option<Tuning>) -> Result<Deviation> {
    let [width, height] = [19, 17];
    let mut rng = Rng::new(2);
    let [other, target]: [Vec<u8>; 2] =
        std::array::from_fn(|_| (0..width * height * 3).map(|_| rng.bits() as u8).collect());
    let config: Config = Preset::default().config();
    let layers = |context: &Context, options: &ModelOptions, generated: &[u8]| -> Result<Vec<f64>> {
        let model = Model::with_options(context, &config, &Weights::seeded(0), options)?;
        let [generated, target] = [generated, &target].map(|pixels| Image::rgb8(pixels, width, height));
        let report = model.session(width, height)?.compare_blocking(generated, target)?;
        Ok(report.layers.iter().map(|layer| layer.loss).collect())
    };
    all([&other, &target].into_iter().map(|generated| {
        let twin = layers(&Context::twin(), &ModelOptions::default(), generated)?;
        Ok(compare_totals(&layers(context, &options(tuning), generated)?, &twin, LOSS))
    }))
}
