//! One error type. Every message says what was wrong and what would be right, in one line.

use std::path::PathBuf;

use crate::shown::{escaped, name};

/// Everything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A picture that cannot be used: its size, its slice's length, its values.
    #[error("{0}")]
    Image(String),
    /// A configuration that means nothing: an unknown tap, preset, criterion, tuning or normalisation.
    #[error("{0}")]
    Config(String),
    /// Weights that cannot be used: not a weights file, or a tensor missing, misshapen or not finite.
    #[error("{0}")]
    Weights(String),
    /// A value that is not finite came of pictures and weights that are: features left the range of float32. Past an activation
    /// or a pooling it could look like a good result, so that nothing is reported.
    #[error(
        "features of {layer} are not finite: with these pictures, weights and normalisation they leave the range of float32"
    )]
    NotFinite {
        /// The first convolution that made one, or the tap whose loss was none.
        layer: &'static str,
    },
    /// A file that cannot be read or written.
    #[error("{}: {source}", escaped(&name(path)))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A picture or batch that this device's limits cannot hold, or a picture that no memory can.
    #[error("{0}")]
    TooLarge(String),
    /// An adapter was asked for by a name that none here has.
    #[error("no adapter here is called '{wanted}'; there {}", listed(available))]
    UnknownAdapter {
        /// The name that was asked for.
        wanted: String,
        /// The names of the adapters that are here.
        available: Vec<String>,
    },
    /// There is no GPU adapter, not even a software one.
    #[error(
        "no GPU adapter was found; install a driver (on Debian or Ubuntu 'apt-get install mesa-vulkan-drivers' brings a software one), or use the CPU backend"
    )]
    NoAdapter,
    /// The device lacks what this library needs, or refused to be opened.
    #[error("{0}")]
    Device(String),
    /// The device was lost while it worked: reset, removed or destroyed.
    #[error("the GPU device was lost{}; open a new context", reason(.0))]
    DeviceLost(String),
    /// There was no memory for what a session or model needs.
    #[error("{}", out_of_memory(*on_gpu, *wanted, what))]
    OutOfMemory {
        /// Whether it is the GPU's memory; else it is main memory.
        on_gpu: bool,
        /// Bytes asked for.
        wanted: u64,
        /// What they were for.
        what: String,
    },
    /// A [`CancelToken`](crate::CancelToken) has ended the comparison.
    #[error("the comparison was cancelled")]
    Cancelled,
}

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// True where the caller's input was at fault (a picture, a name, a file); false where the machine was
    /// (no adapter, a lost device, out of memory).
    #[must_use]
    pub fn is_input(&self) -> bool {
        match self {
            Self::Image(_)
            | Self::Config(_)
            | Self::Weights(_)
            | Self::NotFinite { .. }
            | Self::Io { .. }
            | Self::TooLarge(_)
            | Self::UnknownAdapter { .. } => true,
            Self::NoAdapter
            | Self::Device(_)
            | Self::DeviceLost(_)
            | Self::OutOfMemory { .. }
            | Self::Cancelled => false,
        }
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "are none at all".to_owned(),
        [one] => format!("is '{one}'"),
        many => format!("are '{}'", many.join("', '")),
    }
}

fn out_of_memory(on_gpu: bool, wanted: u64, what: &str) -> String {
    let (whose, instead) = if on_gpu {
        ("the GPU", "use a smaller picture or batch")
    } else {
        ("the machine", "use smaller pictures, or allow less memory for their features")
    };
    format!("{whose} is out of memory: {wanted} bytes were wanted for {what}; {instead}")
}

fn reason(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}
