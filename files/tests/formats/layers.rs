//! EXR files whose channels are in layers, as compositors and Blender's multilayer files have them.

use std::io::Cursor;

use exr::prelude::{AnyChannel, AnyChannels, Encoding, FlatSamples, Image, SmallVec, WritableImage as _};

use crate::read;

/// A file of 3x2 pixels; each channel is a ramp from its value on.
fn file(channels: &[(&str, f32)]) -> Vec<u8> {
    let channels: SmallVec<[_; 4]> = channels
        .iter()
        .map(|(name, first)| {
            let values = (0..6).map(|i| first + i as f32 / 64.0).collect();
            AnyChannel::new(*name, FlatSamples::F32(values))
        })
        .collect();
    let image = Image::from_encoded_channels((3, 2), Encoding::UNCOMPRESSED, AnyChannels::sort(channels));
    let mut bytes = Cursor::new(vec![]);
    image.write().to_buffered(&mut bytes).unwrap();
    bytes.into_inner()
}

#[test]
fn the_only_layer_with_colours_is_read() {
    let plain = read("a.exr", &file(&[("R", 0.1), ("G", 0.2), ("B", 0.3)]), "").unwrap();
    assert!(plain.warnings.is_empty(), "{:?}", plain.warnings);
    let layer = [
        ("ViewLayer.Combined.R", 0.1),
        ("ViewLayer.Combined.G", 0.2),
        ("ViewLayer.Combined.B", 0.3),
        ("ViewLayer.Depth.Z", 0.7),
        ("ViewLayer.Normal.X", 0.8),
    ];
    let picture = read("a.exr", &file(&layer), "").unwrap();
    assert_eq!((picture.size(), picture.values()), ((3, 2), plain.values()));
    assert!(picture.alpha().is_none() && picture.was_linear);
    let [warning] = picture.warnings.as_slice() else { panic!("{:?}", picture.warnings) };
    assert!(warning.contains("those of the layer 'ViewLayer.Combined' are read"), "{warning}");
    // Its alpha belongs to it; another layer's does not.
    let with = |name: &'static str| read("a.exr", &file(&[&layer[..], &[(name, 0.5)]].concat()), "").unwrap();
    assert_eq!(with("ViewLayer.Combined.A").alpha().unwrap()[0], 32768);
    assert!(with("ViewLayer.Mist.A").alpha().is_none());
    assert!(with("A").alpha().is_none());
    // Channels without a layer come first.
    let both = [&layer[..], &[("R", 0.1), ("G", 0.2), ("B", 0.3)]].concat();
    let both = read("a.exr", &file(&both), "").unwrap();
    assert!(both.values() == plain.values() && both.warnings.is_empty(), "{:?}", both.warnings);
}

#[test]
fn layers_that_may_both_be_meant_are_named() {
    let layer = |name: &str| ["R", "G", "B"].map(|channel| format!("{name}.{channel}"));
    let names = [layer("View Layer.Combined"), layer("View Layer.DiffCol")].concat();
    let channels: Vec<_> = names.iter().map(|name| (name.as_str(), 0.5)).collect();
    let message = read("a.exr", &file(&channels), "").err().unwrap();
    assert!(message.contains("View Layer.Combined, View Layer.DiffCol"), "{message}");
    assert!(message.contains("save the one that is meant"), "{message}");
    for (channels, part) in [
        (&[("Y", 0.5)][..], "channels Y; expected channels R, G and B"),
        (&[("Depth.Z", 0.5), ("Mist.Z", 0.5)], "channels Depth.Z, Mist.Z; expected"),
        (&[("A.R", 0.5), ("A.G", 0.5), ("C.B", 0.5)], "channels A.G, A.R, C.B; expected"),
    ] {
        let message = read("a.exr", &file(channels), "").err().unwrap();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn pixels_that_are_not_shown_are_told() {
    let plain = file(&[("R", 0.1), ("G", 0.2), ("B", 0.3)]);
    let name = b"displayWindow\0box2i\0";
    let at = plain.windows(name.len()).position(|part| part == name).unwrap() + name.len() + 4;
    // 3x2 are stored, at 0, 0.
    for (window, is_told) in [
        ([0, 0, 2, 1], false),
        ([2, 1, 5, 4], false),
        ([3, 0, 5, 1], true),
        ([-4, 0, -1, 1], true),
        ([0, 2, 2, 9], true),
    ] {
        let mut moved = plain.clone();
        moved.splice(at..at + 16, window.into_iter().flat_map(i32::to_le_bytes));
        let picture = read("a.exr", &moved, "").unwrap();
        let told = picture.warnings.iter().any(|warning| warning.contains("outside of its display window"));
        assert_eq!(told, is_told, "{window:?}: {:?}", picture.warnings);
        assert_eq!(picture.values().iter().all(|value| *value == 0.0), is_told, "{window:?}");
    }
}
