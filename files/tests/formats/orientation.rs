//! Orientations, as viewers apply them.

use crate::{
    build::{crc32, jpeg_with, segment},
    golden::bytes,
    read,
};

/// The file with its orientation stored as values of another type.
fn retyped(file: &[u8], value: u8, kind: u8) -> Vec<u8> {
    let little = [0x12, 0x01, 3, 0, 1, 0, 0, 0, value, 0, 0, 0];
    let big = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, value, 0, 0];
    let find = |entry: [u8; 12]| file.windows(12).position(|part| part == entry);
    let mut made = file.to_vec();
    let (at, is_little) =
        find(little).map(|at| (at, true)).or_else(|| find(big).map(|at| (at, false))).unwrap();
    made[at + if is_little { 2 } else { 3 }] = kind;
    if !is_little {
        made[at + 8..at + 12].copy_from_slice(&match kind {
            1 | 6 | 7 => [value, 0, 0, 0],
            3 | 8 => [0, value, 0, 0],
            _ => [0, 0, 0, value],
        });
    }
    if let Some(name) = made.windows(4).position(|part| part == b"eXIf") {
        let length = u32::from_be_bytes(made[name - 4..name].try_into().unwrap()) as usize;
        let sum = crc32(&made[name..name + 4 + length]).to_be_bytes();
        made[name + 4 + length..name + 8 + length].copy_from_slice(&sum);
    }
    made
}

/// Some cameras and programs write it as LONG or BYTE in the place of SHORT.
#[test]
fn orientations_of_every_type_of_whole_numbers_are_applied() {
    for value in 1..=8 {
        for kind in ["png", "webp", "jpg", "tif"] {
            let name = format!("oriented{value}.{kind}");
            let whole = bytes(&name);
            let expected = read(&name, &whole, "").unwrap();
            // BYTE, LONG, SBYTE, UNDEFINED, SSHORT, SLONG.
            for number in [1, 4, 6, 7, 8, 9] {
                let picture = read(&name, &retyped(&whole, value, number), "");
                let picture = picture.unwrap_or_else(|message| panic!("type {number}: {message}"));
                assert_eq!(picture.size(), expected.size(), "{name}, type {number}");
                assert!(picture.values() == expected.values(), "{name}, type {number}");
            }
        }
    }
}

/// Both orders of bytes, in a JPEG; and of two the first counts.
#[test]
fn orientations_of_both_byte_orders_are_applied() {
    let plain = bytes("oriented1.jpg");
    let plain = jpeg_with(&plain, &[]);
    let exif = |entry: &[u8], is_little: bool| {
        let head: &[u8] =
            if is_little { b"Exif\0\0II*\0\x08\0\0\0\x01\0" } else { b"Exif\0\0MM\0*\0\0\0\x08\0\x01" };
        segment(0xe1, &[head, entry, &[0; 4]].concat())
    };
    let upright = read("a.jpg", &plain, "").unwrap().values();
    // 180 degrees.
    let turned: Vec<_> = upright.as_chunks::<3>().0.iter().rev().flatten().copied().collect();
    let long_little = exif(&[0x12, 0x01, 4, 0, 1, 0, 0, 0, 3, 0, 0, 0], true);
    let long_big = exif(&[0x01, 0x12, 0, 4, 0, 0, 0, 1, 0, 0, 0, 3], false);
    let byte_big = exif(&[0x01, 0x12, 0, 1, 0, 0, 0, 1, 3, 0, 0, 0], false);
    let none = exif(&[0x12, 0x01, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0], true);
    let too_large = exif(&[0x12, 0x01, 4, 0, 1, 0, 0, 0, 3, 1, 0, 0], true);
    for (segments, expected) in [
        (vec![long_little.clone()], &turned),
        (vec![long_big], &turned),
        (vec![byte_big], &turned),
        (vec![none.clone()], &upright),
        (vec![too_large], &upright),
        (vec![long_little.clone(), none.clone()], &turned),
        (vec![none, long_little], &upright),
    ] {
        let file = [&plain[..2], &segments.concat(), &plain[2..]].concat();
        assert!(read("a.jpg", &file, "").unwrap().values() == *expected, "{segments:?}");
    }
}
