//! Losses in float64, of two pictures that go through the network each by itself, as PyTorch computes them. `near.rs` holds it
//! against PyTorch's numbers, and executors against it where there are none.

use perceptual_loss::{Config, Criterion, network::LayerKind, weights::Convolution, weights::Parameters};
use rayon::prelude::*;

/// A picture's feature map: planes of rows.
struct Map {
    width: usize,
    height: usize,
    planes: Vec<Vec<f64>>,
}

/// Each tap's loss, in the network's order. Pictures: interleaved red, green and blue, from 0 to 1.
pub fn losses(
    config: &Config,
    parameters: &Parameters,
    [width, height]: [u32; 2],
    pictures: [&[f64]; 2],
) -> Vec<f64> {
    let (width, height) = (width as usize, height as usize);
    let mut maps = pictures.map(|picture| {
        let plane = |(channel, factor, offset): (usize, f64, f64)| {
            picture.iter().skip(channel).step_by(3).map(|value| value * factor + offset).collect()
        };
        Map { width, height, planes: config.normalization.channels().map(plane).into() }
    });
    let taps = config.tap_positions().unwrap();
    let mut losses = vec![];
    for (position, layer) in config.network.layers().iter().enumerate() {
        maps = match layer.kind {
            LayerKind::Conv => {
                let convolution = parameters.of_layer(layer).unwrap();
                maps.map(|map| map.convolved(convolution))
            }
            LayerKind::Relu => maps.map(Map::activated),
            _ => maps.map(|map| map.pooled()),
        };
        for (_, tap) in taps.iter().filter(|tap| tap.0 == position) {
            let [a, b] = maps.each_ref().map(|map| map.planes.iter().flatten());
            let each = a.zip(b).map(|(a, b)| match tap.criterion {
                Criterion::Mae => (a - b).abs(),
                Criterion::SmoothL1 { beta } if (a - b).abs() >= beta => (a - b).abs() - beta / 2.0,
                Criterion::SmoothL1 { beta } => (a - b) * (a - b) / (2.0 * beta),
                Criterion::Charbonnier { eps } => (a - b).hypot(eps) - eps,
                _ => (a - b) * (a - b),
            });
            losses.push(each.sum::<f64>() / maps[0].planes.iter().flatten().count() as f64);
        }
        if losses.len() == taps.len() {
            break;
        }
    }
    losses
}

impl Map {
    fn convolved(&self, convolution: &Convolution) -> Self {
        let Self { width, height, planes } = self;
        let kernels = convolution.weight().par_chunks(9 * planes.len());
        let plane = |(weights, &bias): (&[f32], &f32)| {
            let mut sums = vec![f64::from(bias); width * height];
            for (input, kernel) in planes.iter().zip(weights.chunks(9)) {
                for (tap, &weight) in kernel.iter().enumerate() {
                    let (down, right) = (tap / 3, tap % 3);
                    // Positions whose input lies in the picture: one row and column less where the tap reaches out of it.
                    let columns = usize::from(right == 0)..width - usize::from(right == 2);
                    for y in usize::from(down == 0)..height - usize::from(down == 2) {
                        let from = (y + down - 1) * width + columns.start + right - 1;
                        let sums = &mut sums[y * width..][columns.clone()];
                        for (sum, input) in sums.iter_mut().zip(&input[from..]) {
                            *sum += f64::from(weight) * input;
                        }
                    }
                }
            }
            sums
        };
        Self { planes: kernels.zip(convolution.bias()).map(plane).collect(), ..*self }
    }

    fn activated(mut self) -> Self {
        self.planes.iter_mut().flatten().for_each(|value| *value = value.max(0.0));
        self
    }

    fn pooled(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let plane = |plane: &Vec<f64>| {
            let two = |y: usize, x: usize| &plane[y * self.width + 2 * x..][..2];
            let most = |y: usize, x: usize| {
                two(2 * y, x).iter().chain(two(2 * y + 1, x)).copied().fold(f64::MIN, f64::max)
            };
            (0..width * height).map(|at| most(at / width, at % width)).collect()
        };
        Self { width, height, planes: self.planes.iter().map(plane).collect() }
    }
}
