//! Test pictures in integers alone, so that `tests/golden/losses.py` draws the same bytes: change both or neither.
#![allow(dead_code)] // Each test program uses its own part of this.

use perceptual_loss::low_level::splitmix64;

/// A picture, rows of red, green, blue: dead leaves over a gradient, with smooth areas, edges and texture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    pub width: u32,
    pub height: u32,
    pub rgb: Vec<u8>,
}

/// Noise of up to 31 levels, a 5x5 binomial blur, 32 levels more. Only noise needs the seed.
#[derive(Clone, Copy, Debug)]
pub enum Distortion {
    Noise,
    Blur,
    Bright,
}

const PALETTE: [u32; 8] = [0x264653, 0x2A9D8F, 0xE9C46A, 0xF4A261, 0xE76F51, 0xF1FAEE, 0xA8DADC, 0x457B9D];

impl Scene {
    pub fn new(width: u32, height: u32, seed: u64) -> Self {
        let (w, h, mut draws) = (i64::from(width), i64::from(height), (0..).map(|i| random(seed, i)));
        let mut pick = |n: i64| (draws.next().unwrap() >> 33) as i64 % n;
        let colour = |index: i64| [16, 8, 0].map(|shift| i64::from((PALETTE[index as usize] >> shift) & 255));
        let (top, low) = (colour(pick(8)), colour(pick(8)));
        let row = |y: i64| (0..w).flat_map(move |_| (0..3).map(move |c| (top[c] * (h - y) + low[c] * y) / h));
        let mut rgb: Vec<i64> = (0..h).flat_map(row).collect();
        for leaf in 0..48 {
            // A box with round corners, or without an extent a disc; the later, the smaller.
            let (cx, cy, r) = (pick(w), pick(h), 2 + pick(1 + w.max(h) * (60 - leaf) / 300));
            let (ex, ey) = (pick(2) * pick(1 + 2 * r), pick(2) * pick(1 + 2 * r));
            let (leaf_colour, stripes) = (colour(pick(8)), pick(3) * 48);
            let (ax, ay, period) = (pick(9), pick(9), 8 + pick(32));
            for y in (cy - ey - r).max(0)..(cy + ey + r + 1).min(h) {
                for x in (cx - ex - r).max(0)..(cx + ex + r + 1).min(w) {
                    // In 256ths: how much of the pixel is the leaf's, and its light, from the upper left.
                    let (dx, dy) = (((x - cx).abs() - ex).max(0), ((y - cy).abs() - ey).max(0));
                    let cover = (((r * r - dx * dx - dy * dy) * 128).div_euclid(r) + 128).clamp(0, 256);
                    let slope = ((cx - x + cy - y) * 40).div_euclid(2 * r + ex + ey);
                    let wave = ((ax * x + ay * y) % (2 * period) - period).abs();
                    let light = 240 + slope - stripes * wave / period;
                    for (v, leaf) in rgb[((y * w + x) * 3) as usize..].iter_mut().zip(leaf_colour) {
                        *v += ((((leaf * light) >> 8).min(255) - *v) * cover) >> 8;
                    }
                }
            }
        }
        Self { width, height, rgb: rgb.into_iter().map(|v| v as u8).collect() }
    }

    pub fn distort(&self, distortion: Distortion, seed: u64) -> Self {
        let (w, h) = (self.width as usize, self.height as usize);
        let noise = |bits: u64| ((bits >> 32) & 31) as i64 - (bits & 31) as i64;
        let value = |i: usize| match distortion {
            Distortion::Noise => (i64::from(self.rgb[i]) + noise(random(seed, i as u64))).clamp(0, 255) as u8,
            Distortion::Blur => {
                let near = |at: usize, k: usize, n: usize| (at + k).saturating_sub(2).min(n - 1);
                let at = |j, k| (near(i / 3 / w, j, h) * w + near(i / 3 % w, k, w)) * 3 + i % 3;
                let term = |(j, a), (k, b): (usize, u32)| a * b * u32::from(self.rgb[at(j, k)]);
                let weights = || [1, 4, 6, 4, 1].into_iter().enumerate();
                ((weights().flat_map(|a| weights().map(move |b| term(a, b))).sum::<u32>() + 128) / 256) as u8
            }
            Distortion::Bright => self.rgb[i].saturating_add(32),
        };
        Self { rgb: (0..self.rgb.len()).map(value).collect(), ..*self }
    }
}

/// Number `i` of a seed's: SplitMix64 of the seed, then of that plus `i`.
fn random(seed: u64, i: u64) -> u64 {
    splitmix64(splitmix64(seed).wrapping_add(i))
}
