//! Linear light to sRGB, which is what networks were shown.

use image::Rgb32FImage;

use super::options::{PictureOptions, Tonemap};

/// Exposes, tone-maps and encodes in place; says what was lost on the way. Every value is finite.
///
/// # Errors
/// Where values are above 1 and no tone map was chosen: how much of the highlights is to be seen is not for us to say.
pub fn encode(pixels: &mut Rgb32FImage, options: &PictureOptions) -> Result<Option<String>, String> {
    let gain = options.exposure.exp2();
    let mut negative = 0usize;
    for value in pixels.iter_mut() {
        negative += usize::from(*value < 0.0);
        // An infinity would come of huge values alone; the tone maps bring it to 1.
        *value = (*value * gain).max(0.0);
    }
    let largest = pixels.iter().copied().fold(0.0, f32::max);
    if largest > 1.0 && options.tonemap.is_none() {
        return Err(format!(
            "it holds linear light up to {largest}, and 1 is white; choose --tonemap aces, reinhard or clip (and --exposure \
             STOPS), or --transfer none to take values as stored"
        ));
    }
    for value in pixels.iter_mut() {
        *value = srgb(options.tonemap.map_or(*value, |tonemap| tonemap.map(*value)));
    }
    Ok((negative > 0).then(|| format!("{negative} values of linear light are below 0 and became 0")))
}

impl Tonemap {
    fn map(self, light: f32) -> f32 {
        // Far above white every curve is at its end, and the products below stay finite.
        let x = light.min(1e9);
        match self {
            Self::Aces => ((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)).clamp(0.0, 1.0),
            Self::Reinhard => x / (1.0 + x),
            Self::Clip => x.min(1.0),
        }
    }
}

/// IEC 61966-2-1.
fn srgb(light: f32) -> f32 {
    if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_go_through_their_published_points() {
        for (light, encoded) in [(0.0, 0.0), (0.002, 0.02584), (0.214_041_14, 0.5), (1.0, 1.0)] {
            assert!((srgb(light) - encoded).abs() < 1e-6, "{light}: {}", srgb(light));
        }
        assert_eq!([Tonemap::Reinhard, Tonemap::Clip].map(|map| map.map(3.0)), [0.75, 1.0]);
        // 1 (2.51 + 0.03) / (2.43 + 0.59 + 0.14)
        assert!((Tonemap::Aces.map(1.0) - 0.803_797_5).abs() < 1e-6);
        for map in [Tonemap::Aces, Tonemap::Reinhard, Tonemap::Clip] {
            assert_eq!(map.map(0.0), 0.0);
            assert_eq!(map.map(f32::INFINITY), 1.0, "{map:?}");
        }
    }
}
