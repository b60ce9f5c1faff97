//! A picture whose features are kept.

use std::sync::Arc;

use super::{Model, model::ModelInner};
#[cfg(feature = "cpu")]
use crate::cpu;
use crate::error::{Error, Result};
#[cfg(feature = "gpu")]
use crate::gpu;
use crate::image::Owned;

/// A picture's features at every tap, computed once; or the picture itself, where pictures of its size go through in parts, so
/// that features are too large to keep.
///
/// Features are compared by any session for pictures of this size on the same context and of the same loss, weights, precision
/// and tunings, whatever memory its model allows, unless it works in parts itself. A picture is compared by any session for
/// pictures of this size.
#[derive(Debug)]
pub struct Target {
    pub(super) model: Model,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) kept: Kept,
}

/// What is kept of a target.
#[derive(Debug)]
pub(super) enum Kept {
    /// The picture, whose features are too large.
    Picture(Owned),
    /// Features.
    #[cfg(feature = "gpu")]
    Gpu(gpu::Target),
    /// Features.
    #[cfg(feature = "cpu")]
    Cpu(cpu::Features),
}

#[cfg(feature = "gpu")]
impl From<gpu::Target> for Kept {
    fn from(target: gpu::Target) -> Self {
        match target {
            gpu::Target::Picture(picture) => Self::Picture(picture),
            features => Self::Gpu(features),
        }
    }
}

#[cfg(feature = "gpu")]
impl Target {
    /// Its features on the device, a buffer each tap, for a session of `model` for pictures of `size`.
    pub(crate) fn features_on_gpu(&self, model: &Model, size: [u32; 2]) -> Result<&[wgpu::Buffer]> {
        self.check(model, size)?;
        match &self.kept {
            Kept::Gpu(gpu::Target::Features { features, .. }) => Ok(features),
            _ => Err(Error::Config(
                "the target is kept as a picture, since pairs of this size go through in parts; record it with \
                 record_target(), or make it by a session of the model with more memory"
                    .to_owned(),
            )),
        }
    }
}

impl Target {
    /// # Errors
    /// [`Error::Config`] where sessions of `model` for pictures of this size cannot compare with it.
    pub(super) fn check(&self, model: &Model, [width, height]: [u32; 2]) -> Result<()> {
        if (self.width, self.height) != (width, height) {
            return Err(Error::Config(format!(
                "the target is {}x{}; this session compares {width}x{height}",
                self.width, self.height
            )));
        }
        if matches!(self.kept, Kept::Picture(_)) {
            return Ok(());
        }
        let (ours, theirs) = (&*self.model.0, &*model.0);
        match difference(ours, theirs) {
            None => Ok(()),
            Some(what) => Err(Error::Config(format!(
                "the target's features are {what}; make it by a session of this model"
            ))),
        }
    }

    /// That a session cannot compare with it, which works in parts.
    pub(super) fn in_parts(&self) -> Error {
        Error::Config(format!(
            "the target's features are kept, and this session compares pictures of {}x{} in parts; make the target by this \
             session, or give the session's model as much memory as the target's",
            self.width, self.height
        ))
    }
}

/// What makes one model's features no features to the other.
fn difference(ours: &ModelInner, theirs: &ModelInner) -> Option<String> {
    if !ours.context.computes_like(&theirs.context) {
        let [ours, theirs] = [ours, theirs].map(|model| model.context.described());
        // Two devices may be of one adapter.
        let another = if ours == theirs { ", by another context" } else { "" };
        return Some(format!("on {ours}{another}, and this session computes on {theirs}"));
    }
    if ours.config != theirs.config {
        return Some("of another loss".to_owned());
    }
    let weights = |model: &ModelInner| model.parameters.info.clone();
    if !Arc::ptr_eq(&ours.parameters, &theirs.parameters) && weights(ours).sha256 != weights(theirs).sha256 {
        let [ours, theirs] = [ours, theirs].map(|model| weights(model).origin);
        return Some(format!("of the weights {ours}, and this session has {theirs}"));
    }
    if ours.precision != theirs.precision {
        return Some(format!("in {}, and this session computes in {}", ours.precision, theirs.precision));
    }
    // Other tunings round in other places. The CPU takes no notice.
    (ours.context.backend() == super::Backend::Gpu && ours.tunings != theirs.tunings)
        .then(|| "of other tunings".to_owned())
}
