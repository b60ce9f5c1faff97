//! Reports in a file, in the format that its name asks for.

use std::path::Path;

use perceptual_loss::low_level::shown;

use super::{csv, line::Line};
use crate::failure::Failure;

/// How reports are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An object for a pair; an array of them where the target was named apart, however many there are.
    Json,
    /// An object a line.
    JsonLines,
    /// A row a generated picture, below one of names.
    Csv,
}

impl Format {
    /// The one that a file's name ends in.
    pub fn of(path: &Path) -> Result<Self, Failure> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("json") => Ok(Self::Json),
            Some("jsonl" | "ndjson") => Ok(Self::JsonLines),
            Some("csv") => Ok(Self::Csv),
            _ => Err(Failure::input(format!(
                "{}: a report is written by its file's extension; name one that ends in .json, .jsonl, .ndjson or .csv",
                shown::name(path)
            ))),
        }
    }

    /// The whole file.
    pub fn encode(self, lines: &[Line], many: bool) -> Result<String, Failure> {
        if self == Self::Csv {
            return csv::encode(lines);
        }
        let objects: Vec<_> = lines.iter().map(Line::json).collect::<Result<_, _>>()?;
        Ok(match self {
            Self::Json if many => format!("[\n{}\n]\n", objects.join(",\n")),
            _ => objects.join("\n") + "\n",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_is_the_last_in_any_case() {
        for (name, format) in [
            ("a.json", Format::Json),
            ("a.csv.JSON", Format::Json),
            ("a.jsonl", Format::JsonLines),
            ("folder.csv/a.ndjson", Format::JsonLines),
            ("A.Csv", Format::Csv),
        ] {
            assert_eq!(Format::of(Path::new(name)).unwrap(), format, "{name}");
        }
        for name in ["a", "csv", ".csv", "a.json.gz", "a.", "-", ""] {
            let failure = Format::of(Path::new(name)).unwrap_err();
            assert!(
                failure.code == 2 && failure.message.contains(".json, .jsonl, .ndjson or .csv"),
                "{name}"
            );
        }
    }
}
