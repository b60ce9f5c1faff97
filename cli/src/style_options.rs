//! The picture whose style is compared with.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use perceptual_loss::{Config, Criterion, low_level::shown};
use perceptual_loss_files::{Picture, Reading, Source};

use crate::{failure::Failure, told::Told};

/// A picture beside the target.
#[derive(Args)]
pub struct StyleOptions {
    /// A picture of any size that layers of the criterion gram are compared with, in place of the target: its Gram matrices are
    /// computed once. All other layers are compared with the target. It is read as the target is, and neither resized nor cropped.
    #[arg(long, value_name = "PICTURE", value_hint = ValueHint::FilePath)]
    style: Option<PathBuf>,
}

impl StyleOptions {
    /// Where it is.
    pub fn path(&self) -> Option<&Path> {
        self.style.as_deref()
    }

    /// What reports call it.
    pub fn name(&self) -> Option<String> {
        self.path().map(shown::name)
    }

    /// That the loss has a layer that is compared with it.
    pub fn check(&self, config: &Config) -> Result<(), Failure> {
        let has_gram = config.taps.iter().any(|tap| tap.criterion == Criterion::Gram);
        if self.style.is_none() || has_gram {
            return Ok(());
        }
        Err(Failure::input(
            "--style is compared with by layers of the criterion gram, and the loss has none; take --preset gatys or gram, or leave \
             --style out",
        ))
    }

    /// The picture.
    pub fn open(&self, reading: &Reading, told: &mut Told) -> Result<Option<Picture>, Failure> {
        let Some(path) = &self.style else { return Ok(None) };
        let picture = Picture::open_target(&Source::new(path, reading.max_decoded)?, reading)?;
        told.warn(&picture);
        Ok(Some(picture))
    }
}
