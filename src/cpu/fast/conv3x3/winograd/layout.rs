//! How tiles' values at the 36 places lie.

use super::{
    super::product::{ROWS, SUMMED, Strides},
    PLACES,
};

#[derive(Clone, Copy)]
pub(in super::super) struct Layout {
    /// From a tile to the next of its block, from a block to the next, and from a piece of channels to the next.
    pub(in super::super) strides: Strides,
    /// From a place to the next.
    pub(in super::super) place: usize,
    /// Channels of a piece.
    width: usize,
}

impl Layout {
    /// (blocks of tiles, 36 places, pieces of channels, [`ROWS`] tiles, [`SUMMED`] channels), row-major: what a transform
    /// and a product go through lies close together.
    #[inline(always)] // so that the product knows its constants
    pub(in super::super) fn by_blocks(channels: usize) -> Self {
        let piece = ROWS * SUMMED;
        let place = channels.div_ceil(SUMMED) * piece;
        Self { strides: Strides { row: SUMMED, block: PLACES * place, piece }, place, width: SUMMED }
    }

    /// (36 places, panels, tiles, outputs of a panel), row-major: what a panel's product writes is a piece of its own.
    pub(in super::super) fn by_panels(channels: usize, panel: usize, tiles: usize) -> Self {
        let piece = tiles * panel;
        Self {
            strides: Strides { row: panel, block: ROWS * panel, piece },
            place: channels * tiles,
            width: panel,
        }
    }

    /// (36 places, channels), row-major, of one tile.
    pub(in super::super) fn by_places(channels: usize) -> Self {
        Self { strides: Strides { row: 0, block: 0, piece: 0 }, place: channels, width: channels }
    }

    /// Elements of so many tiles.
    pub(in super::super) fn elements(self, tiles: usize) -> usize {
        // Places or blocks are what is outermost.
        self.tile(tiles.next_multiple_of(ROWS)).max(PLACES * self.place)
    }

    /// Elements to a tile's first.
    #[inline(always)]
    pub(in super::super) fn tile(self, tile: usize) -> usize {
        tile / ROWS * self.strides.block + tile % ROWS * self.strides.row
    }

    /// Elements from a tile's first channel to this one.
    #[inline(always)]
    pub(in super::super) fn channel(self, channel: usize) -> usize {
        channel / self.width * self.strides.piece + channel % self.width
    }
}
