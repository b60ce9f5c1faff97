//! Which colours a JPEG's components are.
//!
//! Several markers may say it, and not the same. libjpeg's order of them (`default_decompress_parms`) is what browsers and
//! nearly all other programs go by. The decoder goes by the last of Adobe's markers or by the components' names, so these are
//! made to say what libjpeg would take.

use std::borrow::Cow;

use super::{
    Header,
    walk::{ADOBE, Walk, transform},
};

const RGB: [u8; 3] = *b"RGB";

impl Header {
    fn names(&self) -> Option<[u8; 3]> {
        let ids: Vec<_> = self.frame.components.iter().map(|component| component.id).collect();
        ids.try_into().ok()
    }

    /// The names red, green and blue are the decoder's first sign, and libjpeg's last.
    fn is_rgb_by_name(&self) -> bool {
        !self.is_jfif && self.adobe.is_none() && self.names() == Some(RGB)
    }

    /// Adobe's transform that the decoder must be told: 0 of three components is RGB, 2 of four is YCCK. What it takes by itself
    /// is YCbCr of three and CMYK of four.
    fn told(&self) -> Option<u8> {
        match (self.frame.components.len(), self.adobe) {
            (3, Some(0)) if !self.is_jfif => Some(0),
            (4, Some(transform)) if transform != 0 => Some(2),
            _ => None,
        }
    }
}

/// Makes all markers say the same, in place.
pub fn settle(header: &Header, bytes: &mut Cow<'_, [u8]>) {
    let told = header.told();
    let renames = header.names() == Some(RGB) && !header.is_rgb_by_name() && told.is_none();
    let mut walk = Walk::default();
    while let Some(segment) = walk.next(bytes) {
        let Some(body) = bytes.get(segment.body.clone()) else { return };
        let start = segment.body.start;
        if segment.marker == ADOBE && body.starts_with(b"Adobe") {
            match told.filter(|_| transform(body).is_some()) {
                Some(value) => bytes.to_mut()[start + 11] = value,
                // No longer Adobe's.
                None => bytes.to_mut()[start] = b'-',
            }
        }
        // Names stand in a frame behind six bytes, each before two of its own, and in a scan behind one, each before one.
        let (names, width) = match (segment.is_frame(), segment.is_scan()) {
            (true, _) => (6..segment.body.len(), 3),
            (_, true) => (1..segment.body.len().saturating_sub(3), 2),
            _ => (0..0, 1),
        };
        for at in names.step_by(width).filter(|_| renames) {
            if let Some(place) = RGB.iter().position(|name| bytes.get(start + at) == Some(name)) {
                bytes.to_mut()[start + at] = place as u8 + 1;
            }
        }
    }
}
