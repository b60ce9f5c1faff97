//! Weights by the public API: the seeded recipe, and what is read of a safetensors file.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use half::{bf16, f16};
use perceptual_loss::{
    Error, Network,
    network::{Layer, LayerKind},
    weights::{Parameters, Weights},
};
use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView, serialize};

/// Layers to the first convolution, and to the second.
const ONE: usize = 1;
const TWO: usize = 3;
/// Layers to vgg19's conv2_2.
const FOUR: usize = 8;

/// A tensor on its way into a file.
#[derive(Clone)]
struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    fn f32(name: impl Into<String>, shape: &[usize], values: &[f32]) -> Self {
        Self {
            name: name.into(),
            dtype: Dtype::F32,
            shape: shape.to_vec(),
            bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    fn zeros(name: &str, shape: &[usize]) -> Self {
        Self::f32(name, shape, &vec![0.0; shape.iter().product()])
    }

    /// Its values, encoded again.
    fn encode<const N: usize>(&mut self, dtype: Dtype, encode: impl Fn(f32) -> [u8; N]) {
        let (values, _) = self.bytes.as_chunks();
        self.bytes = values.iter().flat_map(|&v| encode(f32::from_le_bytes(v))).collect();
        self.dtype = dtype;
    }
}

/// A file's tensors, to be changed for a test.
struct Tensors(Vec<Tensor>);

impl Tensors {
    /// vgg19's convolutions among its first `depth` layers, with seeded values, under torchvision's names.
    fn vgg19(depth: usize) -> Self {
        let loaded = Weights::seeded(1).load(Network::Vgg19, depth).unwrap();
        let tensors = loaded.convolutions.iter().flat_map(|convolution| {
            let layer: Layer = convolution.layer;
            let (outputs, inputs) = (layer.outputs as usize, layer.inputs as usize);
            [
                Tensor::f32(layer.weight_name(), &[outputs, inputs, 3, 3], &convolution.weight),
                Tensor::f32(layer.bias_name(), &[outputs], &convolution.bias),
            ]
        });
        Self(tensors.collect())
    }

    fn with(mut self, tensor: Tensor) -> Self {
        self.0.push(tensor);
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.0.retain(|tensor| tensor.name != name);
        self
    }

    fn get(&mut self, name: &str) -> &mut Tensor {
        self.0.iter_mut().find(|tensor| tensor.name == name).unwrap()
    }

    fn named(mut self, prefix: &str) -> Self {
        for tensor in &mut self.0 {
            tensor.name = tensor.name.replacen("features.", prefix, 1);
        }
        self
    }

    fn file(&self) -> Vec<u8> {
        let views = self.0.iter().map(|tensor| {
            (&tensor.name, TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes).unwrap())
        });
        serialize(views, None).unwrap()
    }

    fn load(&self, depth: usize) -> perceptual_loss::Result<Parameters> {
        load(self.file(), depth)
    }

    /// The message that loading ends with.
    fn refusal(&self, depth: usize) -> String {
        weights_message(self.load(depth))
    }
}

fn load(file: Vec<u8>, depth: usize) -> perceptual_loss::Result<Parameters> {
    Weights::from_bytes(file, "w.safetensors")?.load(Network::Vgg19, depth)
}

/// The message of an [`Error::Weights`]: one line.
fn weights_message<T>(result: perceptual_loss::Result<T>) -> String {
    match result.err() {
        Some(Error::Weights(message)) => {
            assert!(!message.contains('\n') && message.len() < 1000, "{message}");
            message
        }
        other => panic!("not Error::Weights but {other:?}"),
    }
}

#[track_caller]
fn assert_says(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "'{word}' is not in '{message}'");
    }
}

fn same_to_the_bit(a: &Parameters, b: &Parameters) -> bool {
    a.convolutions.len() == b.convolutions.len()
        && a.convolutions.iter().zip(&b.convolutions).all(|(a, b)| {
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            a.layer == b.layer && bits(&a.weight) == bits(&b.weight) && bits(&a.bias) == bits(&b.bias)
        })
}

/// A file in a directory of its own, which goes when the test ends.
fn on_disk(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// Bytes of a file whose header is this text, with `data` zeros after it.
fn with_header(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn seeded_weights_are_numpys_to_the_bit() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("golden/seeded.json")).unwrap();
    let cases = golden.as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let network: Network = case["network"].as_str().unwrap().parse().unwrap();
        let seed = case["seed"].as_u64().unwrap();
        let loaded = Weights::seeded(seed).load(network, network.layers().len()).unwrap();
        for (name, expected) in case["values"].as_object().unwrap() {
            let (layer, part) = name.split_once('.').unwrap();
            let convolution = loaded.convolution(layer).unwrap();
            let values = if part == "weight" { &convolution.weight } else { &convolution.bias };
            let bits: Vec<_> = values.iter().map(|v| format!("{:08x}", v.to_bits())).collect();
            let shown = expected["first"].as_array().unwrap().len();
            assert_eq!(expected["first"], serde_json::json!(bits[..shown]), "{network} {seed} {name}");
            assert_eq!(
                expected["last"],
                serde_json::json!(bits[bits.len() - shown..]),
                "{network} {seed} {name}"
            );
        }
        assert_eq!(loaded.info.sha256, case["sha256"].as_str().unwrap(), "{network} {seed}");
    }
}

#[test]
fn seeded_weights_say_what_they_are() {
    let loaded = Weights::seeded(7).load(Network::Vgg16, TWO).unwrap();
    assert_eq!(loaded.info.origin, "seeded:7");
    assert_eq!(loaded.info.trained, Some(false));
    let json = serde_json::to_value(&loaded.info).unwrap();
    assert_eq!(json["origin"], "seeded:7");
    assert_eq!(json["trained"], false);
    assert_eq!(json["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn depth_counts_layers() {
    let weights = Weights::seeded(0);
    let names = |network, depth| -> Vec<&str> {
        weights.load(network, depth).unwrap().convolutions.iter().map(|c| c.layer.name).collect()
    };
    assert!(names(Network::Vgg19, 0).is_empty());
    assert_eq!(names(Network::Vgg19, 2), ["conv1_1"]);
    assert_eq!(names(Network::Vgg19, FOUR), ["conv1_1", "conv1_2", "conv2_1", "conv2_2"]);
    let loaded = weights.load(Network::Vgg19, TWO).unwrap();
    assert_eq!(loaded.convolution("conv1_2").unwrap().bias.len(), 64);
    assert!(loaded.convolution("conv2_1").is_none() && loaded.convolution("relu1_1").is_none());
    let error = weights.load(Network::Vgg16, 99).unwrap_err();
    assert!(matches!(error, Error::Config(_)));
    assert_says(&error.to_string(), &["vgg16", "30", "99"]);
    // A file with none of the tensors will do where none is needed.
    assert!(Tensors(vec![]).load(0).unwrap().convolutions.is_empty());
}

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
        let mut loaded = Weights::seeded(1).load(Network::Vgg19, TWO).unwrap();
        for convolution in &mut loaded.convolutions {
            for value in convolution.weight.iter_mut().chain(&mut convolution.bias) {
                *value = round(*value);
            }
        }
        loaded
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

#[test]
fn what_is_no_safetensors_file_is_refused_in_one_line() {
    let endless = [[0xff; 8].as_slice(), b"{}"].concat();
    let zip = b"PK\x03\x04\x14\0\0\0\x08\0archive/data.pkl";
    let pickle = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";
    let cases: [(&[u8], &str); 10] = [
        (b"", "empty"),
        (b"{}", "2 bytes"),
        (b"Dear reader, this is text.", "header"),
        (&endless, "18446744073709551615"),
        (&with_header("", 0), "EOF"),
        (&with_header("{\"a\":", 0), "line 1"),
        (&with_header("\u{0}\u{1}\u{2}\u{3}", 0), "line 1"),
        (&with_header(r#"{"a":{"dtype":"Q9\n","shape":[1],"data_offsets":[0,1]}}"#, 1), "Q9"),
        (zip, "PyTorch"),
        (pickle, "PyTorch"),
    ];
    for (bytes, word) in cases {
        let message = weights_message(Weights::from_bytes(bytes, "w.safetensors"));
        assert_says(
            &message,
            &[
                "w.safetensors: not a safetensors file (",
                word,
                "expected torchvision's VGG converted to safetensors",
            ],
        );
        let (_folder, path) = on_disk(bytes);
        assert_says(
            &weights_message(Weights::open(&path)),
            &["w.safetensors: not a safetensors file (", word],
        );
    }
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
    let (_folder, path) = on_disk(&100_000_001_u64.to_le_bytes());
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
    assert_eq!(loaded.convolutions.len(), 16);
    assert_eq!(loaded.convolutions.last().unwrap().layer.name, "conv5_4");
    for (layer, convolution) in layers.iter().filter(|l| l.kind == LayerKind::Conv).zip(&loaded.convolutions)
    {
        assert_eq!(*layer, convolution.layer);
        assert_eq!(convolution.weight.len(), (layer.outputs * layer.inputs * 9) as usize);
        assert_eq!(convolution.bias.len(), layer.outputs as usize);
        assert!(convolution.weight.iter().chain(&convolution.bias).all(|v| v.is_finite()));
        assert!(convolution.weight.iter().any(|v| *v != 0.0));
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
