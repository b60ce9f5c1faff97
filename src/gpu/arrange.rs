//! How pictures go through a device: how many together, or in which parts.

use super::{
    capabilities::Capabilities,
    kernels::{PARAMS_BYTES, difference::partials_in},
    lower::{self, Asked, Host, Mode},
    sets::{Sets, Sizes, packed_bytes, pictures_bytes},
};
use crate::{
    config::Config,
    error::{Error, Result},
    memory::Memory,
    plan::{Operation, Parts, Plan, Room, Step, Tensor, TensorId},
    tuning::Tunings,
};

/// How a session's pictures go through.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arrangement {
    /// As a whole.
    Whole(Sets),
    /// A pair at a time in parts, each picture in a set.
    Parts(Box<Parts>),
}

/// Parts whose sums are read back together, at most.
pub(super) const MOST_PENDING: u64 = 256;

/// Each picture of a part has a set.
pub(super) const PART_SETS: u32 = 2;

/// What a device lets one choose by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Means<'a> {
    pub(crate) tunings: &'a Tunings,
    pub(crate) capabilities: &'a Capabilities,
}

impl<'a> Means<'a> {
    /// The same, for lowering.
    pub(super) fn asked(self, mode: Mode, host: Host) -> Asked<'a> {
        let Self { tunings, capabilities } = self;
        Asked { mode, host, tunings, capabilities }
    }
}

/// Arranges `plan(images)` for up to `pairs` pairs a round on such a device, in `memory` bytes of features and scratch:
/// fewer pairs, or in parts, where that is not enough.
///
/// # Errors
/// [`Error::TooLarge`] where no part is small enough; else the plan's.
pub(crate) fn arrange(
    plan: impl Fn(u32) -> Result<Plan>,
    pairs: u32,
    memory: u64,
    means: Means<'_>,
) -> Result<Arrangement> {
    let one = plan(1)?;
    let limit = means.capabilities.max_tensor();
    // A packed picture counts too, where there is nothing but pixels to compare.
    let fitting = (limit / largest_buffer(&one).max(1)).min(u64::from(means.capabilities.max_workgroups));
    let each = counted(&Sets { plan: one.clone(), sets: 1 }, means).unwrap_or(u64::MAX);
    let affordable = memory / each.max(1) + 2;
    let mut images = fitting.min(affordable).min(2 * u64::from(pairs.max(1))) as u32 & !1;
    while images > 0 {
        let sets = Sets { plan: plan(images)?, sets: 1 };
        if counted(&sets, means).is_ok_and(|bytes| bytes <= memory) {
            return Ok(Arrangement::Whole(sets));
        }
        images -= 2;
    }
    let sets = Sets { plan: one, sets: 2 };
    if counted(&sets, means).is_ok_and(|bytes| bytes <= memory) {
        return Ok(Arrangement::Whole(sets));
    }
    // Scratch must be bound too, and grows with a part as features do.
    let needs = |parts: &Parts| match part_sizes(parts, means).largest() {
        largest if largest > limit => u64::MAX,
        _ => parts_memory(parts, means).counted(),
    };
    let grain = grain(&sets.plan, means);
    let room = Room { bytes: memory, largest: limit, needs: &needs, grain };
    Ok(Arrangement::Parts(Box::new(Parts::within(sets.plan, 0, &room)?)))
}

/// Columns and rows that convolutions compute together at the least.
fn grain(plan: &Plan, means: Means<'_>) -> [u32; 2] {
    let asked = means.asked(Mode::Pairs, Host::Parts);
    let rows = lower::convolutions(plan, asked, |_| [1, 1]).map(|(_, row)| row.grain);
    rows.fold([1, 1], |a, b| [a[0].max(b[0]), a[1].max(b[1])])
}

/// Arranges a plan for one picture in one set on such a device.
///
/// # Errors
/// [`Error::TooLarge`] where the device cannot bind its largest feature map.
pub(crate) fn arrange_single(plan: Plan, capabilities: &Capabilities) -> Result<Sets> {
    match capabilities.max_tensor() {
        limit if plan.largest_tensor() > limit => Err(too_large(&plan, limit)),
        _ => Ok(Sets { plan, sets: 1 }),
    }
}

impl Arrangement {
    /// What a session takes, told before anything is allocated.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where the device cannot bind or dispatch as much.
    pub(crate) fn memory(&self, means: Means<'_>) -> Result<Memory> {
        match self {
            Self::Whole(sets) => sets_memory(sets, means),
            Self::Parts(parts) => Ok(parts_memory(parts, means)),
        }
    }
}

/// What a session over `sets` takes.
fn sets_memory(sets: &Sets, means: Means<'_>) -> Result<Memory> {
    let program = lower::lower(sets, means.asked(Mode::Pairs, Host::Memory))?;
    let params = program.params_bytes();
    Ok(checked_sizes(sets, program.scratch, means.capabilities)?.memory(sets.sets, params))
}

fn counted(sets: &Sets, means: Means<'_>) -> Result<u64> {
    sets_memory(sets, means).map(|memory| memory.counted())
}

/// What a session over parts takes.
pub(super) fn parts_memory(parts: &Parts, means: Means<'_>) -> Memory {
    let sizes = part_sizes(parts, means);
    let mut memory = sizes.memory(PART_SETS, most_params(parts, means));
    memory.scratch += sizes.sums * (pending(parts) - 1);
    memory
}

/// The buffers that fit any part.
pub(super) fn part_sizes(parts: &Parts, means: Means<'_>) -> Sizes {
    let plan = parts.plan();
    let partials =
        |id: TensorId| partials_in(parts.largest(id), plan.tensors()[id].channels).saturating_mul(4);
    let mut scratch: Vec<u64> = vec![];
    let asked = means.asked(Mode::Pairs, Host::Parts);
    for (shape, row) in lower::convolutions(plan, asked, |id| parts.largest(id)) {
        let bytes = (row.scratch)(&shape);
        scratch.resize(scratch.len().max(bytes.len()), 0);
        scratch.iter_mut().zip(bytes).for_each(|(most, bytes)| *most = bytes.max(*most));
    }
    Sizes {
        pictures: packed_bytes(parts.largest_picture()),
        slots: parts.slots().to_vec(),
        scratch,
        partials: plan.taps().iter().map(|tap| partials(tap.tensor)).max().unwrap_or(0),
        sums: plan.taps().len() as u64 * u64::from(PART_SETS) * 4,
    }
}

/// Parts whose sums are read back together.
pub(super) fn pending(parts: &Parts) -> u64 {
    parts.count().min(MOST_PENDING)
}

/// The most bytes of parameters that a part's program has.
pub(super) fn most_params(parts: &Parts, means: Means<'_>) -> u64 {
    let plan = parts.plan();
    let asked = means.asked(Mode::Pairs, Host::Parts);
    let mut of_convolutions =
        lower::convolutions(plan, asked, |id| parts.largest(id)).map(|(shape, row)| (row.dispatches)(&shape));
    let mut dispatches = |step: &Step| match step.operation {
        // A difference, its sum and its map.
        Operation::Difference { .. } => 2 + step.writes.len() as u64,
        // In each set, with rows copied in before it and out after it.
        Operation::Conv3x3 { .. } => u64::from(PART_SETS) * (of_convolutions.next().unwrap_or(1) + 2),
        Operation::Pixels { .. } | Operation::Relu | Operation::MaxPool | Operation::Copy => {
            u64::from(PART_SETS) * 3
        }
    };
    let most: u64 = plan.steps().iter().map(&mut dispatches).sum();
    let window = PARAMS_BYTES.next_multiple_of(u64::from(means.capabilities.uniform_alignment.max(1)));
    most * window + PARAMS_BYTES
}

/// Bytes of the largest buffer that one picture's plan binds.
pub(crate) fn largest_buffer(plan: &Plan) -> u64 {
    plan.largest_tensor().max(pictures_bytes(plan))
}

fn too_large(plan: &Plan, limit: u64) -> Error {
    let [width, height] = plan.tensors().first().map_or([0; 2], |tensor| tensor.region.extent);
    let pixels = u128::from(width) * u128::from(height);
    // What the limit leaves of each tensor, in pixels of the picture.
    let most = |tensor: &Tensor| {
        let bytes = u128::from(tensor.channels)
            * u128::from(tensor.region.positions())
            * u128::from(tensor.element.bytes());
        (u128::from(limit) * pixels).checked_div(bytes)
    };
    let most = plan.tensors().iter().filter_map(most).min().unwrap_or(0);
    let largest = plan.largest_tensor();
    Error::TooLarge(format!(
        "a picture of {width}x{height} needs {largest} bytes in one storage binding; this device binds {limit} at most, \
         which is a picture of {most} pixels"
    ))
}

/// The buffers of a session over `sets`, each checked against the device's limits.
///
/// # Errors
/// [`Error::TooLarge`] naming what does not fit.
pub(crate) fn checked_sizes(sets: &Sets, scratch: Vec<u64>, capabilities: &Capabilities) -> Result<Sizes> {
    let sizes = Sizes::of(sets, scratch);
    if sizes.largest() > capabilities.max_tensor() {
        return Err(too_large(&sets.plan, capabilities.max_tensor()));
    }
    Ok(sizes)
}

impl Capabilities {
    /// The side of the largest square picture that these limits allow without cutting it into parts, of a loss and with
    /// such tunings; none where they allow hardly any. How much memory there is, no device tells.
    #[must_use]
    pub fn largest_square(&self, config: &Config, tunings: &Tunings) -> Option<u32> {
        let means = Means { tunings, capabilities: self };
        let fits = |side: u32| {
            let arranged = arrange(|images| Plan::new(config, side, side, images), 1, u64::MAX, means);
            arranged.is_ok_and(|arranged| matches!(arranged, Arrangement::Whole(_)))
        };
        // A square of 32 has something left after every pooling of VGG.
        let (mut fitting, mut too_large) = (32, 1 << 16);
        if !fits(fitting) {
            return None;
        }
        while too_large - fitting > 1 {
            let middle = fitting.midpoint(too_large);
            if fits(middle) {
                fitting = middle;
            } else {
                too_large = middle;
            }
        }
        Some(fitting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;

    #[test]
    fn the_largest_square_is_what_the_largest_feature_map_leaves() {
        let square = |max_binding| {
            Capabilities { max_binding, ..Capabilities::default() }
                .largest_square(&Preset::Vgg19.config(), &Tunings::default())
        };
        // 64 channels of float32 at full size: 524,288 pixels are 724.07 by 724.07.
        assert_eq!(square(128 << 20), Some(724));
        assert_eq!(square(64 * 4 * 100 * 100), Some(100));
        assert_eq!(square(64 * 4 * 100 * 100 - 4), Some(99));
        assert_eq!(square(1 << 10), None);
    }
}
