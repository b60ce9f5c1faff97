//! The command line.

use std::{error::Error, path::PathBuf, str::FromStr};

pub struct Arguments {
    pub frames: u64,
    pub size: [u32; 2],
    pub weights: Option<PathBuf>,
    /// Where pictures go.
    pub save: Option<PathBuf>,
    /// Whether frames are drawn without waiting for the device: those for which there is no room are not compared.
    pub unpaced: bool,
}

const USAGE: &str = "usage: wgpu_host [--frames N] [--size WxH] [--weights FILE] [--save DIR] [--unpaced]";

impl Arguments {
    pub fn parse() -> Result<Self, Box<dyn Error>> {
        let mut parsed = Self { frames: 24, size: [128; 2], weights: None, save: None, unpaced: false };
        let mut given = std::env::args().skip(1);
        while let Some(option) = given.next() {
            let mut value = || given.next().ok_or_else(|| format!("{option} needs a value; {USAGE}"));
            match option.as_str() {
                "--frames" => parsed.frames = number(&value()?)?,
                "--size" => {
                    let text = value()?;
                    let (width, height) =
                        text.split_once('x').ok_or_else(|| format!("'{text}' is no size such as 128x128"))?;
                    parsed.size = [number(width)?, number(height)?];
                }
                "--weights" => parsed.weights = Some(value()?.into()),
                "--save" => parsed.save = Some(value()?.into()),
                "--unpaced" => parsed.unpaced = true,
                _ => return Err(format!("'{option}' is no option; {USAGE}").into()),
            }
        }
        Ok(parsed)
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("'{text}' is no number that can be used here"))
}
