//! What a device can do, as lowering and tunings need to know it.

use serde::Serialize;

use super::adapter::{Adapter, AdapterKind};

/// A device's limits and features. Lowering checks every buffer and binding against them before anything is allocated, and
/// tunings are chosen by them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// Bytes that a workgroup's threads share.
    pub workgroup_memory: u32,
    /// Threads that a workgroup may have.
    pub workgroup_threads: u32,
    /// The least and the most threads of a subgroup; none where shaders may not use subgroups.
    pub subgroup_sizes: Option<[u32; 2]>,
    /// Whether shaders may compute in half precision.
    pub f16: bool,
    /// Sides of the square matrices that a subgroup multiplies together; none on a host's device, which does not tell.
    pub matrices: Vec<u32>,
    /// What the adapter is.
    #[serde(skip)]
    pub kind: AdapterKind,
}

impl Capabilities {
    /// Those of a wgpu device or adapter.
    #[must_use]
    pub fn of(limits: &wgpu::Limits, features: wgpu::Features, info: &wgpu::AdapterInfo) -> Self {
        let subgroups = features.contains(wgpu::Features::SUBGROUP);
        Self {
            subgroup_sizes: subgroups.then_some([info.subgroup_min_size, info.subgroup_max_size]),
            f16: features.contains(wgpu::Features::SHADER_F16),
            kind: Adapter::from(info).kind,
            ..Self::of_limits(limits)
        }
    }

    /// Those of a device with these limits and no feature, whatever it is.
    fn of_limits(limits: &wgpu::Limits) -> Self {
        Self {
            max_binding: limits.max_storage_buffer_binding_size,
            max_buffer: limits.max_buffer_size,
            max_workgroups: limits.max_compute_workgroups_per_dimension,
            uniform_alignment: limits.min_uniform_buffer_offset_alignment,
            workgroup_memory: limits.max_compute_workgroup_storage_size,
            workgroup_threads: limits.max_compute_invocations_per_workgroup,
            subgroup_sizes: None,
            f16: false,
            matrices: vec![],
            kind: AdapterKind::Other,
        }
    }

    /// The same, with the matrices that an adapter multiplies.
    pub(super) fn with_matrices(mut self, matrices: &[wgpu::CooperativeMatrixProperties]) -> Self {
        let square =
            matrices.iter().filter(|matrix| matrix.m_size == matrix.n_size && matrix.n_size == matrix.k_size);
        self.matrices = square.map(|matrix| matrix.m_size).collect();
        self.matrices.sort_unstable();
        self.matrices.dedup();
        self
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
        Self::of_limits(&wgpu::Limits::default())
    }
}
