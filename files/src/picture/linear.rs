//! Linear light to sRGB: exposure, tone mapping, the sRGB curve.

use perceptual_loss::{ToneMap, encode_srgb};

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
        *value = encode_srgb(tone_map.unwrap_or_default().map(light.into())) as f32;
    }
    if tone_map.is_none() && largest > 1.0 {
        let stops = exposure - largest.log2().ceil();
        // What the option takes.
        let darken = (-64.0..=64.0).contains(&stops).then(|| format!("darken it with --exposure {stops}, "));
        return Err(format!(
            "it holds linear light up to {largest}, and sRGB ends at 1; {}map it with --tonemap aces, reinhard or clip, \
             or take it as stored with --transfer none --range any",
            darken.unwrap_or_default()
        ));
    }
    Ok((below > 0).then(|| format!("{below} values below 0 are taken as 0; the smallest is {smallest}")))
}
