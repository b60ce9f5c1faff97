//! The bytes of the buffers that pictures go through a device in.

use super::{
    kernels::{gram, partials_of, total},
    lower::{Host, Keeper},
    program::Side,
    target::NOTES,
};
use crate::{
    criterion::Criterion,
    image::Image,
    memory::Memory,
    plan::{Maps, Plan, TapPlan},
};

/// The bytes of each buffer that programs share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Packed pictures, the generated ones and their targets.
    pub(crate) pictures: [u64; 2],
    pub(crate) slots: Vec<u64>,
    /// What a step's dispatches hand on to each other.
    pub(crate) scratch: Vec<u64>,
    /// What Gram matrices differ by, for each tap: nothing of others.
    pub(crate) matrices: Vec<u64>,
    /// What they begin with.
    pub(crate) styles: Vec<u64>,
    pub(crate) partials: u64,
    pub(crate) sums: u64,
    /// What convolutions note of each image.
    pub(crate) notes: u64,
    /// The gradient of pictures, where there is one.
    pub(crate) gradient: u64,
    /// A frame's result.
    pub(crate) loss: u64,
}

impl Sizes {
    /// What a plan's program works on, but for convolutions' scratch; sizes that no machine has saturate.
    pub(super) fn of(plan: &Plan, host: Host, keeper: Keeper) -> Self {
        let images = u64::from(plan.images());
        let maps = plan.pixels().map(|(maps, _)| maps);
        let has = |side: Side| match side {
            Side::Generated => maps.is_some_and(Maps::difference) || host == Host::Frame,
            Side::Target => keeper == Keeper::Executor,
        };
        let pictures = |side: Side| if has(side) { pictures_bytes(plan).saturating_mul(images) } else { 0 };
        let partials = |tap: &TapPlan| {
            let tensor = &plan.tensors()[tap.tensor];
            partials_of(tap.criterion, tensor.region.owned_extent(), tensor.channels)
                .saturating_mul(4 * u64::from(tensor.images))
        };
        let taps = plan.taps();
        Self {
            pictures: [Side::Generated, Side::Target].map(pictures),
            slots: match keeper {
                Keeper::Executor => plan.slots(),
                Keeper::Target => plan.shared_slots(),
            }
            .to_vec(),
            scratch: products_of(plan, |tap| {
                let tensor = &plan.tensors()[tap.tensor];
                (tensor.region.owned_extent(), tensor.images)
            }),
            matrices: matrices_of(plan, plan.images()),
            styles: matrices_of(plan, 1),
            partials: taps.iter().map(partials).max().unwrap_or(0),
            sums: taps.len() as u64 * images * 4,
            notes: images * 4,
            gradient: plan.gradient().map_or(0, |id| plan.tensors()[id].bytes()),
            loss: match host {
                Host::Frame => (total::HEADER_WORDS + taps.len() as u64) * 4,
                Host::Memory | Host::Parts => 0,
            },
        }
    }

    /// With scratch buffers of at least so many bytes.
    pub(super) fn with_scratch(&mut self, bytes: &[u64]) {
        grow(&mut self.scratch, bytes);
    }

    /// Buffers that fit these programs and those.
    pub(super) fn and(mut self, other: &Self) -> Self {
        let Self { pictures, slots, scratch, matrices, styles, partials, sums, notes, gradient, loss } =
            other;
        self.pictures.iter_mut().zip(pictures).for_each(|(own, other)| *own = (*own).max(*other));
        grow(&mut self.slots, slots);
        grow(&mut self.scratch, scratch);
        grow(&mut self.matrices, matrices);
        grow(&mut self.styles, styles);
        self.partials = self.partials.max(*partials);
        self.sums = self.sums.max(*sums);
        self.notes = self.notes.max(*notes);
        self.gradient = self.gradient.max(*gradient);
        self.loss = self.loss.max(*loss);
        self
    }

    /// Bytes that are read back of a round: the sums, what was noted of each image, what was noted of a target that is kept, and the
    /// gradient.
    pub(crate) fn result(&self) -> u64 {
        self.sums + self.notes + NOTES + self.gradient
    }

    /// Bytes of the largest.
    pub(super) fn largest(&self) -> u64 {
        let Self { pictures, slots, scratch, matrices, styles, partials, sums, notes, gradient, loss } = self;
        let all = pictures
            .iter()
            .chain(slots)
            .chain(scratch)
            .chain(matrices)
            .chain(styles)
            .chain([partials, sums, notes, gradient, loss]);
        all.copied().max().unwrap_or(0)
    }

    /// What a session over these buffers takes, with so many bytes of parameters.
    pub(super) fn memory(&self, params: u64) -> Memory {
        let sum = |bytes: &[u64]| bytes.iter().fold(0u64, |sum, &bytes| sum.saturating_add(bytes));
        Memory {
            features: sum(&self.slots),
            pictures: sum(&self.pictures),
            scratch: sum(&self.scratch)
                .saturating_add(sum(&self.matrices))
                .saturating_add(sum(&self.styles))
                .saturating_add(self.partials)
                .saturating_add(self.sums + self.notes + self.gradient + self.result() + self.loss + params),
            target: 0,
        }
    }
}

/// Bytes of Gram matrices of so many images, for each tap of a plan.
pub(super) fn matrices_of(plan: &Plan, images: u32) -> Vec<u64> {
    let of = |tap: &TapPlan| match tap.criterion {
        Criterion::Gram => gram::bytes_of(plan.tensors()[tap.tensor].channels).saturating_mul(images.into()),
        _ => 0,
    };
    let sizes: Vec<u64> = plan.taps().iter().map(of).collect();
    if sizes.iter().all(|&bytes| bytes == 0) { vec![] } else { sizes }
}

/// Scratch for products of a plan's Gram matrices, of which one is made at a time, over what there is `of` each tap: columns and rows, and
/// images.
pub(super) fn products_of(plan: &Plan, of: impl Fn(&TapPlan) -> ([u32; 2], u32)) -> Vec<u64> {
    let taps = plan.taps().iter().filter(|tap| tap.criterion == Criterion::Gram);
    let bytes = |tap: &TapPlan| {
        let (owned, images) = of(tap);
        gram::scratch(owned, plan.tensors()[tap.tensor].channels).saturating_mul(images.into())
    };
    taps.map(bytes).max().into_iter().collect()
}

fn grow(own: &mut Vec<u64>, other: &[u64]) {
    own.resize(own.len().max(other.len()), 0);
    own.iter_mut().zip(other).for_each(|(own, other)| *own = (*own).max(*other));
}

/// Bytes of a packed picture, or of the part of one that the plan reads.
pub(super) fn pictures_bytes(plan: &Plan) -> u64 {
    plan.pixels().map_or(0, |(_, region)| packed_bytes(region.extent))
}

/// Bytes of a packed picture of such a size.
pub(super) fn packed_bytes(extent: [u32; 2]) -> u64 {
    Image::packed_words(extent).saturating_mul(4)
}
