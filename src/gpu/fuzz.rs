//! What holds of arrangements and programs on any device, for `src/fuzz.rs`.

use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestCaseResult},
};

use super::{
    arrange::{
        Arrangement, Lanes, PART_LANES, arrange, arrange_single, most_params, params_bytes, part_sizes,
        sizes, sizes_of,
    },
    capabilities::Capabilities,
    context::PARAMS_BYTES,
    lower::{Command, Cut, Mode, Program, lower},
};
use crate::{
    Error, Result,
    fuzz::unexpected,
    plan::{Part, Plan, Strips},
};

/// Arranges pictures and lowers what goes through as a whole. None where it is refused; else how pictures are cut, if they
/// are.
pub(crate) fn hold(
    plan: impl Fn(u32) -> Result<Plan>,
    pairs: u32,
    memory: u64,
    capabilities: &Capabilities,
) -> Result<Option<Option<Strips>>, TestCaseError> {
    let arranged = match arrange(plan, pairs, memory, capabilities) {
        Ok(arranged) => arranged,
        Err(Error::TooLarge(_)) => return Ok(None),
        Err(error) => return Err(unexpected(error)),
    };
    let takes = arranged.memory(capabilities).map_err(unexpected)?;
    prop_assert!(takes.counted() <= memory, "{takes:?} of {memory}");
    match arranged {
        Arrangement::Whole(lanes) => {
            prop_assert!(sizes(&lanes, capabilities).is_ok());
            for mode in [Mode::Pairs, Mode::Candidates, Mode::Features] {
                hold_program(&lanes, mode, Cut::Whole, capabilities)?;
            }
            Ok(Some(None))
        }
        Arrangement::Cut(strips) => Ok(Some(Some(*strips))),
    }
}

/// A frame's program, one picture that can be cut into pieces.
pub(crate) fn hold_frames(plan: &Plan, capabilities: &Capabilities) -> TestCaseResult {
    let Ok(lanes) = arrange_single(plan.clone(), capabilities) else { return Ok(()) };
    for mode in [Mode::Candidates, Mode::Features] {
        hold_program(&lanes, mode, Cut::Pieces, capabilities)?;
    }
    Ok(())
}

/// A part fits the buffers that were made for all of them.
pub(crate) fn hold_part(strips: &Strips, part: &Part, capabilities: &Capabilities) -> TestCaseResult {
    let all = part_sizes(strips);
    let largest = all.slots.iter().chain([&all.pictures, &all.partials, &all.sums]).max();
    prop_assert!(largest <= Some(&capabilities.max_tensor()), "{all:?}");
    let lanes = Lanes { plan: part.plan.clone(), lanes: PART_LANES };
    let own = sizes_of(&lanes);
    prop_assert!(own.pictures <= all.pictures && own.partials <= all.partials && own.sums <= all.sums);
    prop_assert_eq!(own.slots, all.slots);
    if let Some(program) = hold_program(&lanes, Mode::Pairs, Cut::Whole, capabilities)? {
        prop_assert!(params_bytes(&program.params) <= most_params(strips, capabilities));
    }
    Ok(())
}

fn hold_program(
    lanes: &Lanes,
    mode: Mode,
    cut: Cut,
    capabilities: &Capabilities,
) -> Result<Option<Program>, TestCaseError> {
    let program = match lower(lanes, mode, cut, capabilities) {
        Ok(program) => program,
        // Below the baseline; such devices are refused when they are opened.
        Err(Error::TooLarge(_)) if capabilities.max_workgroups < Capabilities::default().max_workgroups => {
            return Ok(None);
        }
        Err(error) => return Err(unexpected(error)),
    };
    let slots = &lanes.plan.slots;
    for command in &program.commands {
        match command {
            Command::Dispatch { params, groups, pieces, .. } => {
                let last = u64::from(*params) + u64::from(pieces.count - 1) * u64::from(pieces.stride);
                prop_assert!(last + PARAMS_BYTES <= params_bytes(&program.params));
                prop_assert_eq!(params % capabilities.uniform_alignment, 0);
                // Each piece has something to do, and all of them do it all.
                let done = u64::from(pieces.groups) * u64::from(pieces.count);
                prop_assert!(
                    done >= u64::from(*groups) && done - u64::from(pieces.groups) < u64::from(*groups)
                );
            }
            Command::CopyToTarget { slot, bytes, .. } => prop_assert!(*bytes <= slots[*slot]),
        }
    }
    Ok(Some(program))
}
