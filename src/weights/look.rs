//! Whether weights look trained.
//!
//! A trained filter varies smoothly over its 3x3 taps, since pictures do; initialisations draw each tap alone. So the
//! statistic is the correlation of taps that stand side by side, over all filters of a layer:
//! sum(a b) / sum((a^2 + b^2) / 2), with no mean subtracted. Real VGG weights have 0.48 to 0.81 in each of their
//! convolutions. Random ones have 0 with a spread of at most 0.02, which conv1_1 has, being smallest: uniform, normal,
//! truncated, Kaiming's, Xavier's and orthogonal ones alike. Kurtosis, which also tells them apart in deeper
//! layers, does not in conv1_1: real filters have 2.7 there, and normal ones 3.

use std::fmt;

use serde::Serialize;

use super::Convolution;

/// At least this in every layer: trained. Twice as far from random weights' worst as from real ones' least.
const TRAINED: f64 = 0.3;
/// At most this in every layer, in magnitude: untrained. Five standard deviations of random weights in conv1_1.
const RANDOM: f64 = 0.1;
/// More than this is no filter: its taps are all but one number.
const CONSTANT: f64 = 0.98;

/// What weights look like; see [`Inspection::look`](super::Inspection::look).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Look {
    /// As trained filters do: smooth in every layer.
    Trained,
    /// As initialisations do: without a pattern in any layer.
    Untrained,
    /// Neither: some layers are smooth and some are not, or all are constant.
    Unclear,
}

impl Look {
    pub(super) fn of(smoothness: impl Iterator<Item = Option<f64>> + Clone) -> Self {
        let all = |test: fn(f64) -> bool| {
            let mut each = smoothness.clone().peekable();
            each.peek().is_some() && each.all(|layer| layer.is_some_and(test))
        };
        if all(|layer| (TRAINED..CONSTANT).contains(&layer)) {
            Self::Trained
        } else if all(|layer| layer.abs() <= RANDOM) {
            Self::Untrained
        } else {
            Self::Unclear
        }
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trained => "looks trained",
            Self::Untrained => "looks untrained",
            Self::Unclear => "cannot tell whether trained",
        })
    }
}

/// The correlation of neighbouring taps, from -1 to 1. None where all taps are zero.
pub(super) fn smoothness(convolution: &Convolution) -> Option<f64> {
    /// The taps of a filter that stand side by side, and one above the other.
    const NEIGHBOURS: [(usize, usize); 12] =
        [(0, 1), (1, 2), (3, 4), (4, 5), (6, 7), (7, 8), (0, 3), (1, 4), (2, 5), (3, 6), (4, 7), (5, 8)];
    let (mut products, mut squares) = (0.0, 0.0);
    for filter in convolution.weight.as_chunks::<9>().0 {
        for (a, b) in NEIGHBOURS {
            let (a, b) = (f64::from(filter[a]), f64::from(filter[b]));
            products += a * b;
            squares += (a * a + b * b) / 2.0;
        }
    }
    (squares > 0.0).then(|| products / squares)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Layer;

    fn look(layers: &[Option<f64>]) -> Look {
        Look::of(layers.iter().copied())
    }

    #[test]
    fn one_layer_that_differs_makes_it_unclear() {
        assert_eq!(look(&[Some(0.48), Some(0.81)]), Look::Trained);
        assert_eq!(look(&[Some(-0.02), Some(0.001)]), Look::Untrained);
        for unclear in [&[Some(0.6), Some(0.0)][..], &[Some(0.2)], &[Some(1.0)], &[Some(-0.5)], &[None], &[]]
        {
            assert_eq!(look(unclear), Look::Unclear, "{unclear:?}");
        }
    }

    #[test]
    fn smoothness_is_the_correlation_of_neighbours() {
        let of = |filter: [f32; 9]| {
            let layer = Layer::conv("conv9_9", 0, 1, 2);
            smoothness(&Convolution { layer, weight: [filter; 2].concat(), bias: vec![0.0; 2] })
        };
        assert_eq!(of([2.5; 9]), Some(1.0));
        assert_eq!(of([1., -1., 1., -1., 1., -1., 1., -1., 1.]), Some(-1.0));
        assert_eq!(of([0., 0., 0., 0., 1., 0., 0., 0., 0.]), Some(0.0));
        assert_eq!(of([0.; 9]), None);
        // Rows 1 1 0: of six pairs across, three are 1 and three 1/2 0; of those down, four are 1 and two 0.
        assert_eq!(of([1., 1., 0., 1., 1., 0., 1., 1., 0.]), Some(7.0 / 8.5));
    }
}
