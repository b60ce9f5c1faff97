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
    /// What makes gradients beside, where they are asked for.
    pub(crate) gradients: Option<Plan>,
    /// Buffers that fit all of them.
    pub(crate) sizes: Sizes,
    /// What they take, without parameters.
    pub(crate) memory: Memory,
}

/// Arranges frames, and their gradients where they are asked for, in `memory` bytes of features, scratch and a target's maps, or in what
/// pairs take where that is not enough.
///
/// # Errors
/// [`Error::TooLarge`](crate::Error::TooLarge) where the device cannot bind a picture's feature map; else the plans'.
pub(crate) fn arrange(
    plans: &Plans,
    with_gradients: bool,
    memory: u64,
    means: Means<'_>,
) -> Result<Arrangement> {
    let sizes = |plan: &Plan| -> Result<Sizes> {
        let mut sizes = Sizes::of(plan, FRAMES.0, FRAMES.1);
        let asked = means.asked(FRAMES.0, FRAMES.1);
        for (shape, row) in convolutions(plan, asked, |id| plan.tensors()[id].region.extent) {
            sizes.with_scratch(&(row.scratch)(&shape));
        }
        arrange::check(plan, &sizes, means.capabilities)?;
        Ok(sizes)
    };
    let arranged = |target: Option<Plan>, frames: Plan| -> Result<Arrangement> {
        let gradients = with_gradients.then(|| frames.with_gradient()).transpose()?;
        let plans = target.iter().chain([&frames]).chain(&gradients);
        let all = plans.map(sizes).try_fold(Sizes::default(), |all, plan| Ok(all.and(&plan?)))?;
        let mut memory = all.memory(0);
        // A gradient is read back by nobody.
        memory.scratch -= all.gradient;
        Ok(Arrangement { target, frames, gradients, sizes: all, memory })
    };
    let target = plans.target()?;
    let kept = target::bytes(&target);
    let beside_maps = arranged(Some(target), plans.candidates(1)?)?;
    if beside_maps.memory.counted().saturating_add(kept) <= memory {
        return Ok(beside_maps);
    }
    arranged(None, plans.pairs(1)?)
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
