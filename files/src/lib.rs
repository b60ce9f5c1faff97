//! What a host of [`perceptual_loss`] needs to know of files.
//!
//! * [`Picture`] is a picture file made ready to be compared: decoded within limits, turned upright, its values brought to
//!   0..1, and with a line for each thing that deserves a warning.
//! * [`Output`] is a file that is written whole or not at all.
//! * [`Patient`] waits for a standard stream that a parent has made non-blocking.
//!
//! Every [`Error`] is one line. The lines name the options of the `perceptual-loss` command, such as `--range`, each of which is
//! a field of [`Reading`] or an argument here.

#![deny(missing_docs)]

// The page's program is compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod byte_size;
mod error;
mod output;
mod patient;
mod picture;

pub use self::{
    byte_size::ByteSize,
    error::Error,
    output::Output,
    patient::Patient,
    picture::{
        Picture,
        fit::{Resize, check_ranges, wanted_size},
        options::{Filter, Reading, Transfer},
        range::Range,
        source::{Source, check_stdin},
    },
};
