//! What a tensor is: element type, images, channels and the region of the picture that it holds. How it lies in memory is
//! its executor's affair.

use serde::Serialize;

/// Channels whose bits an element holds.
pub const CHANNELS_OF_BITS: u32 = 32;

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Element {
    /// IEEE single precision.
    F32,
    /// 32 bits, a bit for each of 32 channels, the first in the lowest.
    Bits,
}

impl Element {
    /// Bytes an element takes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        match self {
            Self::F32 | Self::Bits => 4,
        }
    }
}

/// The rectangle of a feature map that a tensor holds, in positions of that feature map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Region {
    /// x and y of the first position held.
    pub origin: [u32; 2],
    /// Width and height of what is held, halo included.
    pub extent: [u32; 2],
    /// Positions at the left, top, right and bottom that are held for a neighbour's sake alone: other regions
    /// own them, and reductions leave them out.
    pub halo: [u32; 4],
    /// Width and height of the whole feature map.
    pub whole: [u32; 2],
}

impl Region {
    /// The whole of a feature map.
    #[must_use]
    pub fn whole(width: u32, height: u32) -> Self {
        Self { origin: [0, 0], extent: [width, height], halo: [0; 4], whole: [width, height] }
    }

    /// The rectangle of a feature map of size `whole` from `origin` on, with no halo.
    #[must_use]
    pub fn part(whole: [u32; 2], origin: [u32; 2], extent: [u32; 2]) -> Self {
        Self { origin, extent, halo: [0; 4], whole }
    }

    /// The same, with so many positions of it at the left, top, right and bottom held for a neighbour's sake alone.
    #[must_use]
    pub fn with_halo(self, halo: [u32; 4]) -> Self {
        Self { halo, ..self }
    }

    /// Which of the left, top, right and bottom edges are the picture's own. Beyond those a convolution reads
    /// zeros; beyond the others nothing may be read.
    #[must_use]
    pub fn own_edges(&self) -> [bool; 4] {
        [
            self.origin[0] == 0,
            self.origin[1] == 0,
            self.end(0) == u64::from(self.whole[0]),
            self.end(1) == u64::from(self.whole[1]),
        ]
    }

    /// Width and height without the halo.
    #[must_use]
    pub fn owned_extent(&self) -> [u32; 2] {
        [0, 1]
            .map(|axis| self.extent[axis].saturating_sub(self.halo[axis]).saturating_sub(self.halo[axis + 2]))
    }

    /// What of it no other region owns.
    pub(crate) fn owned(&self) -> Self {
        let [left, top, ..] = self.halo;
        let origin = [self.origin[0] + left, self.origin[1] + top];
        Self { origin, extent: self.owned_extent(), halo: [0; 4], ..*self }
    }

    /// The same without its first `rows` rows.
    pub(crate) fn below(&self, rows: u32) -> Self {
        let mut below = *self;
        below.origin[1] += rows;
        below.extent[1] = below.extent[1].saturating_sub(rows);
        below
    }

    /// What two regions of a feature map both hold, with no halo; none where that is nothing.
    pub(crate) fn shared(&self, other: &Self) -> Option<Self> {
        let mut shared = Self { halo: [0; 4], ..*self };
        for axis in 0..2 {
            let first = self.origin[axis].max(other.origin[axis]);
            let end = self.end(axis).min(other.end(axis));
            shared.origin[axis] = first;
            shared.extent[axis] = u32::try_from(end.checked_sub(u64::from(first))?).ok()?;
        }
        (self.whole == other.whole && shared.positions() > 0).then_some(shared)
    }

    /// Whether it holds every position that `other` does, of the same feature map.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        self.whole == other.whole
            && (0..2).all(|axis| self.origin[axis] <= other.origin[axis] && other.end(axis) <= self.end(axis))
    }

    /// Positions held.
    #[must_use]
    pub fn positions(&self) -> u64 {
        u64::from(self.extent[0]) * u64::from(self.extent[1])
    }

    /// One past the last position held along an axis (0 is x, 1 is y).
    pub(crate) fn end(&self, axis: usize) -> u64 {
        u64::from(self.origin[axis]) + u64::from(self.extent[axis])
    }

    /// Whether it lies inside the feature map, and its halo inside itself.
    pub(crate) fn is_valid(&self) -> bool {
        let owned = self.owned_extent();
        (0..2).all(|axis| {
            self.end(axis) <= u64::from(self.whole[axis])
                && owned[axis] > 0
                && u64::from(self.halo[axis]) + u64::from(self.halo[axis + 2]) < u64::from(self.extent[axis])
        })
    }

    /// The region that max-pool makes of this one when this one starts at even positions.
    pub(crate) fn pooled(&self) -> Self {
        let half = |v: [u32; 2]| v.map(|v| v / 2);
        Self { origin: half(self.origin), extent: half(self.extent), halo: [0; 4], whole: half(self.whole) }
    }
}

/// A stack of feature maps of one shape. Logically NCHW.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tensor {
    /// For messages and labels: the layer that makes it.
    pub name: String,
    /// The elements' type.
    pub element: Element,
    /// N: how many images.
    pub images: u32,
    /// C: how many channels, or words of their bits.
    pub channels: u32,
    /// H and W, and where in the picture they lie.
    pub region: Region,
}

impl Tensor {
    /// A float32 tensor.
    #[must_use]
    pub fn new(name: impl Into<String>, images: u32, channels: u32, region: Region) -> Self {
        Self { name: name.into(), element: Element::F32, images, channels, region }
    }

    /// A tensor of a bit for each channel.
    #[must_use]
    pub fn bits(name: impl Into<String>, images: u32, channels: u32, region: Region) -> Self {
        Self {
            element: Element::Bits,
            ..Self::new(name, images, channels.div_ceil(CHANNELS_OF_BITS), region)
        }
    }

    /// Elements between a row and the next, densely packed.
    #[must_use]
    pub fn row_stride(&self) -> u64 {
        u64::from(self.region.extent[0])
    }

    /// Elements between a channel and the next, densely packed.
    #[must_use]
    pub fn channel_stride(&self) -> u64 {
        self.region.positions()
    }

    /// Elements between an image and the next, densely packed.
    #[must_use]
    pub fn image_stride(&self) -> u64 {
        self.channel_stride().saturating_mul(u64::from(self.channels))
    }

    /// Elements in all.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.image_stride().saturating_mul(u64::from(self.images))
    }

    /// Bytes in all, densely packed; the largest number there is, for a picture that no machine could hold.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes_of(self.region.extent, 0)
    }

    /// Bytes that it would have with such an extent, and with so many positions more around each image.
    pub(crate) fn bytes_of(&self, extent: [u32; 2], border: u32) -> u64 {
        let [width, height] = extent.map(|side| u64::from(side) + 2 * u64::from(border));
        [height, self.channels.into(), self.images.into(), self.element.bytes()]
            .into_iter()
            .fold(width, u64::saturating_mul)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_and_halo() {
        let region = Region { origin: [4, 0], extent: [6, 5], halo: [1, 0, 1, 0], whole: [20, 5] };
        assert_eq!(region.own_edges(), [false, true, false, true]);
        assert_eq!(region.owned_extent(), [4, 5]);
        assert!(region.is_valid());
        assert!(!Region { extent: [17, 5], ..region }.is_valid(), "past the right edge");
        assert!(!Region { halo: [3, 0, 3, 0], ..region }.is_valid(), "nothing owned");
    }
}
