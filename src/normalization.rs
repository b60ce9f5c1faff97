//! What is done to pixel values before the network sees them.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use crate::error::{Error, Result};

/// The order in which the network wants its three input channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ChannelOrder {
    /// Red, green, blue: torchvision.
    #[default]
    Rgb,
    /// Blue, green, red: the original Caffe release.
    Bgr,
}

/// Input normalisation of pixel values in \[0, 1\]: `(value * scale - mean) / std`, channel by channel.
///
/// ```
/// use perceptual_loss::{ChannelOrder, Normalization};
///
/// let caffe = Normalization::new([103.939, 116.779, 123.68], [1.0; 3]).with_order(ChannelOrder::Bgr).with_scale(255.0);
/// assert_eq!(caffe, Normalization::CAFFE);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Normalization {
    /// The order of the network's input channels; `mean` and `std` are in this order.
    pub order: ChannelOrder,
    /// Multiplied in first: 255 where the network was trained on 0..255.
    pub scale: f64,
    /// Subtracted, in units of the scaled value.
    pub mean: [f64; 3],
    /// Divided by.
    pub std: [f64; 3],
}

impl Normalization {
    /// Pixels as they are, in \[0, 1\].
    pub const NONE: Self = Self::new([0.0; 3], [1.0; 3]);
    /// torchvision's ImageNet mean and standard deviation (LPIPS's constants are the same ones).
    pub const IMAGENET: Self = Self::new([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    /// To \[-1, 1\], as pix2pixHD feeds its network.
    pub const SIGNED: Self = Self::new([1.0; 3], [1.0; 3]).with_scale(2.0);
    /// BGR, 0..255, mean subtracted: the original VGG release, Keras, Gatys.
    pub const CAFFE: Self =
        Self::new([103.939, 116.779, 123.68], [1.0; 3]).with_order(ChannelOrder::Bgr).with_scale(255.0);

    const NAMED: [(&'static str, Self); 4] = [
        ("none", Self::NONE),
        ("imagenet", Self::IMAGENET),
        ("signed", Self::SIGNED),
        ("caffe", Self::CAFFE),
    ];

    /// `(value - mean) / std` over RGB values in \[0, 1\].
    #[must_use]
    pub const fn new(mean: [f64; 3], std: [f64; 3]) -> Self {
        Self { order: ChannelOrder::Rgb, scale: 1.0, mean, std }
    }

    /// The same, for a network that wants its channels in this order; `mean` and `std` are in it too.
    #[must_use]
    pub const fn with_order(self, order: ChannelOrder) -> Self {
        Self { order, ..self }
    }

    /// The same, with this multiplied in first: 255 where the network was trained on 0..255.
    #[must_use]
    pub const fn with_scale(self, scale: f64) -> Self {
        Self { scale, ..self }
    }

    /// For each channel of the network: which channel of the RGB picture it reads, and the factor and offset
    /// that make its input from a value in \[0, 1\].
    #[must_use]
    pub fn channels(&self) -> [(usize, f64, f64); 3] {
        std::array::from_fn(|c| {
            let source = match self.order {
                ChannelOrder::Rgb => c,
                ChannelOrder::Bgr => 2 - c,
            };
            (source, self.scale / self.std[c], -self.mean[c] / self.std[c])
        })
    }

    /// For each channel of the RGB picture, the network's channel that reads it, and by which factor.
    pub(crate) fn factors(&self) -> [(usize, f64); 3] {
        let mut factors = [(0, 0.0); 3];
        for (channel, (source, factor, _)) in self.channels().into_iter().enumerate() {
            factors[source] = (channel, factor);
        }
        factors
    }

    /// # Errors
    /// [`Error::Config`] where a constant is not finite, or `scale` or a `std` is zero; or where float32, in which it is computed,
    /// cannot hold a factor or an offset that comes of them, or only as 0.
    pub fn validate(&self) -> Result<()> {
        let divisors = self.std.iter().chain([&self.scale]);
        if !self.mean.iter().all(|v| v.is_finite()) || !divisors.clone().all(|v| v.is_finite() && *v != 0.0) {
            return Err(Error::Config(format!(
                "the normalisation {self} is not usable: mean must be finite, std and scale finite and not zero"
            )));
        }
        let fits = |value: f64| (value as f32).is_normal();
        let channels = self.channels().into_iter().zip(self.mean);
        for ((_, factor, offset), mean) in channels {
            if !fits(factor) || mean != 0.0 && !fits(offset) {
                return Err(Error::Config(format!(
                    "the normalisation {self} is not usable: it multiplies by {factor:e} and adds {offset:e}, which float32 \
                     cannot hold; give std, scale and mean magnitudes nearer to 1"
                )));
            }
        }
        Ok(())
    }
}

/// A named one by its name, any other as `mean=R/G/B,std=R/G/B,scale=S,order=rgb`, which [`FromStr`] reads.
impl fmt::Display for Normalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = Self::NAMED.iter().find(|(_, named)| named == self) {
            return f.write_str(name);
        }
        let [m, s] = [self.mean, self.std].map(|v| format!("{}/{}/{}", v[0], v[1], v[2]));
        let order = match self.order {
            ChannelOrder::Rgb => "rgb",
            ChannelOrder::Bgr => "bgr",
        };
        write!(f, "mean={m},std={s},scale={},order={order}", self.scale)
    }
}

/// As text.
impl Serialize for Normalization {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Normalization {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some((_, named)) = Self::NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(*named);
        }
        let wrong = || {
            Error::Config(format!(
                "'{text}' is no normalisation; it is none, imagenet, signed, caffe, or constants such as \
                 mean=0.485/0.456/0.406,std=0.229/0.224/0.225,scale=1,order=rgb"
            ))
        };
        let mut own = Self::NONE;
        for part in text.split(',') {
            match part.split_once('=').ok_or_else(wrong)? {
                ("mean", value) => own.mean = three(value).ok_or_else(wrong)?,
                ("std", value) => own.std = three(value).ok_or_else(wrong)?,
                ("scale", value) => own.scale = value.parse().map_err(|_| wrong())?,
                ("order", "rgb") => own.order = ChannelOrder::Rgb,
                ("order", "bgr") => own.order = ChannelOrder::Bgr,
                _ => return Err(wrong()),
            }
        }
        own.validate()?;
        Ok(own)
    }
}

fn three(text: &str) -> Option<[f64; 3]> {
    let values: Vec<f64> = text.split('/').map(|v| v.parse().ok()).collect::<Option<_>>()?;
    values.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in
            ["none", "imagenet", "signed", "caffe", "mean=0.5/0.25/0.125,std=1/2/4,scale=255,order=bgr"]
        {
            assert_eq!(text.parse::<Normalization>().unwrap().to_string(), text);
        }
        for wrong in ["", "lpips2", "mean=1/2", "std=0/1/1", "scale=nan", "order=xyz", "mean=1/2/3;std=1/1/1"]
        {
            assert!(wrong.parse::<Normalization>().is_err(), "{wrong}");
        }
    }

    /// What is computed with must be a number of float32 that is not 0, where the constants are finite float64s that are not 0.
    #[test]
    fn factors_and_offsets_fit_float32() {
        for fits in ["scale=1e38", "std=1e-38/1/1", "mean=1e-30/0/0", "std=-1/1/1", "mean=1/1/1,std=1e30/1/1"]
        {
            assert!(fits.parse::<Normalization>().is_ok(), "{fits}");
        }
        for wrong in [
            "scale=1e39",
            "scale=1e-46",
            "std=1e-300/1e-300/1e-300",
            "std=1/1e300/1",
            "mean=1e39/0/0",
            "mean=0/1e-46/0",
            "mean=1e30/1/1,std=1e-30/1/1",
            "scale=1e300,std=1e-300/1/1",
        ] {
            let error = wrong.parse::<Normalization>().unwrap_err().to_string();
            assert!(error.contains("float32"), "{error}");
        }
    }

    #[test]
    fn caffe_reads_blue_first() {
        let [(source, factor, offset), ..] = Normalization::CAFFE.channels();
        assert_eq!((source, factor, offset), (2, 255.0, -103.939));
    }
}
