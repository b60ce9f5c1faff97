//! What a JPEG's markers say, which decoders do not tell: whether it is whole, and its components.

/// A walk over a JPEG's segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Structure {
    /// Whether the end marker is there. Decoders fill up what is missing, in grey.
    pub whole: bool,
    /// 1 grey, 3 colour, 4 CMYK; 0 where no frame is declared.
    pub components: u8,
}

/// Walks from segment to segment, so that the end of a thumbnail within one is not taken for the picture's.
pub fn structure(bytes: &[u8]) -> Structure {
    let mut found = Structure { whole: false, components: 0 };
    // After the start marker.
    let mut at = 2;
    loop {
        // A marker may be preceded by any number of fill bytes.
        match bytes.get(at..) {
            Some([0xff, 0xff, ..]) => at += 1,
            Some([0xff, 0xd9, ..]) => return Structure { whole: true, ..found },
            // Restarts, and a marker without a segment.
            Some([0xff, 0x01 | 0xd0..=0xd8, ..]) => at += 2,
            Some([0xff, marker, high, low, segment @ ..]) => {
                let frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
                if let (true, Some(&components)) = (frame, segment.get(5)) {
                    found.components = components;
                }
                at += 2 + usize::from(u16::from_be_bytes([*high, *low])).max(2);
                if *marker == 0xda {
                    at = end_of_scan(bytes, at);
                }
            }
            _ => return found,
        }
    }
}

/// The marker after a scan's data, in which 0xff is followed by 0 or is a restart's.
fn end_of_scan(bytes: &[u8], start: usize) -> usize {
    let data = bytes.get(start..).unwrap_or_default();
    let marker =
        data.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff));
    marker.map_or(bytes.len(), |at| start + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_found_where_they_are() {
        let picture = |tail: &[u8]| {
            let mut bytes = vec![0xff, 0xd8];
            // An application segment with a thumbnail's end in it, a frame of 3 components after fill bytes, a scan.
            bytes.extend([0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9]);
            bytes.extend([0xff, 0xff, 0xff, 0xc2, 0, 8, 8, 0, 1, 0, 1, 3]);
            bytes.extend([0xff, 0xda, 0, 2, 7, 0xff, 0, 7, 0xff, 0xd3, 7]);
            bytes.extend(tail);
            structure(&bytes)
        };
        assert_eq!(picture(&[]), Structure { whole: false, components: 3 });
        assert_eq!(picture(&[0xff]), Structure { whole: false, components: 3 });
        assert!(picture(&[0xff, 0xd9]).whole);
        assert!(picture(&[0xff, 0xff, 0xd9, 1, 2, 3]).whole);
        // A second scan.
        assert!(!picture(&[0xff, 0xda, 0, 2, 1]).whole);
        assert!(picture(&[0xff, 0xda, 0, 2, 1, 0xff, 0xd9]).whole);
        assert!(!structure(&[]).whole);
    }
}
