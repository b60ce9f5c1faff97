//! What holds of arrangements and programs on any device, for `src/fuzz.rs`.

use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestCaseResult},
};

use super::{
    arrange::{
        Arrangement, Means, PART_SETS, arrange, arrange_single, checked_sizes, most_params, part_sizes,
    },
    capabilities::Capabilities,
    kernels::PARAMS_BYTES,
    lower::{Host, Mode, lower},
    program::{Command, Program, TargetHeader},
    sets::{Sets, Sizes},
};
use crate::{
    Error, Result, Tunings,
    fuzz::unexpected,
    plan::{Part, Parts, Plan},
};

/// A device, and the tunings that are asked of it.
pub(crate) fn means<'a>(tunings: &'a Tunings, capabilities: &'a Capabilities) -> Means<'a> {
    Means { tunings, capabilities }
}

/// Arranges pictures and lowers what goes through as a whole. None where it is refused; else how pictures are cut, if they
/// are.
pub(crate) fn hold(
    plan: impl Fn(u32) -> Result<Plan>,
    pairs: u32,
    memory: u64,
    means: Means<'_>,
) -> Result<Option<Option<Parts>>, TestCaseError> {
    let arranged = match arrange(plan, pairs, memory, means) {
        Ok(arranged) => arranged,
        Err(Error::TooLarge(_)) => return Ok(None),
        Err(error) => return Err(unexpected(error)),
    };
    let takes = arranged.memory(means).map_err(unexpected)?;
    prop_assert!(takes.counted() <= memory, "{takes:?} of {memory}");
    match arranged {
        Arrangement::Whole(sets) => {
            for mode in [Mode::Pairs, Mode::Candidates, Mode::Features] {
                hold_program(&sets, mode, Host::Memory, means)?;
            }
            Ok(Some(None))
        }
        Arrangement::Parts(parts) => Ok(Some(Some(*parts))),
    }
}

/// A frame's program, one picture whose dispatches can be divided into pieces.
pub(crate) fn hold_frames(plan: &Plan, means: Means<'_>) -> TestCaseResult {
    let Ok(sets) = arrange_single(plan.clone(), means.capabilities) else { return Ok(()) };
    for mode in [Mode::Candidates, Mode::Features] {
        hold_program(&sets, mode, Host::Frame(TargetHeader::Recorded), means)?;
    }
    Ok(())
}

/// A part fits the buffers that were made for all of them.
pub(crate) fn hold_part(parts: &Parts, part: &Part, means: Means<'_>) -> TestCaseResult {
    let all = part_sizes(parts, means);
    prop_assert!(all.largest() <= means.capabilities.max_tensor(), "{all:?}");
    let sets = Sets { plan: part.plan.clone(), sets: PART_SETS };
    if let Some(program) = hold_program(&sets, Mode::Pairs, Host::Parts, means)? {
        let own = Sizes::of(&sets, program.scratch.clone());
        prop_assert!(own.pictures <= all.pictures && own.partials <= all.partials && own.sums <= all.sums);
        prop_assert!(own.scratch.iter().zip(&all.scratch).all(|(own, all)| own <= all), "{own:?} of {all:?}");
        prop_assert_eq!((own.slots, own.scratch.len()), (all.slots, all.scratch.len()));
        prop_assert!(program.params_bytes() <= most_params(parts, means));
    }
    Ok(())
}

fn hold_program(
    sets: &Sets,
    mode: Mode,
    host: Host,
    means: Means<'_>,
) -> Result<Option<Program>, TestCaseError> {
    let capabilities = means.capabilities;
    let program = match lower(sets, means.asked(mode, host)) {
        Ok(program) => program,
        // Below the baseline; such devices are refused when they are opened.
        Err(Error::TooLarge(_)) if capabilities.max_workgroups < Capabilities::default().max_workgroups => {
            return Ok(None);
        }
        Err(error) => return Err(unexpected(error)),
    };
    // What a frame session cannot bind it is refused for.
    if let (Host::Frame(_), Err(_)) = (host, checked_sizes(sets, program.scratch.clone(), capabilities)) {
        return Ok(Some(program));
    }
    let slots = sets.plan.slots();
    for command in &program.commands {
        match command {
            Command::Dispatch { params, groups, pieces, .. } => {
                let last = u64::from(*params) + u64::from(pieces.count - 1) * u64::from(pieces.stride);
                prop_assert!(last + PARAMS_BYTES <= program.params_bytes());
                prop_assert_eq!(params % capabilities.uniform_alignment, 0);
                // Each piece has something to do, and all of them do it all.
                let done = u64::from(pieces.groups) * u64::from(pieces.count);
                prop_assert!(
                    done >= u64::from(*groups) && done - u64::from(pieces.groups) < u64::from(*groups)
                );
            }
            Command::Copy { from: super::program::Binding::Slot { slot, .. }, bytes, .. } => {
                prop_assert!(*bytes <= slots[*slot]);
            }
            _ => {}
        }
    }
    Ok(Some(program))
}
