//! The recipe's numbers. The page beside this package, `README.md`, says why each is as it is.

/// The shipped weights' seed. It was not chosen by what came of it.
pub const SEED: u64 = 0;

/// By how much each order of detail of a 3x3 kernel is damped, by block.
pub const DAMPING: [f64; 5] = [0.5, 0.5, 0.7, 0.7, 0.7];

/// The same for chroma in conv1_1.
pub const CHROMA_DAMPING: f64 = 0.15;

/// What is left in conv1_1 of even chroma.
pub const UNIFORM_CHROMA: f64 = 0.1;

/// Channels of block 1 that carry plain colour to relu1_2.
pub const COLOURS: usize = 6;

/// Their standard deviation at relu1_2, that of others being 1.
pub const COLOUR_GAIN: f64 = 2.0;

/// How many inputs a filter reads: this share, and no fewer than so many.
pub const READS_OF: f64 = 0.05;
pub const READS_AT_LEAST: usize = 4;

/// By what factor lighting that is as strong as common features is taken off, and along how many directions.
pub const LIGHTING_REJECTION: f64 = 500.0;
pub const LIGHTING_DIRECTIONS: usize = 16;

/// A filter's mean response, of its standard deviation.
pub const MEAN: f64 = 0.2;

/// What is added before the ReLU, of the standard deviation: what is faint goes through both ways.
pub const BIAS: f64 = 0.2;

/// The layer whose kernels are stored as halves: its sums are zero by themselves, and 8 bits would leave light in them.
pub const HALF_KERNELS: &str = "conv1_1";
