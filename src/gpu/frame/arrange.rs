//! How frames go through: beside the maps of a target, or beside its picture where there is no room for maps.

use crate::{
    error::Result,
    gpu::{
        arrange::{self, Means},
        lower::{Host, Keeper, convolutions, only_picture},
        program::Program,
        sizes::Sizes,
        target,
    },
    memory::Memory,
    plan::{Plan, Plans},
};

/// What is lowered for frames.
pub(super) const FRAMES: (Host, Keeper) = (Host::Frame, Keeper::Target);

/// How a session's frames go through, one at a time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arrangement {
    /// What makes a target's maps, which frames are then compared with; none where every frame goes through with its target.
    pub(crate) target: Option<Plan>,
    pub(crate) frames: Plan,
    /// Buffers that fit both.
    pub(crate) sizes: Sizes,
    /// What they take, without parameters.
    pub(crate) memory: Memory,
}

/// Arranges frames in `memory` bytes of features, scratch and a target's maps, or in what pairs take where that is not enough.
///
/// # Errors
/// [`Error::TooLarge`](crate::Error::TooLarge) where the device cannot bind a picture's feature map; else the plans'.
pub(crate) fn arrange(plans: &Plans, memory: u64, means: Means<'_>) -> Result<Arrangement> {
    let sizes = |plan: &Plan| -> Result<Sizes> {
        let mut sizes = Sizes::of(plan, FRAMES.0, FRAMES.1);
        let asked = means.asked(FRAMES.0, FRAMES.1);
        for (shape, row) in convolutions(plan, asked, |id| plan.tensors()[id].region.extent) {
            sizes.with_scratch(&(row.scratch)(&shape));
        }
        arrange::check(plan, &sizes, means.capabilities)?;
        Ok(sizes)
    };
    let (target, frames) = (plans.target()?, plans.candidates(1)?);
    let both = sizes(&target)?.and(&sizes(&frames)?);
    let kept = both.memory(0).counted().saturating_add(target::bytes(&target));
    if kept <= memory {
        return Ok(Arrangement { target: Some(target), frames, memory: both.memory(0), sizes: both });
    }
    let frames = plans.pairs(1)?;
    let sizes = sizes(&frames)?;
    Ok(Arrangement { target: None, frames, memory: sizes.memory(0), sizes })
}

impl Arrangement {
    /// What keeps as much of a target as frames need, with its plan: the one whose target it is.
    pub(super) fn keeping(&self, lowered: impl FnOnce(&Plan) -> Result<Program>) -> Result<(Plan, Program)> {
        match &self.target {
            Some(plan) => Ok((plan.clone(), lowered(plan)?)),
            None => Ok((self.frames.clone(), only_picture(&self.frames))),
        }
    }
}
