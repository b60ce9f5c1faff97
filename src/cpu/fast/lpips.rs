//! Fast forms of `src/cpu/twin/lpips.rs`, which carry the difference.

use rayon::prelude::*;

use super::{
    bordered::{Bordered, Lying},
    difference::begin,
    features::{Features, Rows},
    relu::zero_unmasked,
};
use crate::{
    cpu::simd::vectorized,
    plan::{Region, Tensor},
};

/// What is added to lengths, as the package lpips has it.
const EPSILON: f64 = 1e-10;

/// The sum over the positions that the region owns of the distance there, by channels' `weights`.
pub(super) fn lpips(features: Features<'_>, weights: &[f32]) -> f64 {
    let owned = features.difference.0.region.owned();
    let [width, height] = owned.extent.map(|side| side as usize);
    let pairs = Pairs::under(features, &owned);
    let sums: Vec<f64> =
        (0..height).into_par_iter().map(|y| row_distance(&pairs, y, width, weights)).collect();
    // One after another, whichever thread made them: the same bits each time.
    sums.iter().sum()
}

vectorized! {
    /// The same sum over a row.
    fn row_distance<'a>(pairs: &'a Pairs<'a>, y: usize, width: usize, weights: &'a [f32]) -> f64 {
        let mut sum = 0.0;
        for x in 0..width {
            sum += pairs.at(x, y).distance(weights);
        }
        sum
    }
}

/// The gradient of that sum, times `factor`, and what is there of it, of one image; 0 where there is a mask without its bit.
pub(super) fn lpips_gradient(
    features: Features<'_>,
    (weights, factor): (&[f32], f64),
    added: Option<(&Tensor, &[f32])>,
    mask: Option<(&Tensor, &[f32])>,
    (to, kept, output): (&Tensor, u32, &mut [f32]),
) {
    let written = to.region.below(kept);
    let pairs = Pairs::under(features, &written);
    let [added, mask] =
        [added, mask].map(|read| read.map(|(tensor, image)| Lying::under(tensor, image, &written)));
    let channels = to.channels as usize;
    Bordered::below(to, kept).fill_rows(output, |y, row| {
        let [added, mask] = [&added, &mask].map(|read| read.as_ref().map(|lying| lying.row(y)));
        row_gradient(row, (&pairs, y), (weights, factor), added, mask, channels);
    });
}

vectorized! {
    /// The same of a row.
    fn row_gradient<'a>(
        row: &'a mut [f32],
        pairs: (&'a Pairs<'a>, usize),
        weights: (&'a [f32], f64),
        added: Option<&'a [f32]>,
        mask: Option<&'a [f32]>,
        channels: usize,
    ) {
        begin(row, added);
        for (x, out) in row.chunks_exact_mut(channels).enumerate() {
            pairs.0.at(x, pairs.1).add_gradient(weights.0, weights.1, out);
        }
        if let Some(mask) = mask {
            zero_unmasked(row, mask, channels);
        }
    }
}

/// The features, and zeros where there is no target.
struct Pairs<'a> {
    rows: Rows<'a>,
    zeros: Vec<f32>,
}

impl<'a> Pairs<'a> {
    fn under(features: Features<'a>, region: &Region) -> Self {
        let rows = Rows::under(features, region);
        let zeros = if rows.target.is_none() { vec![0.0; rows.difference.channels()] } else { vec![] };
        Self { rows, zeros }
    }

    #[inline(always)] // so that it is compiled for the registers that there are
    fn at(&self, x: usize, y: usize) -> Pair<'_> {
        let Rows { difference, target, least } = &self.rows;
        let channels = difference.channels();
        let of = |lying: &Lying<'a>| &lying.row(y)[x * channels..][..channels];
        Pair::new(target.as_ref().map_or(&*self.zeros, of), of(difference), *least)
    }
}

/// The vectors of channels at a position, and what their lengths, and an epsilon, make of them.
struct Pair<'a> {
    target: &'a [f32],
    difference: &'a [f32],
    /// What they are raised to as they are read.
    least: [f32; 2],
    /// The generated picture's length.
    length: f64,
    /// How much longer it is than the target's.
    longer_by: f64,
    /// Whether it is the shorter one.
    is_shorter: bool,
    /// The reciprocals of the shorter length and of the longer one.
    of_shorter: f64,
    of_longer: f64,
}

impl<'a> Pair<'a> {
    #[inline(always)] // so that it is compiled for the registers that there are
    fn new(target: &'a [f32], difference: &'a [f32], least: [f32; 2]) -> Self {
        let [squares, of_generated, more] = sums([target, difference], least, |_, a, d| {
            let b = a + d;
            [a * a, b * b, d * (a + b)]
        });
        let [of_target, length] = [squares, of_generated].map(f64::sqrt);
        let both = of_target + length;
        Self {
            target,
            difference,
            least,
            length,
            longer_by: if both == 0.0 { 0.0 } else { more / both },
            is_shorter: length < of_target,
            of_shorter: 1.0 / (length.min(of_target) + EPSILON),
            of_longer: 1.0 / (length.max(of_target) + EPSILON),
        }
    }

    /// What the vectors differ by once each is divided by its length, n(a + d) - n(a), made so that it keeps d's own precision.
    #[inline(always)] // so that it is compiled for the registers that there are
    fn between(&self, a: f64, d: f64) -> f64 {
        let shorter = if self.is_shorter { a + d } else { a };
        (d - shorter * self.of_shorter * self.longer_by) * self.of_longer
    }

    #[inline(always)] // so that it is compiled for the registers that there are
    fn distance(&self, weights: &[f32]) -> f64 {
        let [sum] = sums([self.target, self.difference], self.least, |channel, a, d| {
            let between = self.between(a, d);
            [f64::from(weights[channel]) * between * between]
        });
        sum
    }

    #[inline(always)] // so that it is compiled for the registers that there are
    fn add_gradient(&self, weights: &[f32], factor: f64, out: &mut [f32]) {
        // There the length has none.
        if self.length == 0.0 {
            return;
        }
        let both = [self.target, self.difference];
        let [along] = sums(both, self.least, |channel, a, d| {
            [f64::from(weights[channel]) * self.between(a, d) * (a + d)]
        });
        let whole = self.length + EPSILON;
        let (scale, pull) = (2.0 * factor / whole, along / (self.length * whole));
        let values = self.target.iter().zip(self.difference).zip(weights);
        for (out, ((a, d), weight)) in out.iter_mut().zip(values) {
            let [a, d] = [a.max(self.least[0]), d.max(self.least[1])].map(f64::from);
            *out += (scale * (f64::from(*weight) * self.between(a, d) - pull * (a + d))) as f32;
        }
    }
}

/// Sums over channels of what `terms` makes of a channel of both vectors, in as many partial sums as vector units want.
#[inline(always)] // so that it is compiled for the registers that there are
fn sums<const N: usize>(
    [a, d]: [&[f32]; 2],
    least: [f32; 2],
    terms: impl Fn(usize, f64, f64) -> [f64; N],
) -> [f64; N] {
    const LANES: usize = 8;
    let mut all = [[0.0; LANES]; N];
    let mut add = |first: usize, a: &[f32], d: &[f32]| {
        for (lane, (a, d)) in a.iter().zip(d).enumerate() {
            let [a, d] = [a.max(least[0]), d.max(least[1])].map(f64::from);
            for (lanes, term) in all.iter_mut().zip(terms(first + lane, a, d)) {
                lanes[lane] += term;
            }
        }
    };
    let ((whole_a, rest_a), (whole_d, rest_d)) = (a.as_chunks::<LANES>(), d.as_chunks::<LANES>());
    for (chunk, (a, d)) in whole_a.iter().zip(whole_d).enumerate() {
        add(chunk * LANES, a, d);
    }
    add(whole_a.len() * LANES, rest_a, rest_d);
    all.map(|lanes| lanes.iter().sum())
}
