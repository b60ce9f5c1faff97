//! What programs read.

use std::fmt::Write as _;

use perceptual_loss::low_level::shown::acts;
use serde::Serialize;

use crate::failure::Failure;

/// An object in one line, without its end. Characters that would act on a terminal are escaped, as in JSON any may be.
pub fn object(value: &impl Serialize) -> Result<String, Failure> {
    let json = serde_json::to_string(value).map_err(|error| Failure::run(error.to_string()))?;
    if !json.contains(acts) {
        return Ok(json);
    }
    let mut harmless = String::new();
    for c in json.chars() {
        match c {
            // They stand in texts alone, and are of 16 bits. Writing to a string does not fail.
            c if acts(c) => drop(write!(harmless, "\\u{:04x}", u32::from(c))),
            c => harmless.push(c),
        }
    }
    Ok(harmless)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped_and_comes_back() {
        let names = ["a\n\x1b[31m", "b\x7f\u{9b}31m\u{202e}", "é日本"];
        let json = object(&names).unwrap();
        assert!(!json.contains(acts), "{json:?}");
        assert!(json.contains("é日本"), "{json}");
        assert_eq!(serde_json::from_str::<[String; 3]>(&json).unwrap(), names);
    }
}
