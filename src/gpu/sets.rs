//! The buffers that pictures go through a device in.

use crate::{
    image::Image,
    memory::Memory,
    plan::{Plan, Tensor},
};

use super::kernels::difference::partials_of;

/// A plan's pictures go through in sets of buffers, each for [`Plan::images`] pictures. One set holds everything, unless a
/// device can bind only one picture at a time: then each picture of a pair has its set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sets {
    pub(crate) plan: Plan,
    pub(crate) sets: u32,
}

impl Sets {
    /// Pictures that a round can hold.
    pub(crate) fn pictures(&self) -> u32 {
        self.sets * self.plan.images()
    }

    /// How many of a round's `pictures` are in a set; earlier sets fill first.
    pub(crate) fn in_set(&self, set: u32, pictures: u32) -> u32 {
        let images = self.plan.images();
        pictures.saturating_sub(set * images).min(images)
    }
}

/// The bytes of each buffer that a session's programs share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// A set's packed pictures.
    pub(crate) pictures: u64,
    /// A set's slots.
    pub(crate) slots: Vec<u64>,
    /// What a step's dispatches hand on to each other.
    pub(crate) scratch: Vec<u64>,
    pub(crate) partials: u64,
    pub(crate) sums: u64,
}

impl Sizes {
    /// Those of `sets`, with such scratch buffers; sizes that no machine has saturate.
    pub(super) fn of(sets: &Sets, scratch: Vec<u64>) -> Self {
        let plan = &sets.plan;
        let partials = |tensor: &Tensor| partials_of(tensor).saturating_mul(4 * u64::from(tensor.images));
        let taps = plan.taps().iter().map(|tap| &plan.tensors()[tap.tensor]);
        Self {
            pictures: pictures_bytes(plan).saturating_mul(plan.images().into()),
            slots: plan.slots().to_vec(),
            scratch,
            partials: taps.map(partials).max().unwrap_or(0),
            sums: plan.taps().len() as u64 * u64::from(sets.pictures()) * 4,
        }
    }

    /// Bytes of the largest.
    pub(super) fn largest(&self) -> u64 {
        let Self { pictures, slots, scratch, partials, sums } = self;
        slots.iter().chain(scratch).chain([pictures, partials, sums]).copied().max().unwrap_or(0)
    }

    /// What a session over so many sets of these buffers takes, with so many bytes of parameters.
    pub(super) fn memory(&self, sets: u32, params: u64) -> Memory {
        let count = u64::from(sets);
        let sum = |bytes: &[u64]| bytes.iter().fold(0u64, |sum, &bytes| sum.saturating_add(bytes));
        Memory {
            features: sum(&self.slots).saturating_mul(count),
            pictures: self.pictures.saturating_mul(count),
            scratch: self.partials.saturating_add(self.sums * 2 + params).saturating_add(sum(&self.scratch)),
        }
    }
}

/// Bytes of a packed picture, or of the part of one that the plan reads.
pub(super) fn pictures_bytes(plan: &Plan) -> u64 {
    plan.pixels().map_or(0, |region| packed_bytes(region.extent))
}

/// Bytes of a packed picture of such a size.
pub(super) fn packed_bytes(extent: [u32; 2]) -> u64 {
    Image::packed_words(extent).saturating_mul(4)
}
