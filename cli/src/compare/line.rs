//! A report with the files that it is about.

use perceptual_loss::{Report, low_level::shown::escaped};
use serde::Serialize;

use super::record::Record;
use crate::{failure::Failure, json};

/// One generated picture's result.
#[derive(Serialize)]
pub struct Line {
    #[serde(flatten)]
    pub report: Report,
    pub generated: String,
    pub target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    #[serde(skip_serializing_if = "Record::is_plain")]
    pub pictures: Record,
}

impl Line {
    /// A JSON object, in one line.
    pub fn json(&self) -> Result<String, Failure> {
        json::object(self)
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let [generated, target, origin] =
            [&self.generated, &self.target, &self.report.weights.origin].map(|name| escaped(name));
        let mut report = self.report.clone();
        report.weights.origin = origin.into_owned();
        let style = self.style.as_deref().map(|style| format!(", in the style of {}", escaped(style)));
        format!("{generated} against {target}{}\n{report}\n", style.unwrap_or_default())
    }
}
