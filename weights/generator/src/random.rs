//! Random numbers by integers and exact sums alone: the same on every machine.

use perceptual_loss::low_level::{SPLITMIX64_GAMMA, splitmix64};

/// splitmix64.
pub struct Random(u64);

impl Random {
    /// A stream of its own for each name: what one layer draws does not depend on how much others drew.
    pub fn new(seed: u64, name: &str) -> Self {
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(Self(hash ^ seed).next())
    }

    fn next(&mut self) -> u64 {
        let bits = splitmix64(self.0);
        self.0 = self.0.wrapping_add(SPLITMIX64_GAMMA);
        bits
    }

    /// From 0 up to 1, which it never is.
    pub fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Of mean 0 and variance 1: the sum of twelve uniform numbers, which is as good as normal here and needs no logarithm.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    /// `count` different numbers below `end`, in rising order.
    pub fn choose(&mut self, count: usize, end: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..end).collect();
        for place in 0..count {
            let other = place + ((u128::from(self.next()) * (end - place) as u128) >> 64) as usize;
            all.swap(place, other);
        }
        all.truncate(count);
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let mut random = Random::new(3, "test");
        let numbers: Vec<f64> = (0..100_000).map(|_| random.normal()).collect();
        let mean = numbers.iter().sum::<f64>() / 1e5;
        let variance = numbers.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }

    #[test]
    fn choices_differ_and_each_number_is_chosen_as_often() {
        let mut random = Random::new(1, "test");
        let mut counts = [0; 10];
        for _ in 0..10_000 {
            let chosen = random.choose(3, 10);
            assert!(chosen.is_sorted_by(|a, b| a < b) && chosen.len() == 3);
            chosen.into_iter().for_each(|number| counts[number] += 1);
        }
        assert!(counts.iter().all(|count| (2800..3200).contains(count)), "{counts:?}");
    }
}
