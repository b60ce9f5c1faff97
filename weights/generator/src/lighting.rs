//! What even pictures look like to a layer.

use nalgebra::DMatrix;

use crate::recipe::{LIGHTING_DIRECTIONS, LIGHTING_REJECTION};

/// The directions in a layer's input in which even pictures lie.
pub struct Lighting {
    /// Orthonormal: directions x inputs, the strongest first.
    pub directions: DMatrix<f64>,
    /// How much of each is to be rejected, from 0 to 1.
    rejected: Vec<f64>,
}

impl Lighting {
    /// From the features of even pictures (pictures x inputs), without the first `hidden` inputs. `energy` is the mean
    /// squared feature of common pictures.
    pub fn new(even: &DMatrix<f64>, hidden: usize, energy: f64) -> Self {
        let mut even = even / (even.nrows() as f64).sqrt();
        even.columns_mut(0, hidden).fill(0.0);
        let eigen = (&even * even.transpose()).symmetric_eigen();
        let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        // What is weaker by so much is rounding errors.
        let least = eigen.eigenvalues[order[0]] * 1e-9;
        order.retain(|&index| eigen.eigenvalues[index] > least);
        order.truncate(LIGHTING_DIRECTIONS);
        let rows: Vec<_> = order
            .iter()
            .map(|&index| {
                let row = (eigen.eigenvectors.column(index).transpose() * &even).normalize();
                // Either sign would do; the file shall always have the same.
                if row[row.iamax_full().1] < 0.0 { -row } else { row }
            })
            .collect();
        let rejected = order.iter().map(|&index| {
            let strength = LIGHTING_REJECTION * eigen.eigenvalues[index];
            strength / (strength + energy)
        });
        Self { directions: DMatrix::from_rows(&rows), rejected: rejected.collect() }
    }

    /// The shares of the directions that, added at nine places, take off what `sums` (outputs x inputs) make of lighting.
    pub fn shares_against(&self, sums: &DMatrix<f64>) -> DMatrix<f64> {
        let mut shares = sums * self.directions.transpose() / -9.0;
        for (mut column, rejected) in shares.column_iter_mut().zip(&self.rejected) {
            column *= *rejected;
        }
        shares
    }
}
