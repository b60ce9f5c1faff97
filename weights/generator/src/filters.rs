//! What filters are made of before pictures are seen.

use std::f64::consts::PI;

use nalgebra::{DMatrix, DVector};

use crate::{
    features::Taps,
    random::Random,
    recipe::{CHROMA_DAMPING, COLOURS, DAMPING, READS_AT_LEAST, READS_OF, UNIFORM_CHROMA},
};

/// A convolution's filters. Each reads a few inputs; what lighting does to it is then taken off by shares of directions.
pub struct Filters {
    pub inputs: usize,
    /// For each output, the inputs that it reads and their 3x3 kernels by rows, before the scale.
    pub kernels: Vec<Vec<(usize, [f64; 9])>>,
    /// Each output's factor on its kernels.
    pub scale: DVector<f64>,
    /// Outputs x directions.
    pub shares: DMatrix<f64>,
    /// Directions x inputs. An output's share of one is added at all nine places.
    pub directions: DMatrix<f64>,
}

/// The largest value of a kernel, in steps.
const STEPS: f64 = 127.0;

impl Filters {
    fn new(inputs: usize, kernels: Vec<Vec<(usize, [f64; 9])>>) -> Self {
        let (scale, shares) = (DVector::from_element(kernels.len(), 1.0), DMatrix::zeros(kernels.len(), 0));
        Self { inputs, kernels, scale, shares, directions: DMatrix::zeros(0, inputs) }
    }

    /// conv1_1: plain colours, then luminance's detail with a little of coarse chroma.
    pub fn first(outputs: usize, random: &mut Random) -> Self {
        let plain = colours().into_iter().map(|colour| colour.map(|share| [share / 3.0; 9]));
        let drawn = (COLOURS..outputs).map(|_| {
            let mut kernels = [[0.0; 9]; 3];
            for (order, wave) in waves() {
                let drawn = [(); 3].map(|()| random.normal());
                let mean = drawn.iter().sum::<f64>() / 3.0;
                let (luminance, chroma) = match order {
                    0 => (0.0, UNIFORM_CHROMA),
                    order => (DAMPING[0].powi(order), CHROMA_DAMPING.powi(order)),
                };
                for (kernel, drawn) in kernels.iter_mut().zip(drawn) {
                    let factor = luminance * mean + chroma * (drawn - mean);
                    kernel.iter_mut().zip(wave).for_each(|(value, wave)| *value += factor * wave);
                }
            }
            kernels
        });
        Self::new(3, plain.chain(drawn).map(|kernels| kernels.into_iter().enumerate().collect()).collect())
    }

    /// Random filters of `block` (from 1), whose first `hidden` inputs none of them reads. Their kernels are whole numbers up
    /// to [`STEPS`], as they are stored: what corrects them then corrects what is stored.
    pub fn drawn(outputs: usize, inputs: usize, block: usize, hidden: usize, random: &mut Random) -> Self {
        let damping = DAMPING[block - 1];
        let reads = READS_AT_LEAST.max((READS_OF * inputs as f64).ceil() as usize);
        let kernels = (0..outputs).map(|_| {
            let read = random.choose(reads, inputs - hidden);
            let kernels = read.into_iter().map(|input| {
                let mut kernel = [0.0; 9];
                for (order, wave) in waves() {
                    let factor = random.normal() * damping.powi(order);
                    kernel.iter_mut().zip(wave).for_each(|(value, wave)| *value += factor * wave);
                }
                (hidden + input, kernel)
            });
            kernels.collect()
        });
        let mut filters = Self::new(inputs, kernels.collect());
        for (kernels, scale) in filters.kernels.iter_mut().zip(filters.scale.iter_mut()) {
            let values = || kernels.iter().flat_map(|(_, kernel)| kernel);
            *scale = values().fold(0.0, |largest: f64, value| largest.max(value.abs())) / STEPS;
            kernels
                .iter_mut()
                .flat_map(|(_, kernel)| kernel)
                .for_each(|value| *value = (*value / *scale).round());
        }
        filters
    }

    /// Has the first `count` outputs pass on the first inputs as they are.
    pub fn pass_on(&mut self, count: usize) {
        let middle = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        for (channel, kernels) in self.kernels.iter_mut().enumerate().take(count) {
            *kernels = vec![(channel, middle)];
            self.scale[channel] = 1.0;
        }
    }

    /// Adds these shares (outputs x directions) of these directions (directions x inputs) at all nine places.
    pub fn correct(&mut self, shares: DMatrix<f64>, directions: DMatrix<f64>) {
        let join = |a: &DMatrix<f64>, b: &DMatrix<f64>| {
            DMatrix::from_rows(
                &a.row_iter().chain(b.row_iter()).map(|row| row.into_owned()).collect::<Vec<_>>(),
            )
        };
        self.shares = join(&self.shares.transpose(), &shares.transpose()).transpose();
        self.directions = join(&self.directions, &directions);
    }

    /// Multiplies each output by its factor.
    pub fn scale(&mut self, factors: &DVector<f64>) {
        self.scale.component_mul_assign(factors);
        for (mut shares, factor) in self.shares.row_iter_mut().zip(factors) {
            shares *= *factor;
        }
    }

    /// Every weight.
    pub fn taps(&self) -> Taps {
        let lighting = &self.shares * &self.directions;
        let mut taps = [(); 9].map(|()| lighting.clone());
        for (output, kernels) in self.kernels.iter().enumerate() {
            for (input, kernel) in kernels {
                let scale = self.scale[output];
                taps.iter_mut().zip(kernel).for_each(|(tap, value)| tap[(output, *input)] += scale * value);
            }
        }
        taps
    }

    /// What each output makes of an even input: outputs x inputs.
    pub fn sums(&self) -> DMatrix<f64> {
        let mut sums = &self.shares * &self.directions * 9.0;
        for (output, kernels) in self.kernels.iter().enumerate() {
            for (input, kernel) in kernels {
                sums[(output, *input)] += self.scale[output] * kernel.iter().sum::<f64>();
            }
        }
        sums
    }
}

/// More light and less, red against green, blue against yellow, each both ways, since a ReLU keeps but one.
fn colours() -> [[f64; 3]; COLOURS] {
    let (even, pair, triple) = (1.0 / 3f64.sqrt(), 1.0 / 2f64.sqrt(), 1.0 / 6f64.sqrt());
    let ways = |colour: [f64; 3]| [colour, colour.map(|share| -share)];
    let [light, red, blue] =
        [ways([even; 3]), ways([pair, -pair, 0.0]), ways([-triple, -triple, 2.0 * triple])];
    [light[0], light[1], red[0], red[1], blue[0], blue[1]]
}

/// The orthonormal cosine basis of 3x3 kernels, each with its order of detail.
fn waves() -> impl Iterator<Item = (i32, [f64; 9])> {
    let cosine = |order: usize, place: usize| {
        let norm = if order == 0 { 1.0 } else { 2.0 };
        (PI * (place as f64 + 0.5) * order as f64 / 3.0).cos() * (norm / 3.0f64).sqrt()
    };
    (0..9).map(move |index| {
        let [down, right] = [index / 3, index % 3];
        let wave = std::array::from_fn(|place| cosine(down, place / 3) * cosine(right, place % 3));
        ((down + right) as i32, wave)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_are_orthonormal() {
        for (i, (_, a)) in waves().enumerate() {
            for (j, (_, b)) in waves().enumerate() {
                let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn plain_light_reaches_the_plain_colours_alone() {
        let filters = Filters::first(64, &mut Random::new(0, "test"));
        let white = filters.sums() * DVector::from_element(3, 1.0);
        assert!(white[0] > 1.0 && white[1] < -1.0);
        assert!(white.iter().skip(2).all(|response| response.abs() < 1e-12), "{white}");
    }
}
