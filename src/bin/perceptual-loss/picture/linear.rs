//! Linear light to sRGB: exposure, tone mapping, the sRGB curve.

use clap::ValueEnum;

/// How light beyond white is brought into range, channel by channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ToneMap {
    /// Narkowicz's fit of the ACES film curve.
    Aces,
    /// x / (1 + x).
    Reinhard,
    /// Whatever is above 1 becomes 1.
    Clip,
}

impl ToneMap {
    fn map(self, x: f32) -> f32 {
        match self {
            Self::Aces => (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14),
            Self::Reinhard => x / (1.0 + x),
            Self::Clip => x,
        }
    }
}

/// Encodes colours in place. Returns what deserves a warning.
///
/// # Errors
/// Where a value is above 1 and nothing was asked for that brings it down.
pub fn encode<'a>(
    colours: impl Iterator<Item = &'a mut f32>,
    exposure: f32,
    tone_map: Option<ToneMap>,
) -> Result<Option<String>, String> {
    let gain = exposure.exp2();
    let (mut largest, mut smallest, mut below) = (0.0f32, 0.0f32, 0u64);
    for value in colours {
        let mut light = *value * gain;
        if light < 0.0 {
            (smallest, below) = (smallest.min(*value), below + 1);
            light = 0.0;
        }
        largest = largest.max(light);
        // Beyond this the curves are flat, and their squares are no numbers any more.
        let light = light.min(1e9);
        *value = to_srgb(tone_map.map_or(light, |it| it.map(light)).min(1.0));
    }
    if tone_map.is_none() && largest > 1.0 {
        let stops = exposure - largest.log2().ceil();
        return Err(format!(
            "it holds linear light up to {largest}, and sRGB ends at 1; darken it with --exposure {stops}, map it \
             with --tonemap aces, reinhard or clip, or take it as stored with --transfer none --range any"
        ));
    }
    Ok((below > 0).then(|| format!("{below} values below 0 are taken as 0; the smallest is {smallest}")))
}

/// The sRGB curve of IEC 61966-2-1, from 0 to 1.
fn to_srgb(light: f32) -> f32 {
    if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}
