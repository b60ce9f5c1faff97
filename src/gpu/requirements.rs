//! What a device must be opened with.

use super::{
    arrange,
    kernel::{Access, Kernel},
    kernels,
};
use crate::{
    config::Config,
    error::{Error, Result},
    plan::Plan,
};

/// Limits and features to merge into a host's own device descriptor, so that a loss for pictures of a size works on it.
///
/// WebGPU's baseline is enough for pictures of up to 524,288 pixels; larger ones want larger buffers and bindings.
///
/// ```
/// use perceptual_loss::{Config, gpu::{Requirements, wgpu}};
///
/// # fn open(adapter: &wgpu::Adapter) -> perceptual_loss::Result<()> {
/// let mut descriptor = wgpu::DeviceDescriptor { label: Some("engine"), ..Default::default() };
/// Requirements::new(&Config::default(), 1920, 1080)?.merge_into(&mut descriptor, adapter);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Requirements {
    /// Each limit that is needed; those that do not matter are the lowest that wgpu knows.
    pub limits: wgpu::Limits,
    /// Features that are needed: none.
    pub features: wgpu::Features,
    /// Features that are made use of where the adapter has them: `TIMESTAMP_QUERY`, for the times that profiles show
    /// and that slices are cut by. Without it steps are waited for one by one.
    pub useful_features: wgpu::Features,
}

impl Requirements {
    /// For comparing pictures of `width` by `height` as `config` says.
    ///
    /// # Errors
    /// [`Error::Config`] where the config is not valid; [`Error::Image`] where the size is zero or too small for the
    /// deepest tap.
    pub fn new(config: &Config, width: u32, height: u32) -> Result<Self> {
        // Targets by themselves and their candidates have no map that a pair does not have.
        let plan = Plan::new(config, width, height, 1)?;
        let bytes = arrange::largest_buffer(&plan);
        let mut requirements = Self::least();
        let limits = &mut requirements.limits;
        limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.max(bytes);
        limits.max_buffer_size = limits.max_buffer_size.max(bytes);
        Ok(requirements)
    }

    /// What any loss needs, whatever the size of its pictures.
    pub(super) fn least() -> Self {
        // Kernels' rows say what they need.
        let most = |of: fn(&Kernel) -> u32| kernels::all().map(of).max().unwrap_or(0);
        let bound = |kernel: &Kernel, texture: bool| {
            kernel.bindings.iter().filter(|access| (**access == Access::Texture) == texture).count() as u32
        };
        let limits = wgpu::Limits {
            max_storage_buffers_per_shader_stage: kernels::all()
                .map(|kernel| bound(kernel, false))
                .max()
                .unwrap_or(0),
            max_sampled_textures_per_shader_stage: kernels::all()
                .map(|kernel| bound(kernel, true))
                .max()
                .unwrap_or(0),
            max_compute_invocations_per_workgroup: most(|kernel| kernel.threads.iter().product()),
            max_compute_workgroup_size_x: most(|kernel| kernel.threads[0]),
            max_compute_workgroup_size_y: most(|kernel| kernel.threads[1]),
            max_compute_workgroup_size_z: 1,
            max_compute_workgroup_storage_size: most(|kernel| kernel.workgroup_memory),
            max_compute_workgroups_per_dimension: 65_535,
            max_dynamic_uniform_buffers_per_pipeline_layout: 1,
            ..wgpu::Limits::downlevel_webgl2_defaults()
        };
        Self { limits, features: wgpu::Features::empty(), useful_features: wgpu::Features::TIMESTAMP_QUERY }
    }

    /// Raises the limits that `descriptor` asks for where they are too low, and adds the features, the useful ones as
    /// far as the adapter has them.
    pub fn merge_into(&self, descriptor: &mut wgpu::DeviceDescriptor<'_>, adapter: &wgpu::Adapter) {
        descriptor.required_limits = descriptor.required_limits.clone().or_better_values_from(&self.limits);
        descriptor.required_features |= self.features | (self.useful_features & adapter.features());
    }

    /// # Errors
    /// [`Error::Device`] that names everything that a device with these limits and features lacks.
    pub(super) fn check(&self, limits: &wgpu::Limits, features: wgpu::Features) -> Result<()> {
        let mut missing = vec![];
        self.limits.check_limits_with_fail_fn(limits, false, |name, needed, granted| {
            if MATTERING.contains(&name) {
                missing.push(format!("{name} {granted} ({needed} is needed)"));
            }
        });
        missing.extend((self.features - features).iter_names().map(|(name, _)| format!("no feature {name}")));
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::Device(format!(
            "the device was opened with {}; Requirements::merge_into() asks for enough",
            missing.join(", ")
        )))
    }
}

/// The limits that matter here.
const MATTERING: [&str; 11] = [
    "max_storage_buffers_per_shader_stage",
    "max_sampled_textures_per_shader_stage",
    "max_compute_invocations_per_workgroup",
    "max_compute_workgroup_size_x",
    "max_compute_workgroup_size_y",
    "max_compute_workgroup_size_z",
    "max_compute_workgroup_storage_size",
    "max_compute_workgroups_per_dimension",
    "max_dynamic_uniform_buffers_per_pipeline_layout",
    "max_storage_buffer_binding_size",
    "max_buffer_size",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_baseline_is_enough_for_small_pictures() {
        let requirements = Requirements::new(&Config::default(), 724, 724).unwrap();
        requirements.check(&wgpu::Limits::default(), wgpu::Features::empty()).unwrap();
        // Below WebGPU's baseline in all but this.
        let limits =
            wgpu::Limits { max_storage_buffers_per_shader_stage: 8, ..wgpu::Limits::downlevel_defaults() };
        requirements.check(&limits, wgpu::Features::empty()).unwrap();
    }

    #[test]
    fn large_pictures_want_large_bindings() {
        let Requirements { limits, .. } = Requirements::new(&Config::default(), 1920, 1080).unwrap();
        // 64 channels of float32 at full size.
        let bytes = 1920 * 1080 * 64 * 4;
        assert_eq!((limits.max_storage_buffer_binding_size, limits.max_buffer_size), (bytes, bytes));
    }

    #[test]
    fn limits_of_drawing_do_not_matter() {
        let limits =
            wgpu::Limits { max_color_attachments: 1, max_texture_dimension_2d: 64, ..Default::default() };
        let requirements = Requirements::new(&Config::default(), 64, 64).unwrap();
        requirements.check(&limits, wgpu::Features::empty()).unwrap();
    }

    #[test]
    fn one_error_names_all_that_is_missing() {
        let limits = wgpu::Limits::downlevel_webgl2_defaults();
        let requirements = Requirements::new(&Config::default(), 1920, 1080).unwrap();
        let text = requirements.check(&limits, wgpu::Features::empty()).unwrap_err().to_string();
        for part in [
            "max_storage_buffers_per_shader_stage 0 (6 is needed)",
            "max_compute_invocations_per_workgroup 0 (64 is needed)",
            "max_storage_buffer_binding_size 0 (530841600 is needed)",
        ] {
            assert!(text.contains(part) && !text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn sizes_that_do_not_work_are_errors() {
        for (width, height) in [(0, 9), (7, 100)] {
            assert!(matches!(Requirements::new(&Config::default(), width, height), Err(Error::Image(_))));
        }
    }
}
