//! The pictures that filters' gains are measured on: dead leaves, drawn here.

use nalgebra::DMatrix;
use perceptual_loss::Normalization;

use crate::{features::Features, random::Random};

const SIDE: usize = 64;
const COUNT: usize = 32;
const LEAVES: usize = 120;

/// Normalised pictures.
pub fn draw(seed: u64) -> Features {
    let mut random = Random::new(seed, "pictures");
    Features::new(SIDE, (0..COUNT).map(|_| dead_leaves(&mut random)).collect())
}

/// Discs of all sizes, each with a colour and a grating, one over the other over a gradient: 3 x (row, column).
fn dead_leaves(random: &mut Random) -> DMatrix<f64> {
    let last = (SIDE - 1) as f64;
    let mut picture = DMatrix::from_fn(3, SIDE * SIDE, |channel, at| {
        let (x, y) = ((at % SIDE) as f64, (at / SIDE) as f64);
        [x, y, x.midpoint(y)][channel] / last * 0.6 + 0.2
    });
    for _ in 0..LEAVES {
        let size = random.uniform();
        let radius = SIDE as f64 * 0.25 * (size * size * size) + 1.5;
        let centre = [0, 1].map(|_| random.uniform() * SIDE as f64);
        let colour = [0, 1, 2].map(|_| random.uniform());
        let frequency = random.uniform() * 2.4;
        let (sine, cosine) = (random.uniform() * std::f64::consts::PI).sin_cos();
        for (at, mut pixel) in picture.column_iter_mut().enumerate() {
            let (x, y) = ((at % SIDE) as f64, (at / SIDE) as f64);
            let (right, down) = (x - centre[0], y - centre[1]);
            if right * right + down * down < radius * radius {
                let light = 0.8 + 0.2 * ((x * cosine + y * sine) * frequency).sin();
                pixel.iter_mut().zip(colour).for_each(|(value, colour)| *value = colour * light);
            }
        }
    }
    normalised(picture)
}

/// Pictures of one colour each: every mixture of six levels of red, green and blue. Colours x 3.
pub fn even() -> DMatrix<f64> {
    let level = |index: usize| (index % 6) as f64 / 5.0;
    let colours = DMatrix::from_fn(3, 216, |channel, index| level(index / 6usize.pow(channel as u32)));
    normalised(colours).transpose()
}

fn normalised(mut pixels: DMatrix<f64>) -> DMatrix<f64> {
    let Normalization { mean, std, .. } = Normalization::IMAGENET;
    for (channel, mut row) in pixels.row_iter_mut().enumerate() {
        row.iter_mut().for_each(|value| *value = (*value - mean[channel]) / std[channel]);
    }
    pixels
}
