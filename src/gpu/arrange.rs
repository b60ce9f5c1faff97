//! How pictures go through a device: how many together, or in which parts.

use super::{
    capabilities::Capabilities,
    kernels::{PARAMS_BYTES, partials_of},
    lower::{Asked, Host, Keeper, convolutions, lower},
    program::Program,
    sizes::{Sizes, matrices_of, packed_bytes, pictures_bytes, products_of},
    target,
};
use crate::{
    config::Config,
    error::{Error, Result},
    memory::Memory,
    plan::{Operation, Parts, Plan, Plans, Room, Step, TapPlan, Tensor},
    tuning::Tunings,
};

/// How a session's pictures go through.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arrangement {
    /// As a whole.
    Whole(Whole),
    /// A pair at a time in parts.
    Parts(Box<Parts>),
}

/// Rounds of whole pictures.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Whole {
    /// Pairs of a round, or pictures that are compared with one target or with nothing.
    pub(crate) images: u32,
    /// Buffers that fit all that a session does.
    pub(crate) sizes: Sizes,
    /// What they take, and parameters of pairs; and what a target takes beside.
    pub(crate) memory: Memory,
}

/// Parts whose sums are read back together, at most.
pub(super) const MOST_PENDING: u64 = 256;

/// What a device lets one choose by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Means<'a> {
    pub(crate) tunings: &'a Tunings,
    pub(crate) capabilities: &'a Capabilities,
}

impl<'a> Means<'a> {
    /// The same, for lowering.
    pub(super) fn asked(self, host: Host, keeper: Keeper) -> Asked<'a> {
        let Self { tunings, capabilities } = self;
        Asked { host, keeper, tunings, capabilities }
    }
}

/// Arranges pictures for up to `pairs` pairs a round on such a device, in `memory` bytes of features and scratch:
/// fewer pairs, or in parts, where that is not enough.
///
/// # Errors
/// [`Error::TooLarge`] where no part is small enough; else the plans'.
pub(crate) fn arrange(plans: &Plans, pairs: u32, memory: u64, means: Means<'_>) -> Result<Arrangement> {
    let one = plans.pairs(1)?;
    let limit = means.capabilities.max_tensor();
    // A packed picture counts too, where there is nothing but pixels to compare.
    let fitting = (limit / largest_buffer(&one).max(1)).min(u64::from(means.capabilities.max_workgroups));
    let one_whole = if fitting > 0 { Whole::of(plans, 1, means)? } else { None };
    let each = one_whole.map_or(u64::MAX, |whole| whole.memory.counted());
    let affordable = memory / each.max(1) + 1;
    for images in (1..=fitting.min(affordable).min(pairs.max(1).into()) as u32).rev() {
        if let Some(whole) = Whole::of(plans, images, means)?
            && whole.memory.counted() <= memory
        {
            return Ok(Arrangement::Whole(whole));
        }
    }
    Ok(Arrangement::Parts(Box::new(within(one, memory, means)?)))
}

/// The parts of a picture, one where it need not be cut.
fn within(plan: Plan, memory: u64, means: Means<'_>) -> Result<Parts> {
    let limit = means.capabilities.max_tensor();
    // Scratch must be bound too, and grows with a part as features do.
    let needs = |parts: &Parts| match part_sizes(parts, means).largest() {
        largest if largest > limit => u64::MAX,
        _ => parts_memory(parts, means).counted(),
    };
    let room = Room { bytes: memory, largest: limit, needs: &needs, grain: grain(&plan, means) };
    Parts::within(plan, 0, &room)
}

/// Arranges pictures, a pair at a time, for their gradients: as a whole, or in parts where that is too much.
///
/// # Errors
/// As [`arrange`].
pub(crate) fn arrange_gradient(plans: &Plans, memory: u64, means: Means<'_>) -> Result<Parts> {
    within(plans.pairs(1)?.with_gradient()?, memory, means)
}

/// Arranges a picture for its own Gram matrices: as a whole, or in parts where that is too much.
///
/// # Errors
/// As [`arrange`].
pub(super) fn arrange_magnitudes(plans: &Plans, memory: u64, means: Means<'_>) -> Result<Parts> {
    within(plans.magnitudes(1)?, memory, means)
}

/// Columns and rows that convolutions compute together at the least.
fn grain(plan: &Plan, means: Means<'_>) -> [u32; 2] {
    let asked = means.asked(Host::Parts, Keeper::Executor);
    let rows = convolutions(plan, asked, |_| [1, 1]).map(|(_, row)| row.grain);
    rows.fold([1, 1], |a, b| [a[0].max(b[0]), a[1].max(b[1])])
}

impl Arrangement {
    /// What a session takes, told before anything is allocated.
    pub(crate) fn memory(&self, means: Means<'_>) -> Memory {
        match self {
            Self::Whole(whole) => whole.memory,
            Self::Parts(parts) => parts_memory(parts, means),
        }
    }
}

impl Whole {
    /// Rounds of so many images; none where the device cannot bind or dispatch as much.
    fn of(plans: &Plans, images: u32, means: Means<'_>) -> Result<Option<Self>> {
        match Self::checked(plans, images, means) {
            Ok(whole) => Ok(Some(whole)),
            Err(Error::TooLarge(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn checked(plans: &Plans, images: u32, means: Means<'_>) -> Result<Self> {
        let program = |plan: &Plan, keeper: Keeper| -> Result<Program> {
            let program = lower(plan, means.asked(Host::Memory, keeper))?;
            check(plan, &program.sizes, means.capabilities)?;
            Ok(program)
        };
        let pairs = program(&plans.pairs(images)?, Keeper::Executor)?;
        let target = plans.target()?;
        let others = [
            program(&target, Keeper::Target)?,
            program(&plans.candidates(images)?, Keeper::Target)?,
            program(&plans.magnitudes(images)?, Keeper::Executor)?,
        ];
        let params = pairs.params_bytes();
        let sizes = others.iter().fold(pairs.sizes, |sizes, other| sizes.and(&other.sizes));
        let memory = Memory { target: target::bytes(&target), ..sizes.memory(params) };
        Ok(Self { images, sizes, memory })
    }
}

/// What a session over parts takes.
pub(super) fn parts_memory(parts: &Parts, means: Means<'_>) -> Memory {
    let sizes = part_sizes(parts, means);
    let mut memory = sizes.memory(most_params(parts, means));
    memory.scratch += sizes.result() * (pending(parts) - 1);
    memory
}

/// The buffers that fit any part.
pub(super) fn part_sizes(parts: &Parts, means: Means<'_>) -> Sizes {
    let plan = parts.plan();
    let partials = |tap: &TapPlan| {
        let channels = plan.tensors()[tap.tensor].channels;
        partials_of(tap.criterion, parts.largest(tap.tensor), channels).saturating_mul(4)
    };
    let mut sizes = Sizes {
        pictures: [packed_bytes(parts.largest_picture()); 2],
        slots: parts.slots().to_vec(),
        scratch: products_of(plan, |tap| (parts.largest(tap.tensor), 1)),
        matrices: matrices_of(plan, 1),
        styles: matrices_of(plan, 1),
        partials: plan.taps().iter().map(partials).max().unwrap_or(0),
        sums: plan.taps().len() as u64 * 4,
        notes: 4,
        gradient: plan.gradient().map_or(0, |id| plan.tensors()[id].bytes_of(parts.largest(id), 0)),
        ..Sizes::default()
    };
    let asked = means.asked(Host::Parts, Keeper::Executor);
    for (shape, row) in convolutions(plan, asked, |id| parts.largest(id)) {
        sizes.with_scratch(&(row.scratch)(&shape));
    }
    sizes
}

/// Parts whose sums are read back together.
pub(super) fn pending(parts: &Parts) -> u64 {
    parts.count().min(MOST_PENDING)
}

/// The most bytes of parameters that a part's program has.
pub(super) fn most_params(parts: &Parts, means: Means<'_>) -> u64 {
    let plan = parts.plan();
    let asked = means.asked(Host::Parts, Keeper::Executor);
    let mut of_convolutions =
        convolutions(plan, asked, |id| parts.largest(id)).map(|(shape, row)| (row.dispatches)(&shape));
    let mut dispatches = |step: &Step| {
        let maps = step.writes.len() as u64;
        match step.operation {
            // A difference, its sum and its map.
            Operation::Difference { .. } | Operation::Lpips { .. } => 2 + maps,
            // Of each map, with rows copied in before it and out after it.
            Operation::Conv3x3 { .. } => maps * (of_convolutions.next().unwrap_or(1) + 2),
            // With a mask.
            Operation::Conv3x3Gradient { .. } => of_convolutions.next().unwrap_or(1) + 3,
            Operation::Gram { .. } => 4,
            Operation::DifferenceGradient { .. }
            | Operation::GramGradient { .. }
            | Operation::LpipsGradient { .. }
            | Operation::MaxPoolGradient { .. } => 4,
            Operation::Pixels { .. }
            | Operation::Relu
            | Operation::MaxPool { .. }
            | Operation::Copy
            | Operation::ReluMask
            | Operation::MaxPoolRoutes { .. }
            | Operation::PixelsGradient { .. } => maps * 3,
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

/// # Errors
/// [`Error::TooLarge`] where the device cannot bind all that a program of the plan works on.
pub(crate) fn check(plan: &Plan, sizes: &Sizes, capabilities: &Capabilities) -> Result<()> {
    let limit = capabilities.max_tensor();
    // Maps that are kept have no slots here.
    if sizes.largest().max(plan.largest_tensor()) <= limit {
        return Ok(());
    }
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
    Err(Error::TooLarge(format!(
        "a picture of {width}x{height} needs {largest} bytes in one storage binding; this device binds {limit} at most, \
         which is a picture of {most} pixels"
    )))
}

impl Capabilities {
    /// The side of the largest square picture that these limits allow without cutting it into parts, of a loss and with
    /// such tunings; none where they allow hardly any. How much memory there is, no device tells.
    #[must_use]
    pub fn largest_square(&self, config: &Config, tunings: &Tunings) -> Option<u32> {
        let means = Means { tunings, capabilities: self };
        let fits = |side: u32| {
            let plans = Plans { config: config.clone(), size: [side; 2] };
            matches!(arrange(&plans, 1, u64::MAX, means), Ok(Arrangement::Whole(_)))
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
