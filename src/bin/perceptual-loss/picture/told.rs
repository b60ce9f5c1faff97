//! Warnings about pictures on standard error, each once.

use std::collections::HashSet;

use super::{
    Picture,
    options::{PictureOptions, Range},
};

/// What was said on standard error.
#[derive(Default)]
pub struct Told {
    warnings: HashSet<String>,
    linear: bool,
    float: bool,
}

impl Told {
    /// A file given twice is warned about once.
    pub fn warn(&mut self, picture: &Picture) {
        self.linear |= picture.was_linear;
        self.float |= picture.was_float;
        picture.warnings.iter().for_each(|warning| self.warning(warning.clone()));
    }

    pub fn warning(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            eprintln!("warning: {warning}");
            self.warnings.insert(warning);
        }
    }

    /// Options that no picture took up.
    pub fn unused(&mut self, read: &PictureOptions) {
        if !self.linear && (read.exposure != 0.0 || read.tonemap.is_some()) {
            self.warning("no picture holds linear light: --exposure and --tonemap do nothing".to_owned());
        }
        if !self.float && (read.range != Range::Unit || read.target_range.is_some()) {
            self.warning(
                "no picture holds floats of a range: --range and --target-range do nothing".to_owned(),
            );
        }
    }
}
