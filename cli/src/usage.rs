//! What is wrong with a command line, in one line.

use clap::error::{ContextKind, ContextValue, Error};
use perceptual_loss::low_level::shown::escaped;

/// Without "error: ".
pub fn line(mut error: Error) -> String {
    // What was typed stays within its line.
    let typed: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(escaped(text).into_owned()))),
            _ => None,
        })
        .collect();
    let is_empty =
        matches!(error.get(ContextKind::InvalidValue), Some(ContextValue::String(text)) if text.is_empty());
    for (kind, value) in typed {
        error.insert(kind, value);
    }
    let text = error.render().to_string();
    let mut line = String::new();
    for part in text.lines().map(str::trim).filter(|part| !part.is_empty()) {
        if part.starts_with("Usage:") || part.starts_with("For more information") {
            break;
        }
        line += match part {
            _ if line.is_empty() => "",
            _ if line.ends_with(':') || part.starts_with('[') => " ",
            _ if part.starts_with("tip: ") => "; ",
            _ => ", ",
        };
        line += part.trim_start_matches("error: ").trim_start_matches("tip: ");
    }
    if is_empty {
        line += ": it is missing, or empty as a variable is that was not set";
    }
    line + "; --help lists what there is"
}
