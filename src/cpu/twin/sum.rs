//! Twin of `shaders/sum.wgsl`.

/// The sum of partial sums.
#[must_use]
pub fn sum(partials: &[f32]) -> f64 {
    partials.iter().map(|&partial| f64::from(partial)).sum()
}
