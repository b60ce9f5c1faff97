//! What a session takes, told before anything is allocated.

/// Bytes that a session takes on its device. Weights are the model's and not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Memory {
    /// Feature maps.
    pub features: u64,
    /// Pictures as they are uploaded: of a picture that goes through in parts, those of one part.
    pub pictures: u64,
    /// Partial sums, sums, parameters and what results are read through.
    pub scratch: u64,
    /// What a [`Target`](crate::Target) of the session's keeps beside: a map of each convolution, and the picture. It keeps the
    /// picture alone where that and `counted` are more than the budget. One with a style
    /// ([`Session::target_with_style`](crate::Session::target_with_style)) has 8 bytes of the host's memory more for each entry of its
    /// Gram matrices.
    pub target: u64,
}

impl Memory {
    /// All that the session takes itself.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counted().saturating_add(self.pictures)
    }

    /// What counts against a model's budget ([`Model::with_memory`](crate::Model::with_memory)): features and scratch.
    #[must_use]
    pub fn counted(&self) -> u64 {
        self.features.saturating_add(self.scratch)
    }
}
