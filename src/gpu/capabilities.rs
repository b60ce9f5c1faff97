//! What a device can do, as lowering needs to know it.

use serde::Serialize;

use super::arrange::{Arrangement, arrange};
use crate::{Config, Tuning, plan::Plan};

/// A device's limits. Lowering checks every buffer and binding against them before anything is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// Bytes that a storage binding may have.
    pub max_binding: u64,
    /// Bytes that a buffer may have.
    pub max_buffer: u64,
    /// Workgroups along a dimension of a dispatch.
    pub max_workgroups: u32,
    /// What the offset of a uniform binding must be a multiple of.
    pub uniform_alignment: u32,
}

impl Capabilities {
    /// The limits of a wgpu device.
    #[must_use]
    pub fn of(limits: &wgpu::Limits) -> Self {
        Self {
            max_binding: limits.max_storage_buffer_binding_size,
            max_buffer: limits.max_buffer_size,
            max_workgroups: limits.max_compute_workgroups_per_dimension,
            uniform_alignment: limits.min_uniform_buffer_offset_alignment,
        }
    }

    /// Bytes that one tensor may have: it is one buffer, bound whole, and its elements are numbered in 31 bits, so
    /// that a last workgroup's threads may count past the end.
    #[must_use]
    pub fn max_tensor(&self) -> u64 {
        self.max_binding.min(self.max_buffer).min((1 << 31) * 4)
    }

    /// The side of the largest square picture that these limits allow without cutting it into parts, of a loss and in a
    /// tuning; none where they allow hardly any. How much memory there is, no device tells.
    #[must_use]
    pub fn largest_square(&self, config: &Config, tuning: Tuning) -> Option<u32> {
        let fits = |side: u32| {
            let plan = |images| Plan::new(config, side, side, images, tuning);
            let arranged = arrange(plan, 1, u64::MAX, self);
            arranged.is_ok_and(|arranged| matches!(arranged, Arrangement::Whole(_)))
        };
        // A square of 32 has something left after every pooling of VGG.
        let (mut fitting, mut too_large) = (32, 1 << 16);
        if !fits(fitting) {
            return None;
        }
        while too_large - fitting > 1 {
            let middle = fitting.midpoint(too_large);
            if fits(middle) {
                fitting = middle;
            } else {
                too_large = middle;
            }
        }
        Some(fitting)
    }
}

impl Default for Capabilities {
    /// The baseline that every WebGPU device meets.
    fn default() -> Self {
        Self::of(&wgpu::Limits::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;

    #[test]
    fn the_largest_square_is_what_the_largest_feature_map_leaves() {
        let square = |max_binding| {
            Capabilities { max_binding, ..Capabilities::default() }
                .largest_square(&Preset::Vgg19.config(), Tuning::default())
        };
        // 64 channels of float32 at full size: 524,288 pixels are 724.07 by 724.07.
        assert_eq!(square(128 << 20), Some(724));
        assert_eq!(square(64 * 4 * 100 * 100), Some(100));
        assert_eq!(square(64 * 4 * 100 * 100 - 4), Some(99));
        assert_eq!(square(1 << 10), None);
    }
}
