//! A report with the files that it is about.

use perceptual_loss::Report;
use serde::Serialize;

use super::record::Record;
use crate::failure::Failure;

/// One generated picture's result.
#[derive(Serialize)]
pub struct Line {
    #[serde(flatten)]
    pub report: Report,
    pub generated: String,
    pub target: String,
    #[serde(skip_serializing_if = "Record::is_plain")]
    pub pictures: Record,
}

impl Line {
    /// A JSON object, in one line.
    pub fn json(&self) -> Result<String, Failure> {
        serde_json::to_string(self).map_err(|error| Failure::run(error.to_string()))
    }

    /// A table for people.
    pub fn table(&self) -> String {
        format!("{} against {}\n{}\n", self.generated, self.target, self.report)
    }
}
