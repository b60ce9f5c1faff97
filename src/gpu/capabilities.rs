//! What a device can do, as lowering needs to know it.

/// A device's limits. Lowering checks every buffer and binding against them before anything is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

impl Default for Capabilities {
    /// The baseline that every WebGPU device meets.
    fn default() -> Self {
        Self::of(&wgpu::Limits::default())
    }
}
