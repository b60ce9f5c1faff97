//! Values that have names, on the command line.

use std::{ffi::OsStr, fmt::Display, str::FromStr};

use clap::{
    Arg, Command,
    builder::{PossibleValue, TypedValueParser},
};
use perceptual_loss::Error;

/// Reads a value by its name, with the library's own words for a name that there is not; help and completions list
/// the names.
#[derive(Clone)]
pub struct OneOf<T: 'static>(pub &'static [T]);

impl<T> TypedValueParser for OneOf<T>
where
    T: FromStr<Err = Error> + Display + Clone + Send + Sync,
{
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        T::from_str.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(|value| PossibleValue::new(value.to_string()))))
    }
}
