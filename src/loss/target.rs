//! A picture whose features are kept.

use std::sync::Arc;

use super::Model;
#[cfg(feature = "cpu")]
use crate::cpu;
use crate::error::{Error, Result};
#[cfg(feature = "gpu")]
use crate::gpu;

/// A picture's features at every tap, computed once; any session of the same model and size compares with it.
#[derive(Debug)]
pub struct Target {
    pub(super) model: Model,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) kind: TargetKind,
}

#[derive(Debug)]
pub(super) enum TargetKind {
    #[cfg(feature = "gpu")]
    Gpu(gpu::Target),
    #[cfg(feature = "cpu")]
    Cpu(cpu::Target),
}

#[cfg(feature = "gpu")]
impl Target {
    /// Its features on the device, a buffer each tap, for a session of `model` for pictures of `size`.
    pub(crate) fn features_on_gpu(&self, model: &Model, size: [u32; 2]) -> Result<&[wgpu::Buffer]> {
        self.check(model, size)?;
        match &self.kind {
            TargetKind::Gpu(gpu::Target::Features { features, .. }) => Ok(features),
            TargetKind::Gpu(gpu::Target::Picture(_)) => Err(Error::Config(
                "the target is kept as a picture, since pairs of this size go through in parts; record it with \
                 record_target(), or give the model more memory"
                    .to_owned(),
            )),
            #[cfg(feature = "cpu")]
            TargetKind::Cpu(_) => Err(Error::Config("the target is on the CPU".to_owned())),
        }
    }
}

impl Target {
    /// # Errors
    /// [`Error::Config`] where it is of another model or size.
    pub(super) fn check(&self, model: &Model, [width, height]: [u32; 2]) -> Result<()> {
        if Arc::ptr_eq(&self.model.0, &model.0) && (self.width, self.height) == (width, height) {
            return Ok(());
        }
        Err(Error::Config(format!(
            "the target is of another model or size ({}x{}); this session compares {width}x{height}",
            self.width, self.height
        )))
    }
}
