//! Feature maps of several pictures, in float64, and what a network does to them.

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

/// Square feature maps, each a matrix of channels by positions in rows of `side + 2`: a frame of zeros lies around.
pub struct Features {
    side: usize,
    images: Vec<DMatrix<f64>>,
}

/// A kernel's nine places from the top left by rows, each outputs x inputs.
pub type Taps = [DMatrix<f64>; 9];

impl Features {
    /// From matrices of channels by `side * side` positions.
    pub fn new(side: usize, images: Vec<DMatrix<f64>>) -> Self {
        let stride = side + 2;
        let framed = |image: DMatrix<f64>| {
            let mut framed = DMatrix::zeros(image.nrows(), stride * stride);
            for row in 0..side {
                framed.columns_mut((row + 1) * stride + 1, side).copy_from(&image.columns(row * side, side));
            }
            framed
        };
        Self { side, images: images.into_iter().map(framed).collect() }
    }

    pub fn channels(&self) -> usize {
        self.images[0].nrows()
    }

    /// The 3x3 cross-correlation, stride 1, one position of zeros around.
    pub fn convolve(&self, taps: &Taps) -> Self {
        let (side, stride) = (self.side, self.side + 2);
        let run = side * stride - 2;
        let convolved = |image: &DMatrix<f64>| {
            let mut output = DMatrix::zeros(taps[0].nrows(), stride * stride);
            for (place, tap) in taps.iter().enumerate() {
                let first = place / 3 * stride + place % 3;
                output.columns_mut(stride + 1, run).gemm(1.0, tap, &image.columns(first, run), 1.0);
            }
            // What a run makes of the frame between two rows.
            for row in 1..side {
                output.columns_mut((row + 1) * stride - 1, 2).fill(0.0);
            }
            output
        };
        Self { side, images: self.images.par_iter().map(convolved).collect() }
    }

    /// max(gain x + bias, 0), by channel.
    pub fn rectify(&mut self, gain: &DVector<f64>, bias: &DVector<f64>) {
        let places = self.places();
        self.images.par_iter_mut().for_each(|image| {
            for &place in &places {
                let rectified = |x: &mut f64, gain: f64, bias: f64| *x = (gain * *x + bias).max(0.0);
                image.column_mut(place).zip_zip_apply(gain, bias, rectified);
            }
        });
    }

    /// Adds a map of one channel to every channel, each times its share.
    pub fn add(&mut self, shares: &DVector<f64>, map: &Self) {
        let places = self.places();
        self.images.par_iter_mut().zip(&map.images).for_each(|(image, map)| {
            for &place in &places {
                image.column_mut(place).axpy(map[place], shares, 1.0);
            }
        });
    }

    /// The columns that are not the frame's.
    fn places(&self) -> Vec<usize> {
        let stride = self.side + 2;
        (1..=self.side).flat_map(|row| (1..=self.side).map(move |column| row * stride + column)).collect()
    }

    /// The largest of each 2x2, stride 2.
    pub fn pool(&self) -> Self {
        let (half, stride) = (self.side / 2, self.side + 2);
        let pooled = |image: &DMatrix<f64>| {
            DMatrix::from_fn(image.nrows(), half * half, |channel, at| {
                let first = (at / half * 2 + 1) * stride + at % half * 2 + 1;
                [0, 1, stride, stride + 1]
                    .map(|step| image[(channel, first + step)])
                    .into_iter()
                    .fold(f64::MIN, f64::max)
            })
        };
        Self::new(half, self.images.iter().map(pooled).collect())
    }

    /// Each channel's mean and standard deviation.
    pub fn moments(&self) -> (DVector<f64>, DVector<f64>) {
        // Frames are zeros.
        let count = (self.images.len() * self.side * self.side) as f64;
        let sum = |of: fn(f64) -> f64| {
            let zero = DVector::zeros(self.channels());
            self.images.iter().fold(zero, |sum, image| {
                image.column_iter().fold(sum, |sum, position| sum + position.map(of))
            }) / count
        };
        let (mean, square) = (sum(|x| x), sum(|x| x * x));
        let deviation = square.zip_map(&mean, |square, mean| (square - mean * mean).max(0.0).sqrt());
        (mean, deviation)
    }
}
