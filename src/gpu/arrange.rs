//! How pictures go through a device: how many together, or in which parts, and with which buffers.

use super::{
    capabilities::Capabilities,
    context::PARAMS_BYTES,
    lower::{self, Cut, Mode, partials_in, partials_of},
};
use crate::{
    error::{Error, Result},
    image::Image,
    memory::Memory,
    plan::{Layout, Operation, Plan, Room, Strips, Tensor, TensorId},
};

/// A plan's pictures go through in lanes: sets of buffers with [`Plan::images`] pictures each. One lane holds
/// everything, unless a device can bind only one picture at a time: then each picture of a pair has its lane.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lanes {
    pub(crate) plan: Plan,
    pub(crate) lanes: u32,
}

impl Lanes {
    /// Pictures that a round can hold.
    pub(crate) fn pictures(&self) -> u32 {
        self.lanes * self.plan.images
    }

    /// How many of a round's `pictures` are in a lane; earlier lanes fill first.
    pub(crate) fn in_lane(&self, lane: u32, pictures: u32) -> u32 {
        pictures.saturating_sub(lane * self.plan.images).min(self.plan.images)
    }
}

/// The bytes of each buffer that a session's programs share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// A lane's packed pictures.
    pub(crate) pictures: u64,
    /// A lane's slots.
    pub(crate) slots: Vec<u64>,
    pub(crate) partials: u64,
    pub(crate) sums: u64,
}

/// How a session's pictures go through.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Arrangement {
    /// As a whole.
    Whole(Lanes),
    /// A pair at a time in parts, each picture in a lane.
    Cut(Box<Strips>),
}

/// Parts whose sums are read back together, at most.
pub(super) const MOST_PENDING: u64 = 256;

/// Arranges `plan(images)` for up to `pairs` pairs a round on such a device, in `memory` bytes of features and scratch:
/// fewer pairs, or in parts, where that is not enough.
///
/// # Errors
/// [`Error::TooLarge`] where no part is small enough; else the plan's.
pub(crate) fn arrange(
    plan: impl Fn(u32) -> Result<Plan>,
    pairs: u32,
    memory: u64,
    capabilities: &Capabilities,
) -> Result<Arrangement> {
    let one = plan(1)?;
    let limit = capabilities.max_tensor();
    // A packed picture counts too, where there is nothing but pixels to compare.
    let fitting = (limit / largest_buffer(&one).max(1)).min(u64::from(capabilities.max_workgroups));
    let each = counted(&Lanes { plan: one.clone(), lanes: 1 }, capabilities).unwrap_or(u64::MAX);
    let affordable = memory / each.max(1) + 2;
    let mut images = fitting.min(affordable).min(2 * u64::from(pairs.max(1))) as u32 & !1;
    while images > 0 {
        let lanes = Lanes { plan: plan(images)?, lanes: 1 };
        if counted(&lanes, capabilities).is_ok_and(|bytes| bytes <= memory) {
            return Ok(Arrangement::Whole(lanes));
        }
        images -= 2;
    }
    let lanes = Lanes { plan: one, lanes: 2 };
    if counted(&lanes, capabilities).is_ok_and(|bytes| bytes <= memory) {
        return Ok(Arrangement::Whole(lanes));
    }
    let needs = |cut: &Strips| strips_memory(cut, capabilities).counted();
    let tuning = lanes.plan.steps.iter().find_map(|step| match step.operation {
        Operation::Conv3x3 { tuning, .. } => Some(tuning),
        _ => None,
    });
    let grain = tuning.map_or([1, 1], lower::grain);
    let room = Room { bytes: memory, largest: limit, needs: &needs, grain };
    Ok(Arrangement::Cut(Box::new(Strips::within(lanes.plan, Layout::Nchw, &room)?)))
}

/// Arranges a plan for one picture in one lane on such a device.
///
/// # Errors
/// [`Error::TooLarge`] where the device cannot bind its largest feature map.
pub(crate) fn arrange_single(plan: Plan, capabilities: &Capabilities) -> Result<Lanes> {
    match capabilities.max_tensor() {
        limit if plan.largest_tensor() > limit => Err(too_large(&plan, limit)),
        _ => Ok(Lanes { plan, lanes: 1 }),
    }
}

impl Arrangement {
    /// What a session takes, told before anything is allocated.
    ///
    /// # Errors
    /// [`Error::TooLarge`] where the device cannot bind or dispatch as much.
    pub(crate) fn memory(&self, capabilities: &Capabilities) -> Result<Memory> {
        match self {
            Self::Whole(lanes) => lanes_memory(lanes, capabilities),
            Self::Cut(strips) => Ok(strips_memory(strips, capabilities)),
        }
    }
}

/// What a session over `lanes` takes.
fn lanes_memory(lanes: &Lanes, capabilities: &Capabilities) -> Result<Memory> {
    let program = lower::lower(lanes, Mode::Pairs, Cut::Whole, capabilities)?;
    Ok(sizes(lanes, capabilities)?.memory(lanes.lanes, params_bytes(&program.params)))
}

fn counted(lanes: &Lanes, capabilities: &Capabilities) -> Result<u64> {
    lanes_memory(lanes, capabilities).map(|memory| memory.counted())
}

/// What a session over parts takes.
fn strips_memory(strips: &Strips, capabilities: &Capabilities) -> Memory {
    let sizes = part_sizes(strips);
    let params = most_params(strips, capabilities);
    let mut memory = sizes.memory(PART_LANES, params);
    memory.scratch += sizes.sums * (pending(strips) - 1);
    memory
}

/// Each picture of a part has a lane.
pub(super) const PART_LANES: u32 = 2;

/// The buffers that fit any part.
pub(super) fn part_sizes(strips: &Strips) -> Sizes {
    let plan = strips.plan();
    let partials =
        |id: TensorId| partials_in(strips.largest(id), plan.tensors[id].channels).saturating_mul(4);
    Sizes {
        pictures: strips.packed_bytes(),
        slots: strips.slots().to_vec(),
        partials: plan.taps.iter().map(|tap| partials(tap.tensor)).max().unwrap_or(0),
        sums: plan.taps.len() as u64 * u64::from(PART_LANES) * 4,
    }
}

/// Parts whose sums are read back together.
pub(super) fn pending(strips: &Strips) -> u64 {
    strips.count().min(MOST_PENDING)
}

/// The most bytes of parameters that a part's program has.
pub(super) fn most_params(strips: &Strips, capabilities: &Capabilities) -> u64 {
    let dispatches = |operation: Operation| match operation {
        // A difference and its sum.
        Operation::Difference { .. } => 2,
        // In each lane, with rows copied in before it and out after it.
        _ => 2 * 3,
    };
    let most: u64 = strips.plan().steps.iter().map(|step| dispatches(step.operation)).sum();
    let window = PARAMS_BYTES.next_multiple_of(u64::from(capabilities.uniform_alignment.max(1)));
    most * window + PARAMS_BYTES
}

/// Bytes of a program's parameters on the device: every dispatch binds a window of the same size.
pub(super) fn params_bytes(params: &[u8]) -> u64 {
    params.len() as u64 + PARAMS_BYTES
}

/// Bytes of the largest buffer that one picture's plan binds.
pub(crate) fn largest_buffer(plan: &Plan) -> u64 {
    plan.largest_tensor().max(pictures_bytes(plan))
}

pub(super) fn too_large(plan: &Plan, limit: u64) -> Error {
    let [width, height] = plan.tensors.first().map_or([0; 2], |tensor| tensor.region.extent);
    let pixels = u128::from(width) * u128::from(height);
    // What the limit leaves of each tensor, in pixels of the picture.
    let most = |tensor: &Tensor| {
        let bytes = u128::from(tensor.channels)
            * u128::from(tensor.region.positions())
            * u128::from(tensor.element.bytes());
        (u128::from(limit) * pixels).checked_div(bytes)
    };
    let most = plan.tensors.iter().filter_map(most).min().unwrap_or(0);
    let largest = plan.tensors.iter().map(Tensor::bytes).max().unwrap_or(0);
    Error::TooLarge(format!(
        "a picture of {width}x{height} needs {largest} bytes in one storage binding; this device binds {limit} at most, \
         which is a picture of {most} pixels"
    ))
}

/// Bytes of a packed picture, or of the part of one that the plan reads.
pub(super) fn pictures_bytes(plan: &Plan) -> u64 {
    plan.pixels().map_or(0, |region| Image::packed_words(region.extent).saturating_mul(4))
}

/// The buffers of a session over `lanes`, each checked against the device's limits.
///
/// # Errors
/// [`Error::TooLarge`] naming what does not fit.
pub(crate) fn sizes(lanes: &Lanes, capabilities: &Capabilities) -> Result<Sizes> {
    let sizes = sizes_of(lanes);
    let all = sizes.slots.iter().chain([&sizes.pictures, &sizes.partials, &sizes.sums]);
    match all.copied().max() {
        Some(bytes) if bytes > capabilities.max_tensor() => {
            Err(too_large(&lanes.plan, capabilities.max_tensor()))
        }
        _ => Ok(sizes),
    }
}

/// As [`sizes`], of any picture; sizes that no machine has saturate.
pub(super) fn sizes_of(lanes: &Lanes) -> Sizes {
    let plan = &lanes.plan;
    let partials = plan.taps.iter().map(|tap| partials_of(&plan.tensors[tap.tensor])).max().unwrap_or(0);
    let images = u64::from(plan.images);
    Sizes {
        pictures: pictures_bytes(plan).saturating_mul(images),
        slots: plan.slots.clone(),
        partials: partials.saturating_mul(images * 4),
        sums: plan.taps.len() as u64 * u64::from(lanes.pictures()) * 4,
    }
}

impl Sizes {
    /// What a session over so many lanes with these buffers takes, with so many bytes of parameters.
    pub(crate) fn memory(&self, lanes: u32, params: u64) -> Memory {
        let count = u64::from(lanes);
        let features = self.slots.iter().fold(0u64, |sum, &bytes| sum.saturating_add(bytes));
        Memory {
            features: features.saturating_mul(count),
            pictures: self.pictures.saturating_mul(count),
            scratch: self.partials.saturating_add(self.sums * 2 + params),
        }
    }
}
