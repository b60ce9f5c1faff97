//! What is read of a safetensors file.

use std::{fs, path::Path, thread};

use half::{bf16, f16};
use perceptual_loss::{Error, Network, network::LayerKind, weights::Weights};
use proptest::prelude::*;
use safetensors::tensor::Dtype;

use crate::common::{
    FOUR, ONE, TWO, Tensor, Tensors, assert_says, changed, load, on_disk, same_to_the_bit, weights_message,
    with_header,
};

#[test]
fn a_file_gives_back_what_was_written() {
    let seeded = Weights::seeded(1).load(Network::Vgg19, FOUR).unwrap();
    let file = Tensors::vgg19(FOUR).file();
    let (_folder, path) = on_disk(&file);
    let opened = Weights::open(&path).unwrap();
    let read = opened.load(Network::Vgg19, FOUR).unwrap();
    assert!(same_to_the_bit(&seeded, &read));
    assert_eq!(read.info.sha256, seeded.info.sha256);
    assert_eq!(read.info.origin, path.display().to_string());
    assert_eq!(read.info.trained, None);
    assert_eq!(opened.with_trained(true).load(Network::Vgg19, ONE).unwrap().info.trained, Some(true));

    let in_memory = load(file, FOUR).unwrap();
    assert!(same_to_the_bit(&seeded, &in_memory));
    assert_eq!(in_memory.info.origin, "w.safetensors");
}

#[test]
fn every_float_type_is_read() {
    let reference = |round: fn(f32) -> f32| {
        let loaded = Weights::seeded(1).load(Network::Vgg19, TWO).unwrap();
        changed(&loaded, |_, weight, bias| {
            weight.iter_mut().chain(bias).for_each(|value| *value = round(*value));
        })
    };
    let encoded = |encode: fn(&mut Tensor)| {
        let mut tensors = Tensors::vgg19(TWO);
        tensors.0.iter_mut().for_each(encode);
        tensors.load(TWO).unwrap()
    };
    for (name, expected, read) in [
        (
            "F16",
            reference(|v| f16::from_f32(v).to_f32()),
            encoded(|t| t.encode(Dtype::F16, |v| f16::from_f32(v).to_le_bytes())),
        ),
        (
            "BF16",
            reference(|v| bf16::from_f32(v).to_f32()),
            encoded(|t| t.encode(Dtype::BF16, |v| bf16::from_f32(v).to_le_bytes())),
        ),
        ("F64", reference(|v| v), encoded(|t| t.encode(Dtype::F64, |v| f64::from(v).to_le_bytes()))),
    ] {
        assert!(same_to_the_bit(&expected, &read), "{name}");
    }
    // In one file, too.
    let mut mixed = Tensors::vgg19(TWO);
    mixed.get("features.2.weight").encode(Dtype::F64, |v| f64::from(v).to_le_bytes());
    assert!(same_to_the_bit(&reference(|v| v), &mixed.load(TWO).unwrap()));
}

#[test]
fn every_prefix_is_found() {
    let expected = Weights::seeded(1).load(Network::Vgg19, FOUR).unwrap();
    for prefix in ["features.", "", "module.features.", "vgg.features.", "net.1.", "🦀."] {
        let read = Tensors::vgg19(FOUR).named(prefix).load(FOUR).unwrap();
        assert!(same_to_the_bit(&expected, &read), "'{prefix}'");
        assert_eq!(read.info.sha256, expected.info.sha256, "'{prefix}'");
    }
}

#[test]
fn other_tensors_are_ignored() {
    // torchvision's own file has a classifier.0.weight; here one comes before and one after, and one is bare.
    let read = Tensors::vgg19(TWO)
        .with(Tensor::zeros("classifier.0.weight", &[8, 16]))
        .with(Tensor::zeros("classifier.0.bias", &[8]))
        .with(Tensor::zeros("zz.0.weight", &[64, 3, 3, 3]))
        .with(Tensor::zeros("0.weight", &[5]))
        .with(Tensor { name: "steps".into(), dtype: Dtype::I64, shape: vec![], bytes: vec![255; 8] })
        .load(TWO)
        .unwrap();
    assert!(same_to_the_bit(&Weights::seeded(1).load(Network::Vgg19, TWO).unwrap(), &read));
}

#[test]
fn tensors_that_are_not_needed_may_be_anything() {
    let mut tensors = Tensors::vgg19(FOUR).without("features.7.bias");
    *tensors.get("features.2.weight") =
        Tensor::f32("features.2.weight", &[64, 64, 3, 3], &[f32::NAN; 64 * 64 * 9]);
    *tensors.get("features.5.weight") = Tensor::zeros("features.5.weight", &[2, 2]);
    tensors.load(2).unwrap();
    assert_says(&tensors.refusal(TWO), &["features.2.weight", "finite"]);
}

#[test]
fn two_sets_that_fit_equally_are_refused() {
    let mut both = Tensors::vgg19(TWO).named("a.");
    both.0.extend(Tensors::vgg19(TWO).named("b.features.").0);
    assert_says(
        &both.refusal(TWO),
        &["w.safetensors", "a.0.weight", "b.features.0.weight", "vgg19", "one set"],
    );
    // The one that has more is the one that is meant.
    both.without("a.2.bias").load(TWO).unwrap();
}

#[test]
fn a_file_without_the_network_says_what_is_there() {
    let other = Tensors(vec![
        Tensor::zeros("conv.weight", &[4, 4]),
        Tensor::zeros("d.weight", &[2, 2]),
        Tensor::zeros("e.weight", &[2, 2]),
        Tensor::zeros("f.weight", &[2, 2]),
        Tensor::zeros("features.10.weight", &[2, 2]),
    ]);
    let message = other.refusal(TWO);
    assert_says(
        &message,
        &["w.safetensors", "features.0.weight of 64x3x3x3", "conv.weight of 4x4", "1 more"],
    );
    assert!(!message.contains("features.10.weight"), "four are enough: {message}");
    assert_says(&Tensors(vec![]).refusal(TWO), &["features.0.weight of 64x3x3x3", "no tensors at all"]);
    // A head alone; and the right name, but nothing that fits.
    assert_says(
        &Tensors(vec![Tensor::zeros("classifier.0.weight", &[8, 16])]).refusal(TWO),
        &["features.0.weight of 64x3x3x3", "classifier.0.weight of 8x16"],
    );
    // A name that would break the line, or fill the screen.
    let rude = format!("x\n\u{1b}[31m{}", "y".repeat(5000));
    Tensors(vec![Tensor::zeros(&rude, &[1])]).refusal(TWO);
}

#[test]
fn a_tensor_that_cannot_be_used_is_named_with_what_is_wrong() {
    let mut misshapen = Tensors::vgg19(FOUR);
    *misshapen.get("features.7.weight") = Tensor::zeros("features.7.weight", &[128, 64, 3, 3]);
    assert_eq!(
        misshapen.refusal(FOUR),
        "w.safetensors: features.7.weight is 128x64x3x3; vgg19's conv2_2 needs 128x128x3x3"
    );
    let mut scalar = Tensors::vgg19(TWO);
    *scalar.get("features.2.bias") = Tensor::zeros("features.2.bias", &[]);
    assert_says(&scalar.refusal(TWO), &["features.2.bias", "no dimensions", "conv1_2 needs 64"]);

    assert_eq!(
        Tensors::vgg19(TWO).named("vgg.").without("vgg.2.bias").refusal(TWO),
        "w.safetensors: vgg.2.bias is missing; vgg19's conv1_2 needs 64"
    );

    let mut integers = Tensors::vgg19(TWO);
    integers.get("features.0.weight").dtype = Dtype::I32;
    assert_says(
        &integers.refusal(TWO),
        &[
            "w.safetensors: features.0.weight is I32",
            "vgg19's conv1_1 needs 64x3x3x3",
            "F32, F16, BF16 or F64",
        ],
    );
}

#[test]
fn values_that_are_not_finite_are_found() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut tensors = Tensors::vgg19(TWO);
        // Two of them; the first is told.
        for element in [27 * 5 + 9 + 3, 27 * 63] {
            tensors.get("features.0.weight").bytes[4 * element..][..4].copy_from_slice(&value.to_le_bytes());
        }
        let message = tensors.refusal(TWO);
        assert_says(&message, &["w.safetensors", "features.0.weight", "[5, 1, 1, 0]", "64x3x3x3", "finite"]);
    }
    // Finite in float64, but not in float32.
    let mut large = Tensors::vgg19(TWO);
    large.get("features.2.bias").encode(Dtype::F64, |v| (f64::from(v) * 1e300).to_le_bytes());
    assert_says(&large.refusal(TWO), &["features.2.bias", "[0]", "float32"]);
}

/// 640 bytes of header begin a file as a pickle begins, 19280 as a zip archive does.
#[test]
fn a_good_header_may_have_any_length() {
    let good = Tensors::vgg19(ONE).file();
    let (preamble, rest) = good.split_at(8);
    let header = u64::from_le_bytes(preamble.try_into().unwrap()) as usize;
    for length in [640, 19280] {
        let padded = format!("{:length$}", str::from_utf8(&rest[..header]).unwrap());
        let mut file = with_header(&padded, 0);
        assert!(file.starts_with(b"\x80\x02") || file.starts_with(b"PK"));
        file.extend(&rest[header..]);
        load(file, ONE).unwrap();
    }
}

#[test]
fn headers_that_contradict_themselves_are_refused() {
    let most = u64::MAX;
    for (header, data) in [
        // Offsets that overlap, leave a hole, run backwards, or do not hold the shape.
        (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#.to_owned(), 6),
        (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#.to_owned(), 8),
        (r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#.to_owned(), 4),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#.to_owned(), 4),
        // Sizes that overflow.
        (format!(r#"{{"a":{{"dtype":"F32","shape":[{most},{most}],"data_offsets":[0,4]}}}}"#), 4),
        (format!(r#"{{"0.weight":{{"dtype":"F32","shape":[{most}],"data_offsets":[0,{most}]}}}}"#), 4),
        (r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#.to_owned(), 4),
    ] {
        assert_says(&weights_message(load(with_header(&header, data), ONE)), &["w.safetensors: not a safetensors file"]);
    }
    // Consistent, but of far more data than there is.
    let petabyte = 1_u64 << 50;
    let header =
        format!(r#"{{"0.weight":{{"dtype":"U8","shape":[{petabyte}],"data_offsets":[0,{petabyte}]}}}}"#);
    assert_says(
        &weights_message(load(with_header(&header, 4), ONE)),
        &["cut short", "1125899906842624", "4 are there"],
    );
}

#[test]
fn a_file_of_another_length_than_its_header_says_is_refused() {
    let whole = Tensors::vgg19(ONE).file();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for length in 0..whole.len() {
        let message = weights_message(Weights::from_bytes(&whole[..length], "w.safetensors"));
        assert!(length < 8 + header || message.contains("cut short"), "{message}");
    }
    let longer = [&whole[..], &[0]].concat();
    assert_says(
        &weights_message(Weights::from_bytes(longer, "w.safetensors")),
        &["w.safetensors", "too long"],
    );
}

#[test]
fn a_header_longer_than_the_formats_limit_is_not_read() {
    let (_folder, path) = on_disk(&[&100_000_001_u64.to_le_bytes()[..], b"{"].concat());
    // A hole: as long as the header would be, and no bytes on the disk.
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(200_000_000).unwrap();
    assert_says(&weights_message(Weights::open(&path)), &["not a safetensors file", "100000001 bytes"]);
}

#[test]
fn what_cannot_be_read_is_an_io_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent.safetensors");
    for (path, word) in [(absent.as_path(), "absent.safetensors"), (folder.path(), "directory")] {
        let error = Weights::open(path).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error:?}");
        assert_says(&error.to_string(), &[&path.display().to_string(), word]);
        assert!(error.is_input());
    }
}

#[test]
fn a_file_that_changes_after_it_was_opened_is_an_error() {
    let whole = Tensors::vgg19(TWO).file();
    let (_folder, path) = on_disk(&whole);
    let weights = Weights::open(&path).unwrap();
    let longer = [&whole[..], &[0]].concat();
    let mut renamed = whole.clone();
    let digit = renamed.windows(10).position(|bytes| bytes == b"features.2").unwrap() + 9;
    renamed[digit] = b'4';
    for changed in [&whole[..whole.len() - 1], &whole[..5], &[], &longer, &renamed] {
        fs::write(&path, changed).unwrap();
        assert_says(
            &weights_message(weights.load(Network::Vgg19, ONE)),
            &["w.safetensors", "changed", "again"],
        );
    }
    fs::write(&path, &whole).unwrap();
    weights.load(Network::Vgg19, TWO).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(matches!(weights.load(Network::Vgg19, ONE), Err(Error::Io { .. })));
}

#[test]
fn threads_load_at_once() {
    let (_folder, path) = on_disk(&Tensors::vgg19(FOUR).file());
    let weights = Weights::open(&path).unwrap();
    let expected = weights.load(Network::Vgg19, FOUR).unwrap();
    thread::scope(|scope| {
        let loads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| weights.load(Network::Vgg19, FOUR).unwrap())).collect();
        for load in loads {
            assert!(same_to_the_bit(&expected, &load.join().unwrap()));
        }
    });
}

#[test]
fn debug_shows_where_weights_come_from_and_no_tensors() {
    let weights = Weights::from_bytes(Tensors::vgg19(ONE).file(), "w.safetensors").unwrap();
    let text = format!("{:?}", weights.clone());
    assert!(text.contains("w.safetensors") && text.len() < 100, "{text}");
}

#[test]
fn real_weights_load() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/vgg19-oxford-f16.safetensors");
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return;
    }
    let network = Network::Vgg19;
    let layers = network.layers();
    let loaded = Weights::open(&path).unwrap().load(network, layers.len()).unwrap();
    assert_eq!(loaded.convolutions().len(), 16);
    assert_eq!(loaded.convolutions().last().unwrap().layer().name, "conv5_4");
    for (layer, convolution) in layers.iter().filter(|l| l.kind == LayerKind::Conv).zip(loaded.convolutions())
    {
        assert_eq!(*layer, convolution.layer());
        assert_eq!(convolution.weight().len(), (layer.outputs * layer.inputs * 9) as usize);
        assert_eq!(convolution.bias().len(), layer.outputs as usize);
        assert!(convolution.weight().iter().chain(convolution.bias()).all(|v| v.is_finite()));
        assert!(convolution.weight().iter().any(|v| *v != 0.0));
    }
}

/// A good file's header, with a few bytes or numbers of it replaced; its length is kept right or made wrong.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let good = Tensors::vgg19(ONE).file();
    let header = u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let edits = prop::collection::vec((0..8 + header, any::<u8>()), 0..6);
    let number = prop_oneof![Just(u64::MAX), Just(i64::MAX as u64), Just(0), 0..8000_u64, any::<u64>()];
    let swap = prop::option::of((prop::sample::select(vec!["64", "3", "0", "256", "7168"]), number));
    let length = prop::option::of(any::<u64>());
    let cut = prop::option::of(0..good.len());
    (edits, swap, length, cut).prop_map(move |(edits, swap, length, cut)| {
        let mut text = String::from_utf8(good[8..8 + header].to_vec()).unwrap();
        if let Some((from, to)) = swap {
            text = text.replace(from, &to.to_string());
        }
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        bytes.extend(&good[8 + header..]);
        for (at, byte) in edits {
            bytes[at] = byte;
        }
        if let Some(length) = length {
            bytes[..8].copy_from_slice(&length.to_le_bytes());
        }
        bytes.truncate(cut.unwrap_or(bytes.len()));
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_makes_it_panic(bytes in prop_oneof![4 => mutated(), 1 => prop::collection::vec(any::<u8>(), 0..200)]) {
        if let Err(error) = load(bytes, ONE) {
            let message = error.to_string();
            prop_assert!(message.starts_with("w.safetensors: ") && !message.contains('\n'), "{}", message);
        }
    }
}
