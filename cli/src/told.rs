//! Lines about pictures for standard error, each once, when the progress bar is gone and all input has been found
//! good: an error stands alone.

use std::collections::HashSet;

use perceptual_loss_files::{Filter, Picture, Range, Reading, Source};

use crate::say::{self, Level};

/// What is to be said on standard error.
#[derive(Default)]
pub struct Told {
    lines: Vec<(Level, String)>,
    seen: HashSet<(Level, String)>,
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
        self.line(Level::Warning, warning);
    }

    /// A picture is resized.
    pub fn resized(&mut self, source: &Source, from: (u32, u32), to: (u32, u32), filter: Filter) {
        self.line(
            Level::Note,
            format!(
                "{}: resized from {}x{} to {}x{} by {}, in sRGB values",
                source.name(),
                from.0,
                from.1,
                to.0,
                to.1,
                filter
            ),
        );
    }

    fn line(&mut self, level: Level, text: String) {
        if self.seen.insert((level, text.clone())) {
            self.lines.push((level, text));
        }
    }

    /// Says it all.
    pub fn print(&self) {
        self.lines.iter().for_each(|(level, text)| say::say(*level, text));
    }

    /// Options that no picture took up.
    pub fn unused(&mut self, reading: &Reading) {
        if !self.linear && (reading.exposure != 0.0 || reading.tone_map.is_some()) {
            self.warning("no picture holds linear light: --exposure and --tonemap do nothing".to_owned());
        }
        if !self.float && (reading.range != Range::Unit || reading.target_range.is_some()) {
            self.warning(
                "no picture holds floats of a range: --range and --target-range do nothing".to_owned(),
            );
        }
    }
}
