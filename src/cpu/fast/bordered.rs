//! How a tensor lies in memory here: NHWC with a border of one position around each image.
//!
//! Channels are innermost because they are what a convolution sums over, three neighbouring positions of a row
//! being one run of memory. The border is zero, as a convolution's padding is.

use rayon::prelude::*;

use crate::plan::{Region, Tensor};

/// The shape of one image of a tensor, border included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bordered {
    /// Positions across and down, without the border.
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
    /// Rows at the top that are there already when it is filled, and stay.
    pub(super) kept: usize,
}

/// Elements that a task should have at least, so that splitting costs less than it gains.
const TASK: usize = 1 << 14;

/// Positions across and down from a tensor's first to the first that is written, in feature maps of one size.
pub(super) fn offset(from: &Tensor, written: &Region) -> [usize; 2] {
    [0, 1].map(|axis| (written.origin[axis] - from.region.origin[axis]) as usize)
}

/// An image of a tensor, as it lies under what is written of another of the same feature map.
#[derive(Clone, Copy)]
pub(super) struct Lying<'a> {
    bordered: Bordered,
    image: &'a [f32],
    left: usize,
    top: usize,
}

impl<'a> Lying<'a> {
    pub(super) fn under(tensor: &Tensor, image: &'a [f32], written: &Region) -> Self {
        let [left, top] = offset(tensor, written);
        Self { bordered: Bordered::of(tensor), image, left, top }
    }

    pub(super) fn channels(&self) -> usize {
        self.bordered.channels
    }

    /// The values from the first that is written on, in its row `y`.
    pub(super) fn row(&self, y: usize) -> &'a [f32] {
        &self.bordered.inner(self.image, self.top + y)[self.left * self.bordered.channels..]
    }
}

impl Bordered {
    pub(super) fn of(tensor: &Tensor) -> Self {
        let [width, height] = tensor.region.extent.map(|side| side as usize);
        Self { width, height, channels: tensor.channels as usize, kept: 0 }
    }

    /// That of a tensor of which the first `kept` rows are there already.
    pub(super) fn below(tensor: &Tensor, kept: u32) -> Self {
        Self { kept: kept as usize, ..Self::of(tensor) }
    }

    /// Rows that are filled.
    pub(super) fn written(&self) -> usize {
        self.height - self.kept
    }

    /// Positions from a row's start to the next one's.
    pub(super) fn pitch(&self) -> usize {
        self.width + 2
    }

    /// Elements from a row's start to the next one's.
    pub(super) fn row(&self) -> usize {
        self.pitch() * self.channels
    }

    /// Elements of an image.
    pub(super) fn elements(&self) -> usize {
        (self.height + 2).saturating_mul(self.row())
    }

    /// The values of row `y`, border left out.
    pub(super) fn inner<'a>(&self, image: &'a [f32], y: usize) -> &'a [f32] {
        &image[(y + 1) * self.row() + self.channels..][..self.width * self.channels]
    }

    /// The rows of an image that lie where `length` elements of results from row `first` on do.
    pub(super) fn below_kept<'a>(&self, image: &'a [f32], first: usize, length: usize) -> &'a [f32] {
        &image[(1 + self.kept + first) * self.row()..][..length]
    }

    /// Fills an image below what is kept, a row at a time and rows in parallel: `fill` gets y, counted from there, and
    /// the row's values without the border, which is zeroed.
    pub(super) fn fill_rows(&self, image: &mut [f32], fill: impl Fn(usize, &mut [f32]) + Sync) {
        let rows = (TASK / self.row()).max(1);
        self.slabs(image, [rows, rows]).for_each(|(first, slab)| {
            for (y, row) in (first..).zip(slab.chunks_exact_mut(self.row())) {
                fill(y, self.without_border(row));
            }
        });
    }

    /// The same of two images at once.
    pub(super) fn fill_rows_of_both(
        &self,
        images: [&mut [f32]; 2],
        fill: impl Fn(usize, [&mut [f32]; 2]) + Sync,
    ) {
        let rows = (TASK / (2 * self.row())).max(1);
        let [first, second] = images.map(|image| self.slabs(image, [rows, rows]));
        first.zip(second).for_each(|((y, first), (_, second))| {
            let rows = first.chunks_exact_mut(self.row()).zip(second.chunks_exact_mut(self.row()));
            for (y, (first, second)) in (y..).zip(rows) {
                fill(y, [first, second].map(|row| self.without_border(row)));
            }
        });
    }

    /// An image's rows below what is kept in slabs: one of `lead` rows and then of `rows` rows, each with its first row's y,
    /// counted from there. They have the border at their sides, which must be left zero ([`without_border`](Self::without_border)
    /// does that); above and below it is zeroed.
    pub(super) fn slabs<'a>(
        &self,
        image: &'a mut [f32],
        [lead, rows]: [usize; 2],
    ) -> impl IndexedParallelIterator<Item = (usize, &'a mut [f32])> {
        let (top, rest) = image.split_at_mut(self.row());
        let (inner, bottom) = rest.split_at_mut(self.height * self.row());
        top.fill(0.0);
        bottom.fill(0.0);
        let lead = lead.min(self.written());
        let (first, rest) = inner[self.kept * self.row()..].split_at_mut(lead * self.row());
        let rest = rest.par_chunks_mut(rows * self.row()).enumerate();
        rayon::iter::once((0, first)).chain(rest.map(move |(index, slab)| (lead + index * rows, slab)))
    }

    /// What lies between the two ends of a row, which are zeroed.
    pub(super) fn without_border<'a>(&self, row: &'a mut [f32]) -> &'a mut [f32] {
        let (left, rest) = row.split_at_mut(self.channels);
        let (inner, right) = rest.split_at_mut(self.width * self.channels);
        left.fill(0.0);
        right.fill(0.0);
        inner
    }

    /// An image from NCHW order.
    pub(super) fn fill_from_planes(&self, planes: &[f32], image: &mut [f32]) {
        let plane = self.width * self.height;
        self.fill_rows(image, |y, row| {
            for (x, position) in row.chunks_exact_mut(self.channels).enumerate() {
                for (channel, value) in position.iter_mut().enumerate() {
                    *value = planes[channel * plane + y * self.width + x];
                }
            }
        });
    }

    /// An image in NCHW order, appended to `planes`.
    pub(super) fn to_planes(self, image: &[f32], planes: &mut Vec<f32>) {
        for channel in 0..self.channels {
            for y in 0..self.height {
                planes.extend(self.inner(image, y).iter().skip(channel).step_by(self.channels));
            }
        }
    }
}
