//! Files out: whole or not at all, whenever Ctrl-C comes.

use std::path::Path;

use perceptual_loss_files as files;

use crate::{failure::Failure, interrupt};

/// A file that is to be written.
pub struct Output(files::Output);

impl Output {
    /// Sees to it that there can be such a file, before the work whose result it is to hold.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let output = files::Output::new(path)?;
        let _held = output.is_replaced().then(interrupt::hold);
        output.check()?;
        Ok(Self(output))
    }

    /// Writes all of it and gives it its name.
    pub fn finish(self, bytes: &[u8]) -> Result<(), Failure> {
        let _held = self.0.is_replaced().then(interrupt::hold);
        Ok(self.0.finish(bytes)?)
    }
}
