//! How a model computes, beside what it computes.

use std::sync::Arc;

use super::Model;
use crate::{
    tuning::Tunings,
    weights::{Linears, Precision},
};

/// How a [`Model`] computes: memory, precision, tunings. The default is right for most.
///
/// ```
/// use perceptual_loss::{Config, Context, Model, ModelOptions, Weights};
///
/// # fn main() -> perceptual_loss::Result<()> {
/// let options = ModelOptions::default().memory(64 << 20);
/// let model = Model::with_options(&Context::auto_blocking()?, &Config::default(), &Weights::seeded(0), &options)?;
/// assert!(model.memory(4000, 3000, 1)?.counted() <= 64 << 20);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ModelOptions {
    pub(crate) memory: u64,
    pub(crate) precision: Precision,
    pub(crate) tunings: Tunings,
    pub(crate) linears: Option<Arc<Linears>>,
}

impl Default for ModelOptions {
    /// 1 GiB for each session, float32, and tunings that the library chooses.
    fn default() -> Self {
        Self {
            memory: Model::DEFAULT_MEMORY,
            precision: Precision::F32,
            tunings: Tunings::default(),
            linears: None,
        }
    }
}

impl ModelOptions {
    /// The bytes of features and scratch that a session takes at most; [`Model::with_memory`] says what that means.
    #[must_use]
    pub fn memory(self, bytes: u64) -> Self {
        Self { memory: bytes, ..self }
    }

    /// The precision of convolutions. float32 can be had anywhere. bfloat16 is for the CPU, where that has AVX512-BF16:
    /// factors are rounded to 8 significant bits, and sums are float32's. A layer whose channels do not fill the
    /// instructions, as the first one's three do not, stays in float32. Losses are off by 1 % at most where pictures differ
    /// visibly, and by more the less they differ; identical ones still give exactly 0. The README has numbers, and says
    /// where it is faster: not everywhere.
    #[must_use]
    pub fn precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// LPIPS's weights of channels, which losses with [`Criterion::Lpips`](crate::Criterion::Lpips) need, and others take no notice of.
    #[must_use]
    pub fn linears(self, linears: Linears) -> Self {
        Self { linears: Some(Arc::new(linears)), ..self }
    }

    /// How a GPU computes each convolution. The CPU has one way, and takes no notice.
    #[must_use]
    pub fn tunings(self, tunings: impl Into<Tunings>) -> Self {
        Self { tunings: tunings.into(), ..self }
    }
}
