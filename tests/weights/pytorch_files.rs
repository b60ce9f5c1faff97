//! What is read of PyTorch's files: of those that PyTorch saved (`golden/pytorch.py`), and of those made here.

use std::fs;

use perceptual_loss::{
    Error, Network,
    weights::{Format, Parameters, Precision, Weights},
};

use crate::{
    common::{ONE, assert_says, changed, on_disk, same_to_the_bit, weights_message},
    pickle::{Pickle, old_file, zip_file},
};

const WEIGHT: [i64; 4] = [64, 3, 3, 3];

fn seeded() -> Parameters {
    Weights::seeded(1).load(Network::Vgg19, ONE).unwrap()
}

fn load(bytes: impl Into<std::sync::Arc<[u8]>>) -> perceptual_loss::Result<Parameters> {
    Weights::from_bytes(bytes, "w.pth")?.load(Network::Vgg19, ONE)
}

/// The first convolution's values as float32.
fn values() -> (Vec<u8>, Vec<u8>) {
    let seeded = seeded();
    let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
    (bytes(seeded.convolutions()[0].weight()), bytes(seeded.convolutions()[0].bias()))
}

/// A state dict of the first convolution, its weight written by `weight`.
fn state(weight: impl FnOnce(Pickle) -> Pickle) -> Vec<u8> {
    let dict = weight(Pickle::new().raw(b"ccollections\nOrderedDict\n)R(").text("features.0.weight"));
    dict.text("features.0.bias").plain_tensor("b", &[64]).raw(b"u}bX\0\0\0\x000.").0
}

/// Both formats with these storages beside the bias's.
fn files(pickle: &[u8], key: &str, size: u64, bytes: &[u8]) -> [Vec<u8>; 2] {
    let (_, bias) = values();
    [
        zip_file(pickle, &[(key, bytes.to_vec()), ("b", bias.clone())]),
        old_file(pickle, &[(key, bytes.len() as u64 / size, bytes.to_vec()), ("b", 64, bias)]),
    ]
}

#[test]
fn what_pytorch_saved_is_read_to_the_bit() {
    let rounded = |precision| seeded().rounded(precision).unwrap();
    let expanded = changed(&seeded(), |layer, _, bias| {
        if layer.index == 0 {
            bias.fill(0.25);
        }
    });
    for (name, expected) in [
        ("plain-zip", seeded()),
        ("plain-old", seeded()),
        ("channels-last-zip", seeded()),
        ("channels-last-old", seeded()),
        ("within-another-zip", seeded()),
        ("within-another-old", seeded()),
        ("checkpoint-zip", seeded()),
        ("checkpoint-old", seeded()),
        ("transposed-zip", seeded()),
        ("every-other-old", seeded()),
        ("half-zip", rounded(Precision::F16)),
        ("bfloat16-old", rounded(Precision::Bf16)),
        ("double-zip", seeded()),
        ("parameter-zip", seeded()),
        ("protocol-4-zip", seeded()),
        ("protocol-4-old", seeded()),
        ("expanded-zip", expanded),
    ] {
        let path = format!("{}/tests/golden/pytorch/{name}.pth", env!("CARGO_MANIFEST_DIR"));
        let opened = Weights::open(&path).unwrap();
        for network in Network::ALL {
            let read = opened.load(network, ONE).unwrap();
            assert!(same_to_the_bit(&read, &expected), "{name}");
        }
        let read = load(fs::read(&path).unwrap()).unwrap();
        assert!(same_to_the_bit(&read, &expected), "{name}");
        assert_eq!((read.info.origin.as_str(), read.info.trained), ("w.pth", None));
        if !name.starts_with("expanded") {
            assert_eq!(read.info.sha256, expected.info.sha256, "{name}");
        }

        let inspection = opened.inspect().unwrap();
        let format = if name.ends_with("old") { Format::PytorchLegacy } else { Format::Pytorch };
        assert_eq!(inspection.format, format, "{name}");
        let prefix = if name.starts_with("checkpoint") { "state_dict." } else { "" };
        assert_eq!(inspection.convolutions[0].tensor, format!("{prefix}features.0.weight"), "{name}");
    }
}

#[test]
fn strides_and_offsets_are_honoured_and_held_against_the_storage() {
    let (weight, _) = values();
    // Twice each value with a strange one before, and with another after each.
    let mut spread = 9.0_f32.to_le_bytes().to_vec();
    for value in weight.as_chunks::<4>().0 {
        spread.extend(value);
        spread.extend(7.0_f32.to_le_bytes());
    }
    let tensor = |offset, strides: [i64; 4], shape: [i64; 4]| {
        state(|p| p.tensor(|p| p.storage("torch.FloatStorage", "w", b""), offset, &shape, &strides))
    };
    let old_tensor = |offset, strides: [i64; 4]| {
        state(|p| p.tensor(|p| p.storage("torch.FloatStorage", "w", b"N"), offset, &WEIGHT, &strides))
    };
    let strides = [54, 18, 6, 2];
    let good = tensor(1, strides, WEIGHT);
    for file in files(&good, "w", 4, &spread) {
        assert!(same_to_the_bit(&load(file).unwrap(), &seeded()));
    }
    for file in files(&old_tensor(1, strides), "w", 4, &spread) {
        assert!(same_to_the_bit(&load(file).unwrap(), &seeded()));
    }
    // One element too far, far too far, and further than numbers go.
    for (offset, strides) in
        [(3, strides), (1, [54, 18, 6, 4]), (i64::MAX, strides), (1, [i64::MAX; 4]), (1, [1 << 40, 18, 6, 2])]
    {
        for file in files(&tensor(offset, strides, WEIGHT), "w", 4, &spread) {
            let message = weights_message(load(file));
            assert_says(&message, &["w.pth: features.0.weight is ", "vgg19's conv1_1 needs 64x3x3x3"]);
        }
    }
    // A storage that is shorter than the pickle says, in the archive; in the old format nothing after it fits.
    let [zip, old] = files(&good, "w", 4, &spread[..spread.len() - 8]);
    assert_says(&weights_message(load(zip)), &["features.0.weight is cut short", "storage that holds 3455"]);
    assert!(load(old).is_err());
    // No tensor has negative strides or sizes, or more dimensions than we count.
    for (shape, strides) in [(WEIGHT, [-54, 18, 6, 2]), ([64, 3, 3, -3], strides)] {
        for file in files(&tensor(1, strides, shape), "w", 4, &spread) {
            assert!(matches!(load(file), Err(Error::Weights(_))));
        }
    }
}

/// What is stored is not what such a tensor holds.
#[test]
fn a_view_that_negates_is_refused() {
    let (weight, _) = values();
    let with = |metadata: &[u8]| {
        state(|p| {
            let open = p.global("torch._utils", "_rebuild_tensor_v2").raw(b"(");
            let placed =
                open.storage("torch.FloatStorage", "w", b"").int(0).ints(&WEIGHT).ints(&[27, 9, 3, 1]);
            placed.raw(b"\x89ccollections\nOrderedDict\n)R").raw(metadata).raw(b"tR")
        })
    };
    let file = |metadata: &[u8]| files(&with(metadata), "w", 4, &weight)[0].clone();
    for plain in [&b""[..], b"N", b"}"] {
        assert!(same_to_the_bit(&load(file(plain)).unwrap(), &seeded()));
    }
    let message = weights_message(load(file(b"}X\x03\0\0\0neg\x88s")));
    assert_says(&message, &["w.pth: ", "a view that negates or conjugates", "resolve_neg()"]);
}

#[test]
fn a_state_dict_is_found_within_dicts() {
    let (weight, _) = values();
    let inner = state(|p| p.plain_tensor("w", &WEIGHT));
    // Behind the protocol, before the end; each a dict of one name.
    let mut pickle = inner[2..inner.len() - 1].to_vec();
    for name in ["vgg", "model", "best"] {
        pickle = Pickle::default().raw(b"}").text(name).raw(&pickle).raw(b"s").0;
    }
    let file = zip_file(&[b"\x80\x02", &pickle[..], b"."].concat(), &[("w", weight), ("b", values().1)]);
    assert!(same_to_the_bit(&load(file).unwrap(), &seeded()));
}

#[test]
fn a_storage_may_be_a_part_of_another() {
    let (weight, _) = values();
    let shifted = [&[0; 20], weight.as_slice(), &[0; 8]].concat();
    let view = |offset, count| {
        let view = Pickle::default().raw(b"(").text("w5").int(offset).int(count).raw(b"t").0;
        state(|p| p.tensor(|p| p.storage("torch.FloatStorage", "w", view), 0, &WEIGHT, &[27, 9, 3, 1]))
    };
    let old = |pickle: &[u8]| files(pickle, "w", 4, &shifted)[1].clone();
    assert!(same_to_the_bit(&load(old(&view(5, 1728))).unwrap(), &seeded()));
    for (offset, count, words) in [
        (5, 1727, ["cut short", "1727"]),
        (8, 1728, ["beyond the end", "storage w"]),
        (i64::MAX, 1728, ["beyond the end", "storage w"]),
    ] {
        assert_says(&weights_message(load(old(&view(offset, count)))), &words);
    }
}

#[test]
fn storages_of_every_type_are_passed_over_and_untyped_ones_read() {
    let (weight, bias) = values();
    let others = [
        ("Double", 8),
        ("Half", 2),
        ("BFloat16", 2),
        ("Long", 8),
        ("Int", 4),
        ("Short", 2),
        ("Char", 1),
        ("Byte", 1),
        ("Bool", 1),
        ("ComplexFloat", 8),
        ("ComplexDouble", 16),
        ("QInt8", 1),
        ("QUInt8", 1),
        ("QInt32", 4),
    ];
    let mut pickle = Pickle::new().raw(b"}(");
    let mut storages = Vec::new();
    for (class, size) in others {
        let class = format!("torch.cuda.{class}Storage");
        pickle = pickle.text(&class).tensor(|p| p.storage(&class, &class, b"N"), 0, &[3], &[1]);
        storages.push((class, 3, vec![1; 3 * size]));
    }
    let pickle = pickle
        .text("features.0.weight")
        .global("torch._utils", "_rebuild_tensor_v3")
        .raw(b"(")
        .storage("torch.storage.UntypedStorage", "w", b"N")
        .int(0)
        .ints(&WEIGHT)
        .ints(&[27, 9, 3, 1])
        .raw(b"\x89N")
        .global("torch", "float32")
        .raw(b"tR")
        .text("features.0.bias")
        .plain_tensor("b", &[64])
        .raw(b"u.")
        .0;
    storages.push(("w".to_owned(), weight.len() as u64, weight));
    storages.push(("b".to_owned(), 64, bias));
    let listed: Vec<_> =
        storages.iter().map(|(key, count, bytes)| (key.as_str(), *count, bytes.clone())).collect();
    assert!(same_to_the_bit(&load(old_file(&pickle, &listed)).unwrap(), &seeded()));
    let listed: Vec<_> = storages.iter().map(|(key, _, bytes)| (key.as_str(), bytes.clone())).collect();
    assert!(same_to_the_bit(&load(zip_file(&pickle, &listed)).unwrap(), &seeded()));
    // A needed one of another type.
    let integers =
        state(|p| p.tensor(|p| p.storage("torch.IntStorage", "w", b"N"), 0, &WEIGHT, &[27, 9, 3, 1]));
    for file in files(&integers, "w", 4, &[0; 4 * 1728]) {
        assert_says(&weights_message(load(file)), &["features.0.weight is I32", "F32, F16, BF16 or F64"]);
    }
}

#[test]
fn python_2_made_dicts_of_pairs_and_texts_of_bytes() {
    let (weight, bias) = values();
    let pair = |p: Pickle, name: &str, key: &str, shape: &[i64]| {
        let name = [b"U", &[name.len() as u8][..], name.as_bytes()].concat();
        p.raw(b"](").raw(name).plain_tensor(key, shape).raw(b"e")
    };
    let pairs = Pickle::new().raw(b"ccollections\nOrderedDict\n](");
    let pairs = pair(pair(pairs, "0.weight", "w", &WEIGHT), "0.bias", "b", &[64]).raw(b"e\x85R.").0;
    let file = old_file(&pairs, &[("w", 1728, weight), ("b", 64, bias)]);
    assert!(same_to_the_bit(&load(file).unwrap(), &seeded()));
}

/// What no checkpoint's reader knows does no harm where it is not needed, and is named where it is.
#[test]
fn what_unknown_functions_make_is_missed_only_where_it_is_needed() {
    let (weight, _) = values();
    let extra = |p: Pickle| p.global("numpy.core.multiarray", "scalar").text("f8").raw(b"\x85R");
    let harmless = state(|p| extra(p.plain_tensor("w", &WEIGHT).text("step")));
    for file in files(&harmless, "w", 4, &weight) {
        assert!(same_to_the_bit(&load(file).unwrap(), &seeded()));
    }
    let needed = state(|p| p.global("torch._utils", "_rebuild_sparse_tensor").text("x").raw(b"\x85R"));
    let (_, bias) = values();
    let message = weights_message(load(zip_file(&needed, &[("b", bias)])));
    assert_says(
        &message,
        &["features.0.weight made by torch._utils._rebuild_sparse_tensor, which is not run"],
    );
    // One that the network's other tensors stand beside.
    let second = state(|p| extra(p.plain_tensor("w", &WEIGHT).text("features.2.weight")));
    let [zip, _] = files(&second, "w", 4, &weight);
    let message = weights_message(Weights::from_bytes(zip, "w.pth").unwrap().load(Network::Vgg19, 3));
    assert_says(&message, &["features.2.weight is made by numpy.core.multiarray.scalar", "conv1_2"]);
}

#[test]
fn two_state_dicts_that_fit_equally_are_refused_but_one_under_two_names_is_not() {
    let (weight, bias) = values();
    let inner = |p: Pickle| {
        p.raw(b"}(")
            .text("0.weight")
            .plain_tensor("w", &WEIGHT)
            .text("0.bias")
            .plain_tensor("b", &[64])
            .raw(b"u")
    };
    let storages = [("w", weight), ("b", bias)];
    let twice = inner(inner(Pickle::new().raw(b"}(").text("params")).text("params_ema")).raw(b"u.").0;
    assert_says(
        &weights_message(load(zip_file(&twice, &storages))),
        &["params.0.weight and params_ema.0.weight", "equally well"],
    );
    let shared = inner(Pickle::new().raw(b"}(").text("params")).raw(b"q\x07").text("again").raw(b"h\x07u.").0;
    assert!(same_to_the_bit(&load(zip_file(&shared, &storages)).unwrap(), &seeded()));
}

#[test]
fn a_file_cut_short_anywhere_says_so() {
    for name in ["plain-zip", "plain-old", "checkpoint-old", "protocol-4-old"] {
        let whole = fs::read(format!("tests/golden/pytorch/{name}.pth")).unwrap();
        for length in (16..whole.len()).step_by(7).chain([whole.len() - 1]) {
            let message = weights_message(Weights::from_bytes(&whole[..length], "w.pth"));
            assert_says(&message, &["w.pth: the file is cut short"]);
        }
    }
}

#[test]
fn a_file_that_changes_after_it_was_opened_is_an_error() {
    for name in ["plain-zip", "plain-old"] {
        let whole = fs::read(format!("tests/golden/pytorch/{name}.pth")).unwrap();
        let (_folder, path) = on_disk(&whole);
        let weights = Weights::open(&path).unwrap();
        let mut renamed = whole.clone();
        let at = whole.windows(15).position(|bytes| bytes == b"features.0.bias").unwrap();
        renamed[at + 9] = b'1';
        let other = fs::read("tests/golden/pytorch/double-zip.pth").unwrap();
        for changed in [&whole[..whole.len() - 1], &[], &renamed, &other] {
            fs::write(&path, changed).unwrap();
            assert_says(&weights_message(weights.load(Network::Vgg19, ONE)), &["changed", "open it again"]);
        }
        fs::write(&path, &whole).unwrap();
        weights.load(Network::Vgg19, ONE).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(matches!(weights.load(Network::Vgg19, ONE), Err(Error::Io { .. })));
    }
}
