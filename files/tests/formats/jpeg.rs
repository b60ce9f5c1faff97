//! JPEGs whose markers contradict each other, and JPEGs that have lost a part.

use std::ops::Range;

use crate::{
    build::{jpeg_with, segment},
    golden::bytes,
    read,
};

fn jfif() -> Vec<u8> {
    segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
}

fn adobe(transform: u8) -> Vec<u8> {
    segment(0xee, &[b"Adobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat())
}

/// The picture with other names of its components.
fn renamed(jpeg: &[u8], names: [u8; 3]) -> Vec<u8> {
    let mut made = jpeg.to_vec();
    let find = |marker: u8| jpeg.windows(2).position(|pair| pair == [0xff, marker]).unwrap();
    let (frame, scan) = (find(0xc0), find(0xda));
    for (i, name) in names.into_iter().enumerate() {
        made[frame + 10 + i * 3] = name;
        made[scan + 5 + i * 2] = name;
    }
    made
}

/// What libjpeg's `default_decompress_parms` takes, and with it browsers, Pillow and OpenCV.
#[test]
fn colours_are_told_as_libjpeg_tells_them() {
    let plain = bytes("rgb.jpg");
    let seen = read("rgb.jpg", &plain, "").unwrap().values();
    let with = |segments: &[Vec<u8>]| jpeg_with(&plain, segments);
    // Too short to have a transform.
    let short = segment(0xee, b"Adobe\0\x64\0\0");
    // Behind the picture's first scan, where nobody looks.
    let mut late = with(&[]);
    let end = late.len() - 2;
    late.splice(end..end, adobe(0));
    for (name, file) in [
        ("JFIF alone", plain.clone()),
        ("JFIF and transform 0", with(&[jfif(), adobe(0)])),
        ("transform 0 and JFIF", with(&[adobe(0), jfif()])),
        ("JFIF and transform 0 twice", with(&[jfif(), adobe(0), adobe(0)])),
        ("JFIF and transform 1", with(&[jfif(), adobe(1)])),
        ("JFIF and transform 2", with(&[jfif(), adobe(2)])),
        ("nothing", with(&[])),
        ("transform 1", with(&[adobe(1)])),
        ("transform 2, which is of four components", with(&[adobe(2)])),
        ("a transform that nobody knows", with(&[adobe(7)])),
        ("transform 0, then 1", with(&[adobe(0), adobe(1)])),
        ("a marker that is too short", with(std::slice::from_ref(&short))),
        ("transform 1, then a marker that is too short", with(&[adobe(1), short.clone()])),
        ("transform 0 behind the scan", late),
        ("the names R, G, B, and JFIF", renamed(&plain, *b"RGB")),
        ("the names R, G, B, and transform 1", renamed(&with(&[adobe(1)]), *b"RGB")),
        ("the names R, G, B, JFIF and transform 0", renamed(&with(&[jfif(), adobe(0)]), *b"RGB")),
        ("the names 0, 1, 2", renamed(&with(&[]), [0, 1, 2])),
        ("the names r, g, b", renamed(&with(&[]), *b"rgb")),
    ] {
        let picture = read("a.jpg", &file, "").unwrap();
        assert_eq!(picture.values(), seen, "{name}");
        assert!(picture.warnings.is_empty(), "{name}: {:?}", picture.warnings);
    }
    let stored = read("a.jpg", &with(&[adobe(0)]), "").unwrap().values();
    let cut = segment(0xe0, b"JFIF\0\x01\x01");
    for (name, file) in [
        ("transform 1, then 0", with(&[adobe(1), adobe(0)])),
        ("transform 0 and JFIF cut short", with(&[cut, adobe(0)])),
        ("transform 0, then a marker that is too short", with(&[adobe(0), short])),
        ("the names R, G, B", renamed(&with(&[]), *b"RGB")),
        ("the names R, G, B, and transform 0", renamed(&with(&[adobe(0)]), *b"RGB")),
    ] {
        assert_eq!(read("a.jpg", &file, "").unwrap().values(), stored, "{name}");
    }
    // Which is luma and chroma shown as red, green and blue.
    for (stored, seen) in stored.as_chunks::<3>().0.iter().zip(seen.as_chunks::<3>().0) {
        let [y, cb, cr] = stored.map(|value| value * 255.0);
        let (cb, cr) = (cb - 128.0, cr - 128.0);
        let made = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
        for (made, seen) in made.iter().zip(seen) {
            assert!((made.clamp(0.0, 255.0) - seen * 255.0).abs() < 2.01, "{made}, not {}", seen * 255.0);
        }
    }
}

#[test]
fn colours_of_one_and_of_four_components_are_told_as_libjpeg_tells_them() {
    let grey = bytes("grey.jpg");
    let seen = read("grey.jpg", &grey, "").unwrap().values();
    for segments in [vec![adobe(0)], vec![jfif(), adobe(1)], vec![adobe(2)]] {
        assert_eq!(read("a.jpg", &jpeg_with(&grey, &segments), "").unwrap().values(), seen);
    }
    for (name, transforms) in [("cmyk.jpg", &[0][..]), ("ycck.jpg", &[1, 2, 9])] {
        let file = bytes(name);
        let seen = read(name, &file, "").unwrap().values();
        let at = file.windows(5).position(|part| part == b"Adobe").unwrap();
        for transform in transforms {
            let mut made = file.clone();
            made[at + 11] = *transform;
            // JFIF says nothing of four components; and the marker may stand behind the frame.
            let early = [&made[..2], &jfif(), &made[2..]].concat();
            let marker = made[at - 4..at + 12].to_vec();
            let mut late = [&made[..at - 4], &made[at + 12..]].concat();
            let scan = late.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
            late.splice(scan..scan, marker);
            for made in [made, early, late] {
                assert_eq!(read("a.jpg", &made, "").unwrap().values(), seen, "{name}, transform {transform}");
            }
        }
    }
    // Without any marker four components are inks.
    let file = bytes("cmyk.jpg");
    let at = file.windows(5).position(|part| part == b"Adobe").unwrap();
    let bare = [&file[..at - 4], &file[at + 12..]].concat();
    assert_eq!(read("a.jpg", &bare, "").unwrap().values(), read("a.jpg", &file, "").unwrap().values());
}

/// Where the pieces of the only scan's data are, each with the restart marker behind it.
fn intervals(jpeg: &[u8]) -> Vec<Range<usize>> {
    let scan = jpeg.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    let mut start = scan + 2 + usize::from(u16::from_be_bytes([jpeg[scan + 2], jpeg[scan + 3]]));
    let is_end = |at: &usize| jpeg[*at] == 0xff && matches!(jpeg[at + 1], 0xd0..=0xd7 | 0xd9);
    let ends = (start..jpeg.len() - 1).filter(is_end).map(|at| at + 2);
    ends.map(|end| std::mem::replace(&mut start, end)..end).collect()
}

#[test]
fn a_lost_restart_interval_is_told() {
    let whole = bytes("restarts.jpg");
    let pieces = intervals(&whole);
    assert_eq!(pieces.len(), 9);
    let without = |lost: Range<usize>| [&whole[..lost.start], &whole[lost.end..]].concat();
    let mut damaged = vec![];
    for piece in &pieces[..8] {
        damaged.push(("an interval with its marker", without(piece.clone())));
        damaged.push(("an interval's data", without(piece.start..piece.end - 2)));
        damaged.push(("an interval's last bytes", without(piece.end - 6..piece.end - 2)));
        damaged.push(("a marker", without(piece.end - 2..piece.end)));
        let mut other = whole.clone();
        other[piece.end - 1] = 0xd0 | (other[piece.end - 1] + 3) & 7;
        damaged.push(("a marker's number", other));
    }
    damaged.push(("the last interval", without(pieces[8].start..pieces[8].end - 2)));
    damaged.push(("the last interval and its marker", without(pieces[7].end - 2..pieces[8].end - 2)));
    damaged.push(("all but the first", without(pieces[1].start..pieces[8].end - 2)));
    for (lost, file) in damaged {
        let picture = read("a.jpg", &file, "").unwrap_or_else(|message| panic!("{lost}: {message}"));
        let [warning] = picture.warnings.as_slice() else { panic!("{lost}: {:?}", picture.warnings) };
        assert!(warning.starts_with("a.jpg: its data is damaged: "), "{lost}: {warning}");
    }
    // Some writers end the last interval with a marker, too.
    let end = whole.len() - 2;
    let more = [&whole[..end], &[0xff, 0xd0], &whole[end..]].concat();
    assert!(read("a.jpg", &more, "").unwrap().warnings.is_empty());
}

/// Whatever is cut out of a scan's data, the file's end left in place.
#[test]
fn lost_data_is_told_in_every_kind_of_scan() {
    for name in
        ["rgb.jpg", "halved.jpg", "grey.jpg", "cmyk.jpg", "progressive.jpg", "progressive-restarts.jpg"]
    {
        let whole = bytes(name);
        let first = whole.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
        let expected = read(name, &whole, "").unwrap();
        let end = whole.len() - 2;
        for cut in (first + 20..end - 4).step_by(7) {
            let file = [&whole[..cut], &whole[end..]].concat();
            // What is cut within a header of a later scan may be refused.
            let Ok(picture) = read(name, &file, "") else { continue };
            let more = picture.warnings.len() > expected.warnings.len();
            assert!(more, "{name} cut at {cut} of {end}: {:?}", picture.warnings);
        }
    }
}

/// The picture with other blocks in a unit: a component's across, and down, in one byte.
fn sampled(jpeg: &[u8], sampling: &[u8]) -> Vec<u8> {
    let mut made = jpeg.to_vec();
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    for (i, sampling) in sampling.iter().enumerate() {
        made[frame + 11 + i * 3] = *sampling;
    }
    made
}

/// The picture as if its first component had the first scan to itself.
fn scanned_alone(jpeg: &[u8]) -> Vec<u8> {
    let scan = jpeg.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    let length = usize::from(u16::from_be_bytes([jpeg[scan + 2], jpeg[scan + 3]]));
    let first = &jpeg[scan + 5..scan + 7];
    [&jpeg[..scan], &segment(0xda, &[&[1], first, &[0, 63, 0]].concat()), &jpeg[scan + 2 + length..]].concat()
}

/// The decoder takes each of these for a layout that it knows, and gives other pictures without a word.
#[test]
fn layouts_that_the_decoder_does_not_know_are_refused() {
    let plain = bytes("rgb.jpg");
    let two = {
        // Components of a frame, and of its scan.
        let (mut file, find) =
            (plain.clone(), |marker| plain.windows(2).position(|pair| pair == [0xff, marker]));
        file[find(0xc0).unwrap() + 9] = 2;
        file
    };
    for (sampling, file, expected) in [
        ("1x1 and 2x2", sampled(&plain, &[0x11, 0x22, 0x22]), "stores a colour finer than brightness"),
        ("1x1 and 2x1", sampled(&plain, &[0x11, 0x11, 0x21]), "stores a colour finer than brightness"),
        ("12 blocks", sampled(&plain, &[0x22, 0x22, 0x22]), "has 12 blocks in each unit, where 10 may be"),
        ("4:2:0 apart", scanned_alone(&sampled(&plain, &[0x22, 0x11, 0x11])), "in scans of their own"),
        ("4:4:0 apart", scanned_alone(&sampled(&plain, &[0x12, 0x11, 0x11])), "in scans of their own"),
        ("two components", two, "has 2 components; expected 1, 3 or 4"),
    ] {
        let message = read("odd.jpg", &file, "").map(|_| ()).unwrap_err();
        assert!(message.contains(expected), "{sampling}: {message}");
    }
}

#[test]
fn other_codings_are_named() {
    let plain = bytes("rgb.jpg");
    let frame = plain.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    for (marker, coding) in [
        (0xc3, "without loss"),
        (0xc5, "by differences"),
        (0xc9, "arithmetically"),
        (0xcf, "without loss"),
        (0xf7, "as JPEG-LS"),
    ] {
        let mut file = plain.clone();
        file[frame + 1] = marker;
        let message = read("odd.jpg", &file, "").map(|_| ()).unwrap_err();
        assert!(message.contains(&format!("is coded {coding}, which is not read")), "{message}");
    }
}
