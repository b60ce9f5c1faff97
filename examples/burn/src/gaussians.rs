//! Coloured gaussians that add up to a picture, and Adam, in burn.

use burn::tensor::{Device, Gradients, Tensor, TensorData};

const RATES: [f32; 3] = [4e-3, 6e-2, 2e-2];

/// What is fitted, each with Adam's two means.
pub struct Gaussians {
    /// (count, 2): from 0 to 1 across and down. (count, 3): of a triangle by which a distance is multiplied, as the inverse of a
    /// covariance's root. (count, 3): red, green and blue.
    values: [Tensor<2>; 3],
    means: [[Tensor<2>; 2]; 3],
    /// (pixels, 1) each: where pixels are, across and down.
    places: [Tensor<2>; 2],
}

impl Gaussians {
    /// So many, spread out, grey and round; the same each time.
    pub fn new(count: usize, [width, height]: [u32; 2], device: &Device) -> Self {
        // The sequence that fills a square evenly (R2).
        let place =
            |k: usize| [0.754_877_7, 0.569_840_3].map(|step: f64| ((k + 1) as f64 * step).fract() as f32);
        let size = 1.2 * (count as f32).sqrt();
        let tensor = |of: &dyn Fn(usize) -> Vec<f32>| {
            let values: Vec<f32> = (0..count).flat_map(of).collect();
            let shape = [count, values.len() / count];
            Tensor::<2>::from_data(TensorData::new(values, shape), device).require_grad()
        };
        let values =
            [tensor(&|k| place(k).to_vec()), tensor(&|_| vec![size, 0.0, size]), tensor(&|_| vec![0.2; 3])];
        let means = values.each_ref().map(|value| {
            let zeros = || Tensor::zeros(value.shape(), &device.clone().inner());
            [zeros(), zeros()]
        });
        let across = |k: u32| ((k % width) as f32 + 0.5) / width as f32;
        let down = |k: u32| ((k / width) as f32 + 0.5) / height as f32;
        let places = [&across as &dyn Fn(u32) -> f32, &down].map(|place| {
            let values: Vec<f32> = (0..width * height).map(place).collect();
            let shape = [values.len(), 1];
            Tensor::from_data(TensorData::new(values, shape), device)
        });
        Self { values, means, places }
    }

    /// The picture, (pixels, 3).
    pub fn draw(&self) -> Tensor<2> {
        let [centers, shapes, colours] = &self.values;
        // (1, count) of each, from (pixels, 1) and it a distance for each pixel and gaussian.
        let column = |of: &Tensor<2>, k: usize| of.clone().narrow(1, k, 1).transpose();
        let [across, down] = [0, 1].map(|axis| self.places[axis].clone() - column(centers, axis));
        let along = across.clone() * column(shapes, 0);
        let beside = across * column(shapes, 1) + down * column(shapes, 2);
        let near = (along.square() + beside.square()).mul_scalar(-0.5).exp();
        near.matmul(colours.clone())
    }

    /// A step of Adam's.
    pub fn step(&mut self, gradients: &Gradients, step: u32) {
        for ((value, [mean, square]), rate) in self.values.iter_mut().zip(&mut self.means).zip(RATES) {
            let Some(slope) = value.grad(gradients) else { continue };
            *mean = mean.clone() * 0.9 + slope.clone() * 0.1;
            *square = square.clone() * 0.999 + slope.square() * 0.001;
            let [by_mean, by_square] = [0.9f32, 0.999].map(|share| 1.0 / (1.0 - share.powi(step as i32)));
            let taken = mean.clone() * (by_mean * rate) / ((square.clone() * by_square).sqrt() + 1e-12);
            *value = Tensor::from_inner(value.clone().inner() - taken).require_grad();
        }
    }
}
