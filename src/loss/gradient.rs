//! A loss's gradient.

/// The derivative of a total by each value of the generated picture: loss per 1.0 of the value, where 1.0 is full intensity.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    width: u32,
    height: u32,
    values: Vec<f32>,
}

impl Gradient {
    pub(super) fn new([width, height]: [u32; 2], values: Vec<f32>) -> Self {
        Self { width, height, values }
    }

    /// Pixels across.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Pixels down.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Shape (3, height, width): all of red, row by row, then green, then blue.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The same, without a copy.
    #[must_use]
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }
}
