//! A network's filters, layer by layer.

use nalgebra::{DMatrix, DVector};
use perceptual_loss::{
    Network,
    network::{Layer, LayerKind},
};

use crate::{
    features::Features,
    filters::Filters,
    lighting::Lighting,
    pictures,
    random::Random,
    recipe::{BIAS, COLOUR_GAIN, COLOURS, MEAN},
};

/// A convolution, made.
pub struct Made {
    pub layer: Layer,
    pub filters: Filters,
    pub bias: DVector<f64>,
}

/// The convolutions of `network` in order. `watch` is called before each.
pub fn generate(network: Network, seed: u64, mut watch: impl FnMut(&Layer)) -> Vec<Made> {
    let mut so_far = SoFar::new(seed);
    for layer in network.layers() {
        match layer.kind {
            LayerKind::Conv => {
                watch(layer);
                so_far.convolve(layer);
            }
            LayerKind::Pool => so_far.pool(),
            // A part of its convolution.
            _ => {}
        }
    }
    so_far.made
}

/// What has been made, and what it makes of pictures.
struct SoFar {
    seed: u64,
    /// From 1.
    block: usize,
    made: Vec<Made>,
    /// Of common pictures.
    features: Features,
    /// Of even pictures, away from their borders: pictures x channels.
    even: DMatrix<f64>,
}

impl SoFar {
    fn new(seed: u64) -> Self {
        Self { seed, block: 1, made: vec![], features: pictures::draw(seed), even: pictures::even() }
    }

    fn convolve(&mut self, layer: &Layer) {
        let random = &mut Random::new(self.seed, layer.name);
        let [outputs, inputs] = [layer.outputs, layer.inputs].map(|channels| channels as usize);
        // Plain colours go through block 1, and no other filter reads them.
        let (hidden, plain) = match self.made.len() {
            1 => (COLOURS, COLOURS),
            2 => (COLOURS, 0),
            _ => (0, 0),
        };
        let (mut filters, mut response);
        if self.made.is_empty() {
            filters = Filters::first(outputs, random);
            response = self.features.convolve(&filters.taps());
        } else {
            filters = Filters::drawn(outputs, inputs, self.block, hidden, random);
            filters.pass_on(plain);
            response = self.reject_lighting(&mut filters, hidden, plain);
        }

        let (_, deviation) = response.moments();
        let gain = |output: usize| if output < plain { COLOUR_GAIN } else { 1.0 };
        let gain = DVector::from_fn(outputs, |output, _| gain(output) / deviation[output]);
        let biased = |output: usize| !self.made.is_empty() && output >= plain;
        let bias = DVector::from_fn(outputs, |output, _| if biased(output) { BIAS } else { 0.0 });
        filters.scale(&gain);
        response.rectify(&gain, &bias);
        self.features = response;
        self.even = &self.even * filters.sums().transpose();
        for mut picture in self.even.row_iter_mut() {
            picture.iter_mut().zip(&bias).for_each(|(x, bias)| *x = (*x + bias).max(0.0));
        }
        self.made.push(Made { layer: *layer, filters, bias });
    }

    fn pool(&mut self) {
        self.features = self.features.pool();
        self.block += 1;
    }

    /// Takes off each filter what it makes of even pictures, and gives it its mean response; the first `plain` stay as
    /// they are, and the first `hidden` inputs unread. Returns what the filters then make of common pictures.
    fn reject_lighting(&self, filters: &mut Filters, hidden: usize, plain: usize) -> Features {
        let (mut mean, deviation) = self.features.moments();
        let energy = (mean.norm_squared() + deviation.norm_squared()) / mean.len() as f64;
        mean.rows_mut(0, hidden).fill(0.0);
        let lighting = Lighting::new(&self.even, hidden, energy);

        let mut shares = lighting.shares_against(&filters.sums());
        shares.rows_mut(0, plain).fill(0.0);
        filters.correct(shares, lighting.directions.clone());
        let mut response = self.features.convolve(&filters.taps());

        // The mean response comes by the features' own mean, less what of that is lighting: away from borders, where the
        // zeros around count.
        let row = DMatrix::from_row_slice(1, mean.len(), mean.as_slice());
        let direction = &row + lighting.shares_against(&row) * &lighting.directions * 9.0;
        let map = self.features.convolve(&[(); 9].map(|()| direction.clone()));
        let (_, deviation) = response.moments();
        let mut shares = (deviation * MEAN - filters.sums() * &mean) / (&direction * &mean * 9.0)[0];
        shares.rows_mut(0, plain).fill(0.0);
        response.add(&shares, &map);
        filters.correct(DMatrix::from_column_slice(shares.len(), 1, shares.as_slice()), direction);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the first `count` layers.
    fn made(count: usize) -> SoFar {
        let mut so_far = SoFar::new(7);
        for layer in &Network::Vgg19.layers()[..count] {
            match layer.kind {
                LayerKind::Conv => so_far.convolve(layer),
                LayerKind::Pool => so_far.pool(),
                _ => {}
            }
        }
        so_far
    }

    #[test]
    fn light_and_colour_change_little_but_the_plain_colours() {
        let so_far = made(4);
        let spread = |channel: usize| so_far.even.column(channel).variance().sqrt();
        assert!((0..COLOURS).all(|channel| spread(channel) > 0.5));
        assert!((COLOURS..64).all(|channel| spread(channel) < 0.1));
        let so_far = made(9);
        assert!((0..128).all(|channel| so_far.even.column(channel).variance().sqrt() < 0.1));
    }

    #[test]
    fn filters_have_the_scale_and_the_mean_of_the_recipe() {
        let before = made(7);
        let last = made(9).made.pop().expect("four were made");
        assert_eq!(last.layer.name, "conv2_2");
        let (mean, deviation) = before.features.convolve(&last.filters.taps()).moments();
        assert!(deviation.iter().all(|deviation| (deviation - 1.0).abs() < 1e-9), "{deviation}");
        // Borders have means of their own.
        assert!((mean.mean() - MEAN).abs() < 0.1, "{mean}");
    }

    #[test]
    fn the_same_seed_gives_the_same_filters_and_another_seed_others() {
        let weights = |seed| {
            let mut so_far = SoFar::new(seed);
            let layers = Network::Vgg16.layers();
            so_far.convolve(&layers[0]);
            so_far.convolve(&layers[2]);
            so_far.made[1].filters.taps()[0].clone()
        };
        assert_eq!(weights(1), weights(1));
        assert_ne!(weights(1), weights(2));
    }
}
