//! Values that have names, on the command line.

use std::{ffi::OsStr, fmt::Display, str::FromStr};

use clap::{
    Arg, Command,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use perceptual_loss::Error;
use perceptual_loss_files as files;

/// Reads a value by its name, with the library's own words for a name that there is not; help and completions list
/// the names.
#[derive(Clone)]
pub struct OneOf<T>(pub Vec<T>);

impl<T> TypedValueParser for OneOf<T>
where
    T: FromStr<Err = Error> + Display + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        T::from_str.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(|value| PossibleValue::new(value.to_string()))))
    }
}

/// Reads a value by its name, each with what help says of it, if anything; a name that there is not is told by clap.
pub fn named<T>(values: &'static [(T, &'static str)]) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = files::Error> + Display + Clone + Send + Sync,
{
    let possible = |(value, help): &'static (T, &'static str)| {
        PossibleValue::new(value.to_string()).help(Some(*help).filter(|help| !help.is_empty()))
    };
    PossibleValuesParser::new(values.iter().map(possible)).try_map(|name| name.parse::<T>())
}
