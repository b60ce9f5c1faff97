//! Files that are no pictures, or pictures of other formats, under a picture's name.

use crate::read;

#[test]
fn what_is_given_in_place_of_a_picture_is_named() {
    let long = |start: &[u8], at: usize, mark: &[u8]| [start, &vec![b'x'; at - start.len()], mark].concat();
    let utf16: Vec<u8> = "\u{feff}<!DOCTYPE html><html>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (data, parts) in [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n".to_vec(),
            &["a Git LFS pointer", "git lfs pull"][..],
        ),
        (b"<!DOCTYPE html><html><body>404</body></html>".to_vec(), &["a web page", "download the picture"]),
        (b"\n  <HTML>\n<HEAD>".to_vec(), &["a web page"]),
        (b"\xef\xbb\xbf<!-- made by x --><html>".to_vec(), &["a web page"]),
        (b"<?xml version=\"1.0\"?><!DOCTYPE html PUBLIC>".to_vec(), &["a web page"]),
        (utf16, &["a web page"]),
        (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(), &["an SVG drawing", "render it"]),
        (b"<?xml version=\"1.0\"?>\n<!-- x --><svg/>".to_vec(), &["an SVG drawing"]),
        (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>".to_vec(), &["an XML document"]),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(), &["a HEIC picture", "convert it to PNG"]),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic".to_vec(), &["a HEIC picture"]),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1".to_vec(), &["an AVIF picture", "convert it to PNG"]),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif".to_vec(), &["an AVIF picture"]),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom".to_vec(), &["a camera's raw file"]),
        (b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2".to_vec(), &["an MP4 or QuickTime film", "take a frame"]),
        (b"\xff\x0a\xfa\x1f\x01".to_vec(), &["a JPEG XL picture"]),
        (b"\0\0\0\x0cJXL \r\n\x87\n\0\0".to_vec(), &["a JPEG XL picture"]),
        (b"\0\0\0\x0cjP  \r\n\x87\n\0\0".to_vec(), &["a JPEG 2000 picture"]),
        (b"\xff\x4f\xff\x51\0\x29".to_vec(), &["a JPEG 2000 codestream"]),
        (b"II\xbc\x01\x20\0\0\0".to_vec(), &["a JPEG XR picture"]),
        (b"II+\0\x08\0\0\0".to_vec(), &["a BigTIFF", "a plain TIFF"]),
        (b"MM\0+\0\x08\0\0".to_vec(), &["a BigTIFF"]),
        (b"II*\0\x10\0\0\0CR\x02\0".to_vec(), &["a camera's raw file", "develop it"]),
        (b"\x89PNG\r\n\x1a\n\0\0\0\x04CgBI\x50\0\x20\x02".to_vec(), &["a PNG as Apple's tools pack it"]),
        (b"\x8aMNG\r\n\x1a\n".to_vec(), &["an MNG animation"]),
        (b"8BPS\0\x01".to_vec(), &["a Photoshop document", "export it"]),
        (b"gimp xcf v011\0".to_vec(), &["a GIMP document"]),
        (b"DDS \x7c\0\0\0".to_vec(), &["a DDS texture"]),
        (b"\xabKTX 11\xbb\r\n\x1a\n".to_vec(), &["a KTX texture"]),
        (b"\xabKTX 20\xbb\r\n\x1a\n".to_vec(), &["a KTX2 texture"]),
        (b"PF\n2 2\n-1.0\n".to_vec(), &["a PFM picture", "convert it to EXR"]),
        (b"farbfeld\0\0\0\x01".to_vec(), &["a farbfeld picture"]),
        (b"%PDF-1.7\n".to_vec(), &["a PDF document", "render it"]),
        (b"\x89PNG\n\x1a\n\0\0".to_vec(), &["a PNG whose line ends were converted"]),
        (b"PK\x03\x04\x14\0".to_vec(), &["a zip archive", "unpack it"]),
        (b"\x1f\x8b\x08\0".to_vec(), &["compressed with gzip", "unpack it"]),
        (b"\x28\xb5\x2f\xfd\x04".to_vec(), &["compressed with zstd"]),
        (b"\x93NUMPY\x01\0".to_vec(), &["a NumPy array"]),
        (b"RIFF\x24\0\0\0WAVEfmt ".to_vec(), &["a film or a sound"]),
        (long(b"folder/", 257, b"ustar\0"), &["a tar archive"]),
        (long(b"\x01", 128, b"DICM"), &["a DICOM file"]),
        (vec![0; 4096], &["nothing but zeros"]),
        (b"404: Not Found".to_vec(), &["not text that begins '404: Not Found'", "expected a PNG"]),
        ("Größe\n".into(), &["not text that begins 'Größe'"]),
        (
            b"{\"error\": \"no such object\"}".to_vec(),
            &["not text that begins '{\"error\"", "expected a PNG"],
        ),
    ] {
        // Names tell nothing.
        for name in ["a.png", "a.tga"] {
            let shown = String::from_utf8_lossy(&data);
            let message = read(name, &data, "").err().unwrap_or_else(|| panic!("{shown} was read"));
            for part in parts {
                assert!(message.contains(part), "{message}");
            }
        }
    }
}
