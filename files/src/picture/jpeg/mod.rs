//! What a JPEG's markers say that its decoder does not tell, or tells otherwise than everybody else's.

mod colour;
mod damage;
mod huffman;
mod walk;

use std::{borrow::Cow, ops::Range};

pub use damage::damage;
use walk::{ADOBE, APPLICATION, EXIF, Segment, Walk};

use super::bytes::{slice, u16_be};

/// A start of frame that is none of JPEG's own.
const JPEG_LS: u8 = 0xf7;

/// What stands before the picture's first scan.
pub struct Header {
    /// 0 by 0 without components where no frame says it; the decoder then refuses the file.
    frame: Frame,
    /// Whether there is JFIF's marker.
    is_jfif: bool,
    /// The transform of colours that Adobe's marker names.
    adobe: Option<u8>,
    /// Where the Exif data is.
    exif: Option<Range<usize>>,
    /// How many components the first scan has.
    scanned: usize,
}

/// A start of frame, of any kind.
#[derive(Default)]
struct Frame {
    marker: u8,
    width: usize,
    height: usize,
    components: Vec<Component>,
}

/// Of a frame: its name, and how many blocks of it a unit has, across and down.
struct Component {
    id: u8,
    across: usize,
    down: usize,
}

impl Header {
    /// Reads what stands before the first scan, of a file that holds its picture's end: decoders fill up what is missing of one
    /// that ends early, without a word. What follows the end does not matter.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut header =
            Self { frame: Frame::default(), is_jfif: false, adobe: None, exif: None, scanned: 0 };
        let (mut walk, mut is_before_scans) = (Walk::default(), true);
        while let Some(segment) = walk.next(bytes) {
            if is_before_scans {
                is_before_scans = !segment.is_scan();
                header.take(bytes, segment);
            }
        }
        walk.is_whole.then_some(header)
    }

    fn take(&mut self, bytes: &[u8], segment: Segment) {
        let Some(body) = bytes.get(segment.body.clone()) else { return };
        match segment.marker {
            marker if segment.is_frame() || marker == JPEG_LS => {
                self.frame = Frame::read(marker, body).unwrap_or(Frame { marker, ..Frame::default() });
            }
            // With its version, density and thumbnail's size.
            APPLICATION if body.len() >= 14 && body.starts_with(b"JFIF\0") => self.is_jfif = true,
            _ if segment.is_scan() => self.scanned = body.first().copied().unwrap_or(0).into(),
            ADOBE => self.adobe = walk::transform(body).or(self.adobe),
            EXIF if self.exif.is_none() && body.starts_with(b"Exif\0\0") => self.exif = Some(segment.body),
            _ => {}
        }
    }

    /// The Exif data.
    pub fn exif<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        bytes.get(self.exif.clone()?)
    }

    /// Sees that the components are laid out in a way that the decoder knows. Others it takes for ones that it does, without a word.
    ///
    /// # Errors
    /// What is odd about them.
    pub fn check_layout(&self) -> Result<(), String> {
        const EXPECTED: &str =
            "expected components as libjpeg and cameras write them; save it again, or as a PNG";
        // Of the standard: the most blocks that a unit of several components has.
        const BLOCKS: usize = 10;
        let frame = &self.frame;
        // Without a frame the decoder refuses it.
        if !matches!(frame.marker, 0 | 0xc0..=0xc2) {
            let coding = match frame.marker {
                JPEG_LS => "as JPEG-LS",
                0xc3 | 0xc7 | 0xcb | 0xcf => "without loss",
                0xc5 | 0xc6 => "by differences",
                _ => "arithmetically",
            };
            return Err(format!(
                "is coded {coding}, which is not read; save it as baseline JPEG, or as a PNG"
            ));
        }
        // Without any the decoder refuses it, and what is alone has no other to fit.
        let [first, _, ..] = frame.components.as_slice() else { return Ok(()) };
        let count = frame.components.len();
        if !matches!(count, 3 | 4) {
            return Err(format!("has {count} components; expected 1, 3 or 4"));
        }
        let (across, down) = frame.sampling();
        if (first.across, first.down) != (across, down) {
            return Err(format!("stores a colour finer than brightness; {EXPECTED}"));
        }
        let blocks: usize = frame.components.iter().map(|it| it.across * it.down).sum();
        if self.scanned == count && blocks > BLOCKS {
            return Err(format!("has {blocks} blocks in each unit, where {BLOCKS} may be; {EXPECTED}"));
        }
        if !frame.is_progressive() && self.scanned < count && down > 1 {
            return Err(format!(
                "stores components in scans of their own, with rows of blocks in units; {EXPECTED}"
            ));
        }
        Ok(())
    }

    /// Whether it has four inks.
    pub fn is_cmyk(&self) -> bool {
        self.frame.components.len() == 4
    }

    /// Makes the decoder read the colours as everybody else does.
    pub fn settle_colours(&self, bytes: &mut Cow<'_, [u8]>) {
        colour::settle(self, bytes);
    }

    /// Bytes that decoding takes beside the picture: coefficients of 16 bits, of the whole picture where they come in several
    /// scans, and of some rows of blocks.
    pub fn working(&self) -> u64 {
        const ROWS: usize = 8;
        let (across, down) = self.frame.units();
        let blocks = |units: usize| -> usize {
            self.frame.components.iter().map(|it| units.saturating_mul(it.across * it.down)).sum()
        };
        let is_at_once = !self.frame.is_progressive() && self.scanned == self.frame.components.len();
        let all = if is_at_once { 0 } else { across.saturating_mul(down) };
        (blocks(all) as u64 + blocks(across.saturating_mul(ROWS)) as u64) * 64 * 2
    }
}

/// The size that the first frame says.
pub fn size(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut walk = Walk::default();
    let frame = std::iter::from_fn(|| walk.next(bytes)).find(Segment::is_frame)?;
    let frame = Frame::read(frame.marker, bytes.get(frame.body)?)?;
    Some((frame.width, frame.height))
}

impl Frame {
    fn read(marker: u8, body: &[u8]) -> Option<Self> {
        let components = slice(body, 6, usize::from(*body.get(5)?) * 3)?.as_chunks::<3>().0;
        let components = components.iter().map(|[id, sampling, _]| Component {
            id: *id,
            across: usize::from(sampling >> 4),
            down: usize::from(sampling & 15),
        });
        Some(Self {
            marker,
            height: u16_be(body, 1)?.into(),
            width: u16_be(body, 3)?.into(),
            components: components.collect(),
        })
    }

    fn is_progressive(&self) -> bool {
        matches!(self.marker, 0xc2 | 0xc6 | 0xca | 0xce)
    }

    /// The most blocks of any component that a unit has, across and down.
    fn sampling(&self) -> (usize, usize) {
        let most = |of: fn(&Component) -> usize| self.components.iter().map(of).max().unwrap_or(1).max(1);
        (most(|it| it.across), most(|it| it.down))
    }

    /// Units across and down: the least that has whole blocks of every component.
    fn units(&self) -> (usize, usize) {
        let (across, down) = self.sampling();
        (self.width.div_ceil(8 * across), self.height.div_ceil(8 * down))
    }
}
