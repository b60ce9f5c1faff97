//! Reproducible values to feed kernels with.

use crate::{
    cpu::twin::Texel,
    error::Result,
    network::Layer,
    random::{SPLITMIX64_GAMMA, splitmix64},
    weights::{Convolution, Parameters},
};

/// splitmix64: the same numbers on every machine, and cheap enough for 2^30 of them.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A sequence of its own for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds must not begin at neighbouring states, which would be one sequence, shifted.
        Self(Self(seed).bits())
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let bits = splitmix64(self.0);
        self.0 = self.0.wrapping_add(SPLITMIX64_GAMMA);
        bits
    }

    /// A whole number from 0 up to, not including, `end`, which is not 0.
    pub fn below(&mut self, end: u32) -> u32 {
        (self.bits() % u64::from(end)) as u32
    }

    /// Of either sign, the magnitude in [2^-powers, 2^powers), with all powers of two alike. Never -0.
    pub fn spread(&mut self, powers: u32) -> f32 {
        let bits = self.bits();
        let exponent = 127 - powers + (bits >> 32) as u32 % (2 * powers);
        f32::from_bits((bits as u32 & 0x807f_ffff) | exponent << 23)
    }

    /// Of either sign, the magnitude from 1e-3 to 1e3.
    pub fn wide(&mut self) -> f32 {
        self.spread(10)
    }
}

/// Values of either sign and of magnitudes from 1e-3 to 1e3.
#[must_use]
pub fn values(seed: u64, count: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| rng.wide()).collect()
}

/// What convolutions are fed: of either sign and of magnitudes from 1/4 to 4, so that each product weighs enough
/// to be missed.
#[must_use]
pub fn features(seed: u64, count: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| rng.spread(2)).collect()
}

/// A few whole numbers: many of them are the same, and many sums of them are 0.
#[must_use]
pub fn few(seed: u64, count: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| rng.below(5) as f32 - 2.0).collect()
}

/// A convolution whose weights and biases are like [`features`].
///
/// # Errors
/// [`Convolution::new`]'s, which this many finite values do not give.
pub fn convolution(layer: Layer, seed: u64) -> Result<Convolution> {
    let weights = u64::from(layer.inputs * layer.outputs) * 9;
    let mut weight = features(seed, weights + u64::from(layer.outputs));
    let bias = weight.split_off(weights as usize);
    Convolution::new(layer, weight, bias)
}

/// Weights of a layer's channels, from 1/4 to 4.
#[must_use]
pub fn channel_weights(layer: &'static str, channels: u32, seed: u64) -> Parameters {
    let values = features(seed, channels.into()).into_iter().map(f32::abs).collect();
    Parameters::new(vec![], "random").with_channel_weights(layer, values)
}

/// Bytes of so many texels: of 8-bit formats every level in every channel first, and of floats light from 0 to 32 with
/// none, very little and, where there is a sign, less than none in between.
#[must_use]
pub fn texels(texel: Texel, seed: u64, count: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let first = [0; 4].map(|_| rng.bits() as u8);
    (0..count)
        .flat_map(|i| match texel {
            Texel::Rgba8 | Texel::Rgba8Srgb | Texel::Bgra8 | Texel::Bgra8Srgb if i < 256 => {
                first.map(|first| first.wrapping_add(i as u8)).to_vec()
            }
            Texel::Rg11b10 => {
                let [red, green] = [0; 2].map(|_| light(&mut rng, 5, 6, false));
                (red | green << 11 | light(&mut rng, 5, 5, false) << 22).to_le_bytes().to_vec()
            }
            Texel::Rgba16Float => {
                let half = |_| (light(&mut rng, 5, 10, true) as u16).to_le_bytes();
                [0; 4].map(half).as_flattened().to_vec()
            }
            Texel::Rgba32Float => {
                [0; 4].map(|_| light(&mut rng, 8, 23, true).to_le_bytes()).as_flattened().to_vec()
            }
            _ => (rng.bits() as u32).to_le_bytes().to_vec(),
        })
        .collect()
}

/// The bits of a float of so many bits of exponent and of fraction.
fn light(rng: &mut Rng, exponent_bits: u32, fraction_bits: u32, signed: bool) -> u32 {
    let bias = (1 << (exponent_bits - 1)) - 1;
    let exponent = match rng.below(8) {
        0 => return 0,
        // Subnormal; those of float32 are no numbers to many a GPU.
        1 if exponent_bits == 5 => 0,
        1 | 2 => 1 + rng.below(bias),
        _ => bias - 8 + rng.below(13),
    };
    let sign = u32::from(signed && rng.below(4) == 0);
    let fraction = rng.below(1 << fraction_bits);
    sign << (exponent_bits + fraction_bits) | exponent << fraction_bits | fraction
}
