//! What holds of arrangements and programs on any device, for `src/fuzz.rs`.

use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestCaseResult},
};

use super::{
    arrange::{Arrangement, Means, arrange, arrange_gradient, most_params, part_sizes, parts_memory},
    capabilities::Capabilities,
    frame::arrange as frames,
    kernels::PARAMS_BYTES,
    lower::{Host, Keeper, lower},
    program::{Binding, Command, Program, Side},
    sizes::{Sizes, pictures_bytes},
    target::NOTES,
};
use crate::{
    Error, Tunings,
    fuzz::unexpected,
    plan::{Part, Parts, Plan, Plans},
};

/// A device, and the tunings that are asked of it.
pub(crate) fn means<'a>(tunings: &'a Tunings, capabilities: &'a Capabilities) -> Means<'a> {
    Means { tunings, capabilities }
}

/// Arranges pictures and lowers all that goes through as a whole: pairs, a target, its candidates, pictures by themselves. None
/// where it is refused; else how pictures are cut, if they are.
pub(crate) fn hold(
    plans: &Plans,
    pairs: u32,
    memory: u64,
    means: Means<'_>,
) -> Result<Option<Option<Parts>>, TestCaseError> {
    let arranged = match arrange(plans, pairs, memory, means) {
        Ok(arranged) => arranged,
        Err(Error::TooLarge(_)) => return Ok(None),
        Err(error) => return Err(unexpected(error)),
    };
    let takes = arranged.memory(means);
    prop_assert!(takes.counted() <= memory, "{takes:?} of {memory}");
    match arranged {
        Arrangement::Whole(whole) => {
            let images = whole.images;
            prop_assert!((1..=pairs).contains(&images), "{images} of {pairs}");
            let target = plans.target().map_err(unexpected)?;
            prop_assert_eq!(takes.target, target.kept_bytes() + pictures_bytes(&target) + NOTES);
            for (plan, keeper) in [
                (plans.pairs(images), Keeper::Executor),
                (Ok(target), Keeper::Target),
                (plans.candidates(images), Keeper::Target),
                (plans.magnitudes(images), Keeper::Executor),
            ] {
                let plan = plan.map_err(unexpected)?;
                hold_in(&whole.sizes, &plan, (Host::Memory, keeper), means)?;
            }
            Ok(Some(None))
        }
        Arrangement::Parts(parts) => Ok(Some(Some(*parts))),
    }
}

/// Arranges pictures for their gradients, and lowers candidates of those that go through as a whole; none where it is refused.
pub(crate) fn hold_gradient(
    plans: &Plans,
    memory: u64,
    means: Means<'_>,
) -> Result<Option<Parts>, TestCaseError> {
    let parts = match arrange_gradient(plans, memory, means) {
        Ok(parts) => parts,
        Err(Error::TooLarge(_)) => return Ok(None),
        Err(error) => return Err(unexpected(error)),
    };
    let takes = parts_memory(&parts, means);
    prop_assert!(takes.counted() <= memory, "{takes:?} of {memory}");
    if !parts.is_cut() {
        let candidates = plans.candidates(1).and_then(|plan| plan.with_gradient()).map_err(unexpected)?;
        hold_program(&candidates, (Host::Memory, Keeper::Target), means)?;
    }
    Ok(Some(parts))
}

/// Frames' programs, one picture whose dispatches can be divided into pieces, those of their gradients and of their targets; with as much
/// memory, and with none to keep a target's maps in.
pub(crate) fn hold_frames(plans: &Plans, memory: u64, means: Means<'_>) -> TestCaseResult {
    for (memory, with_gradients) in [(memory, false), (memory, true), (0, true)] {
        let frames = match frames::arrange(plans, with_gradients, memory, means) {
            Ok(frames) => frames,
            Err(Error::TooLarge(_)) => return Ok(()),
            Err(error) => return Err(unexpected(error)),
        };
        prop_assert!(memory > 0 || frames.target.is_none());
        prop_assert_eq!(frames.gradients.is_some(), with_gradients);
        for plan in frames.target.iter().chain([&frames.frames]).chain(&frames.gradients) {
            hold_in(&frames.sizes, plan, (Host::Frame, Keeper::Target), means)?;
        }
    }
    Ok(())
}

/// A part fits the buffers that were made for all of them.
pub(crate) fn hold_part(parts: &Parts, part: &Part, means: Means<'_>) -> TestCaseResult {
    let all = part_sizes(parts, means);
    if let Some(program) = hold_in(&all, &part.plan, (Host::Parts, Keeper::Executor), means)? {
        let own = &program.sizes;
        prop_assert_eq!((&own.slots, own.scratch.len()), (&all.slots, all.scratch.len()));
        prop_assert!(program.params_bytes() <= most_params(parts, means));
    }
    Ok(())
}

/// A plan's program holds, and fits such buffers, which the device can bind.
fn hold_in(
    sizes: &Sizes,
    plan: &Plan,
    (host, keeper): (Host, Keeper),
    means: Means<'_>,
) -> Result<Option<Program>, TestCaseError> {
    prop_assert!(sizes.largest() <= means.capabilities.max_tensor(), "{sizes:?}");
    let program = hold_program(plan, (host, keeper), means)?;
    if let Some(program) = &program {
        let both = sizes.clone().and(&program.sizes);
        prop_assert_eq!(&both, sizes, "those of {:?} are larger", program.sizes);
    }
    Ok(program)
}

fn hold_program(
    plan: &Plan,
    (host, keeper): (Host, Keeper),
    means: Means<'_>,
) -> Result<Option<Program>, TestCaseError> {
    let capabilities = means.capabilities;
    let program = match lower(plan, means.asked(host, keeper)) {
        Ok(program) => program,
        // Below the baseline; such devices are refused when they are opened.
        Err(Error::TooLarge(_)) if capabilities.max_workgroups < Capabilities::default().max_workgroups => {
            return Ok(None);
        }
        Err(error) => return Err(unexpected(error)),
    };
    let Sizes { pictures, slots, scratch, .. } = &program.sizes;
    let kept: Vec<u64> = plan.kept().iter().map(|&id| plan.tensors()[id].bytes()).collect();
    let picture = pictures_bytes(plan);
    let is_there = |binding: &Binding| match *binding {
        Binding::Pictures(side) => pictures[side as usize] >= picture,
        Binding::Slot(slot) => slot < slots.len(),
        Binding::Kept(map) => map < kept.len() && keeper == Keeper::Target,
        Binding::KeptPicture | Binding::KeptNotes => keeper == Keeper::Target,
        Binding::Notes => program.sizes.notes >= u64::from(plan.images()) * 4,
        Binding::Scratch(index) => index < scratch.len(),
        Binding::Matrix(tap) => program.sizes.matrices.get(tap).is_some_and(|&bytes| bytes > 0),
        Binding::Style(tap) => program.sizes.styles.get(tap).is_some_and(|&bytes| bytes > 0),
        Binding::Gradient => {
            plan.gradient().is_some_and(|id| program.sizes.gradient >= plan.tensors()[id].bytes())
        }
        _ => true,
    };
    for command in &program.commands {
        match command {
            Command::Dispatch { params, groups, images, pieces, bindings, .. } => {
                prop_assert!(bindings.iter().all(is_there), "{bindings:?} of {:?}", program.sizes);
                prop_assert!((1..=plan.images()).contains(images));
                let last = u64::from(*params) + u64::from(pieces.count - 1) * u64::from(pieces.stride);
                prop_assert!(last + PARAMS_BYTES <= program.params_bytes());
                prop_assert_eq!(params % capabilities.uniform_alignment, 0);
                // Each piece has something to do, and all of them do it all.
                let done = u64::from(pieces.groups) * u64::from(pieces.count);
                prop_assert!(
                    done >= u64::from(*groups) && done - u64::from(pieces.groups) < u64::from(*groups)
                );
            }
            Command::Copy { from, to, bytes } => {
                let generated = Binding::Pictures(Side::Generated);
                prop_assert_eq!((from, to), (&generated, &Binding::KeptPicture));
                prop_assert!(*bytes == picture && *bytes <= pictures[Side::Generated as usize]);
            }
            Command::Upload { to, image, .. } => {
                let room = match to {
                    Binding::Pictures(side) => pictures[*side as usize],
                    to => {
                        prop_assert_eq!(to, &Binding::KeptPicture);
                        picture
                    }
                };
                prop_assert!((u64::from(*image) + 1) * picture <= room);
            }
            _ => {}
        }
    }
    Ok(Some(program))
}
