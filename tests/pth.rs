//! PyTorch's files: what PyTorch wrote (`golden/pth.py`), files that ask for more than tensors, damaged files, and
//! files that are something else.
#![cfg(feature = "pth")]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Instant,
};

use half::{bf16, f16};
use perceptual_loss::{
    Error, Network, Weights,
    weights::{Convolution, Format, Look, StoredType},
};
use safetensors::tensor::{Dtype, TensorView, serialize};

/// Layers to the first convolution.
const ONE: usize = 1;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pth").join(name)
}

fn files() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(golden(""))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    assert_eq!(files.len(), 17);
    files
}

fn load(bytes: &[u8]) -> perceptual_loss::Result<Convolution> {
    let loaded = Weights::from_bytes(bytes, "w.pth")?.load(Network::Vgg19, ONE)?;
    Ok(loaded.convolutions.into_iter().next().unwrap())
}

/// The one line of an [`Error::Weights`].
fn refusal(bytes: &[u8]) -> String {
    match load(bytes) {
        Err(Error::Weights(message)) => {
            assert!(
                !message.contains('\n') && message.len() < 700 && message.starts_with("w.pth: "),
                "{message}"
            );
            message
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_pytorch_wrote_is_read_to_the_bit() {
    let expected = Weights::seeded(3).load(Network::Vgg19, ONE).unwrap().convolutions.remove(0);
    for (name, bytes) in files() {
        let of = |values: &[f32]| -> Vec<u32> {
            let rounded = values.iter().map(|&value| match name.as_str() {
                "half" => f16::from_f32(value).to_f32(),
                "bfloat16" => bf16::from_f32(value).to_f32(),
                _ => value,
            });
            rounded.map(f32::to_bits).collect()
        };
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        for loaded in [
            load(&bytes),
            Weights::open(golden(&format!("{name}.pth")))
                .and_then(|w| Ok(w.load(Network::Vgg19, ONE)?.convolutions.remove(0))),
        ] {
            let loaded = loaded.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(bits(&loaded.weight) == of(&expected.weight), "{name}");
            assert!(bits(&loaded.bias) == of(&expected.bias), "{name}");
        }
        let inspection = Weights::from_bytes(bytes, "w.pth").unwrap().inspect().unwrap();
        let old = name.contains("legacy") || name == "bfloat16";
        assert_eq!(inspection.format, if old { Format::PytorchLegacy } else { Format::Pytorch }, "{name}");
        let tensor = &inspection.convolutions[0].tensor;
        let prefix = match name.as_str() {
            "checkpoint" | "checkpoint-legacy" => "state_dict.module.",
            "model" => "model.",
            _ => "",
        };
        assert_eq!(*tensor, format!("{prefix}features.0.weight"));
    }
}

/// A pickle of protocol 2, written by hand.
#[derive(Default)]
struct Pickle(Vec<u8>);

impl Pickle {
    fn new() -> Self {
        Self(b"\x80\x02".to_vec())
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        let length = (text.len() as u32).to_le_bytes();
        self.raw(b"X").raw(&length).raw(text.as_bytes())
    }

    fn global(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n").as_bytes())
    }

    fn int(self, value: i64) -> Self {
        self.raw(b"\x8a\x08").raw(&value.to_le_bytes())
    }

    fn tuple(mut self, items: &[i64]) -> Self {
        self = self.raw(b"(");
        for &item in items {
            self = self.int(item);
        }
        self.raw(b"t")
    }

    /// A tensor of storage 0, which is said to have `count` elements.
    fn tensor(self, class: &str, count: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Self {
        self.global("torch._utils", "_rebuild_tensor_v2")
            .raw(b"((")
            .text("storage")
            .global("torch", class)
            .text("0")
            .text("cpu")
            .int(count)
            .raw(b"tQ")
            .int(offset)
            .tuple(shape)
            .tuple(strides)
            .raw(b"\x89Nt")
            .raw(b"R")
    }

    /// A state dict with these tensors as conv1_1.
    fn conv1_1(weight: impl Fn(Self) -> Self) -> Self {
        weight(Self::new().raw(b"}(").text("features.0.weight"))
            .text("features.0.bias")
            .tensor("FloatStorage", 2000, 0, &[64], &[1])
            .raw(b"u.")
    }

    /// In a zip archive as PyTorch writes it, beside a storage of `storage` floats.
    fn zip(&self, storage: usize) -> Vec<u8> {
        zip(&[("w/data.pkl", &self.0), ("w/byteorder", b"little"), ("w/data/0", &vec![0; storage * 4])])
    }

    /// In the older format.
    fn legacy(&self, storage: usize) -> Vec<u8> {
        let mut file = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
        file.extend(&self.0);
        file.extend(Self::new().raw(b"](").text("0").raw(b"e.").0);
        file.extend((storage as u64).to_le_bytes());
        file.extend(vec![0; storage * 4]);
        file
    }
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = vec![];
    let mut archive = rawzip::ZipArchiveWriter::new(&mut file);
    for (name, data) in entries {
        let (mut entry, config) = archive.new_file(name).start().unwrap();
        let mut writer = config.wrap(&mut entry);
        writer.write_all(data).unwrap();
        let (_, descriptor) = writer.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    file
}

const SHAPE: [i64; 4] = [64, 3, 3, 3];
const STRIDES: [i64; 4] = [27, 9, 3, 1];

#[test]
fn a_pickle_that_asks_for_more_is_refused_and_nothing_is_executed() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("was-here");
    let command = format!("touch {}", marker.display());
    let call = |pickle: Pickle, module: &str, name: &str| {
        pickle.global(module, name).raw(b"(").text(&command).raw(b"tR")
    };
    for (module, name) in [
        ("posix", "system"),
        ("os", "system"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "getattr"),
        ("__builtin__", "__import__"),
        ("subprocess", "Popen"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("torch._utils", "_import_dotted_name"),
        ("runpy", "_run_code"),
        ("collections", "OrderedDict.fromkeys"),
    ] {
        let alone = call(Pickle::new(), module, name).raw(b".");
        let beside = Pickle::conv1_1(|pickle| {
            let pickle = pickle.tensor("FloatStorage", 2000, 0, &SHAPE, &STRIDES);
            call(pickle.text("harmless"), module, name)
        });
        for file in
            [alone.0.clone(), alone.zip(2000), alone.legacy(2000), beside.zip(2000), beside.legacy(2000)]
        {
            let message = refusal(&file);
            assert!(message.contains(&format!("asks for {module}.{name}")), "{message}");
        }
    }
    assert!(!marker.exists(), "a command was run");
    for (module, name) in [("torchvision.models.vgg", "VGG"), ("torch.nn.modules.container", "Sequential")] {
        let message = refusal(&Pickle::new().global(module, name).raw(b")\x81.").zip(1));
        assert!(message.contains("whole pickled model") && message.contains("state_dict()"), "{message}");
    }
}

#[test]
fn bombs_cost_little() {
    let start = Instant::now();
    let lists = Pickle::new().raw(&vec![b']'; 200_000]).raw(b".");
    let marks = Pickle::new().raw(&vec![b'('; 200_000]).raw(b".");
    let nested = Pickle::new().raw(&vec![b']'; 60_000]).raw(&vec![b'a'; 59_999]).raw(b".");
    // Each holds the one before twice.
    let doubling = Pickle::new().raw(b"K\x01").raw(&b"2\x86".repeat(30_000)).raw(b".");
    let itself = Pickle::new().raw(b"}q\0").text("a").raw(b"h\0s.");
    let values = Pickle::new().raw(&b"N0".repeat(2_000_000)).raw(b".");
    let endless = Pickle::new().raw(b"\x8d").raw(&u64::MAX.to_le_bytes());
    let memory = Pickle::new().raw(b"X").raw(&0x7fff_ffff_u32.to_le_bytes());
    for bomb in [lists, marks, nested, doubling, itself, values, endless, memory] {
        for file in [bomb.0.clone(), bomb.zip(1), bomb.legacy(1)] {
            refusal(&file);
        }
    }
    // As many elements as no storage has, and a tensor of them.
    for class in ["FloatStorage", "DoubleStorage"] {
        let huge =
            Pickle::conv1_1(|pickle| pickle.tensor(class, i64::MAX, 0, &[i64::MAX; 4], &[i64::MAX; 4]));
        refusal(&huge.zip(2000));
        refusal(&huge.legacy(2000));
    }
    let many = Pickle::conv1_1(|pickle| pickle.tensor("FloatStorage", 1, 0, &[1; 200], &[1; 200]));
    refusal(&many.zip(2000));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn a_tensor_must_lie_within_its_storage() {
    let file = |count, offset, shape: &[i64], strides: &[i64], storage| {
        let pickle = Pickle::conv1_1(|pickle| pickle.tensor("FloatStorage", count, offset, shape, strides));
        [pickle.zip(storage), pickle.legacy(storage)]
    };
    for bytes in
        file(2000, 0, &SHAPE, &STRIDES, 2000).into_iter().chain(file(2000, 272, &SHAPE, &STRIDES, 2000))
    {
        load(&bytes).unwrap();
    }
    // The pickle says that there is enough; the file has less.
    for bytes in file(2000, 0, &SHAPE, &STRIDES, 1727) {
        assert!(refusal(&bytes).contains("features.0.weight is cut short"), "{}", refusal(&bytes));
    }
    for (offset, strides) in [
        (273, STRIDES),
        (i64::MAX, STRIDES),
        (0, [28, 9, 3, 1000]),
        (0, [i64::MAX, 9, 3, 1]),
        (0, [27, i64::MAX, i64::MAX, 1]),
    ] {
        for bytes in file(2000, offset, &SHAPE, &strides, 2000) {
            let message = refusal(&bytes);
            assert!(message.contains("cut short") || message.contains("beyond the end"), "{message}");
        }
    }
    for bytes in
        file(2000, -1, &SHAPE, &STRIDES, 2000).into_iter().chain(file(2000, 0, &SHAPE, &[27, 9, -3, 1], 2000))
    {
        assert!(refusal(&bytes).contains("malformed"));
    }
    for bytes in file(2000, 0, &[64, 3, 9], &[27, 9, 1], 2000) {
        assert!(refusal(&bytes).contains("64x3x9"), "{}", refusal(&bytes));
    }
    // Of a type that no weights have.
    let long = Pickle::conv1_1(|pickle| pickle.tensor("LongStorage", 2000, 0, &SHAPE, &STRIDES));
    assert!(
        refusal(&long.zip(4000)).contains("Long; vgg19's conv1_1 needs 64x3x3x3 of F32, F16, BF16 or F64")
    );
}

#[test]
fn archives_that_are_not_what_they_should_be_are_named() {
    let good = Pickle::conv1_1(|pickle| pickle.tensor("FloatStorage", 2000, 0, &SHAPE, &STRIDES));
    let storage = vec![0; 8000];
    let of = |entries: &[(&str, &[u8])]| refusal(&zip(entries));
    for (message, part) in [
        (of(&[("a.txt", b"x")]), "a zip archive, but not PyTorch's"),
        (of(&[("x.npy", b"x")]), "a NumPy archive"),
        (of(&[("w/data.pkl", &good.0), ("w/data/1", &storage)]), "in a storage 0 that the archive lacks"),
        (of(&[("w/data.pkl", &good.0), ("v/data.pkl", &good.0)]), "several pickles"),
        (of(&[("w/data.pkl", &good.0), ("w/data.pkl", &good.0)]), "two entries of one name"),
        (of(&[("w/data.pkl", &good.0), ("w/byteorder", b"big"), ("w/data/0", &storage)]), "big-endian"),
        (of(&[("w/data.pkl", &good.0), ("w/constants.pkl", b""), ("w/data/0", &storage)]), "TorchScript"),
        (of(&[("w/data.pkl", &good.0), ("w/code/a.py", b""), ("w/data/0", &storage)]), "TorchScript"),
        (of(&[("w/data.pkl", b"")]), "cut short"),
        (refusal(&Pickle::new().raw(b"].").zip(1)), "a list and not a state dict"),
        (
            refusal(&Pickle::new().tensor("FloatStorage", 1, 0, &[1], &[1]).raw(b".").zip(1)),
            "one tensor and not a state dict",
        ),
        (refusal(b"\x80\x02}."), "a pickle, but not one of PyTorch's"),
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_file_cut_short_is_an_error() {
    for name in ["zip", "legacy", "checkpoint", "checkpoint-legacy", "views"] {
        let bytes = fs::read(golden(&format!("{name}.pth"))).unwrap();
        for length in (0..bytes.len()).step_by(13).chain([bytes.len() - 1]) {
            let result = load(&bytes[..length]);
            // What is missing may be a tensor that is not needed.
            let spare = name == "checkpoint-legacy" && length > 8000;
            assert!(result.is_err() || spare, "{name} cut to {length} of {}", bytes.len());
        }
        refusal(&bytes[..bytes.len() / 2]);
    }
}

#[test]
fn a_damaged_file_is_weights_or_a_line() {
    let mut random = 11u64;
    let mut below = |end: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % end
    };
    for (name, bytes) in files() {
        // Most of a file is numbers; what describes them is at both ends.
        let described = bytes.len().min(2500);
        for _ in 0..300 {
            let mut damaged = bytes.clone();
            for _ in 0..=below(6) {
                let at = below(described);
                let at = if below(2) == 0 { at } else { bytes.len() - 1 - at };
                damaged[at] = below(256) as u8;
            }
            if let Err(error) = load(&damaged) {
                assert!(!error.to_string().contains('\n'), "{name}: {error}");
            }
        }
    }
}

/// A safetensors file of zeros under these names.
fn zeros(tensors: &[(String, Vec<usize>)]) -> Vec<u8> {
    let bytes = vec![0; tensors.iter().map(|(_, shape)| shape.iter().product::<usize>()).max().unwrap() * 2];
    let views = tensors.iter().map(|(name, shape)| {
        let length = shape.iter().product::<usize>() * 2;
        (name, TensorView::new(Dtype::F16, shape.clone(), &bytes[..length]).unwrap())
    });
    serialize(views, None).unwrap()
}

/// The tensors of a network's convolutions among its first `depth` layers, each name changed.
fn tensors(network: Network, depth: usize, name: impl Fn(u32) -> String) -> Vec<(String, Vec<usize>)> {
    let convolutions = Weights::seeded(0).load(network, depth).unwrap().convolutions;
    let of = |convolution: &Convolution| {
        let layer = convolution.layer;
        let (outputs, inputs) = (layer.outputs as usize, layer.inputs as usize);
        let prefix = name(layer.index);
        [(format!("{prefix}.weight"), vec![outputs, inputs, 3, 3]), (format!("{prefix}.bias"), vec![outputs])]
    };
    convolutions.iter().flat_map(of).collect()
}

#[test]
fn another_network_is_named_even_where_it_would_fit() {
    let features = |index| format!("features.{index}");
    let depth = |network: Network, name: &str| network.position(name).unwrap() + 1;
    let load = |bytes: Vec<u8>, network: Network, name: &str| {
        Weights::from_bytes(bytes, "w").unwrap().load(network, depth(network, name)).map(drop)
    };
    let [vgg16, vgg19] = [Network::Vgg16, Network::Vgg19]
        .map(|network| zeros(&tensors(network, depth(network, "conv4_1"), features)));
    for (file, right, wrong) in
        [(&vgg16, Network::Vgg16, Network::Vgg19), (&vgg19, Network::Vgg19, Network::Vgg16)]
    {
        load(file.clone(), right, "relu2_2").unwrap();
        let message = load(file.clone(), wrong, "relu2_2").unwrap_err().to_string();
        assert!(
            message.contains(&format!("these are {right}'s weights"))
                && message.contains(&format!("{wrong}'s are needed")),
            "{message}"
        );
        assert_eq!(Weights::from_bytes(file.clone(), "w").unwrap().inspect().unwrap().network, right.name());
    }
    // Cut off before the two part, it may be either.
    let early = zeros(&tensors(Network::Vgg19, depth(Network::Vgg19, "conv3_3"), features));
    for network in Network::ALL {
        load(early.clone(), network, "relu3_3").unwrap();
    }

    let mut batch_norm = tensors(Network::Vgg19, 3, features);
    batch_norm.push(("features.1.running_mean".to_owned(), vec![64]));
    let message = load(zeros(&batch_norm), Network::Vgg19, "relu1_1").unwrap_err().to_string();
    assert!(message.contains("batch normalisation") && message.contains("without _bn"), "{message}");

    let lpips = zeros(&tensors(Network::Vgg16, 3, |index| format!("net.slice1.{index}")));
    let message = load(lpips, Network::Vgg16, "relu1_1").unwrap_err().to_string();
    assert!(
        message.contains("LPIPS's own tensor names") && message.contains("torchvision's vgg16"),
        "{message}"
    );
    for name in ["lin0.model.1.weight", "lins.0.model.1.weight"] {
        let linear = zeros(&[(name.to_owned(), vec![1, 64, 1, 1])]);
        let message = load(linear, Network::Vgg16, "relu1_1").unwrap_err().to_string();
        assert!(message.contains("LPIPS's linear layers"), "{message}");
    }
}

#[test]
fn files_of_other_kinds_are_named() {
    let png = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/demo.png")).unwrap();
    for (bytes, part) in [
        (&b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"[..], "a Git LFS pointer"),
        (b"<!DOCTYPE html>\n<html><body>404</body></html>", "an HTML page: the download went wrong"),
        (b"\n <html>", "an HTML page"),
        (b"\x89HDF\r\n\x1a\n        ", "HDF5, as Keras writes it"),
        (b"\x08\x07\x12\x07pytorch\x1a\x051.9", "an ONNX model"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\0", "it is compressed"),
        (b"\x93NUMPY\x01\0v\0{", "a NumPy array"),
        (&png, "it is a picture"),
        (b"", "the file is empty"),
        (b"abc", "it has 3 bytes"),
    ] {
        let message = refusal(bytes);
        assert!(message.contains(part) && message.contains("expected torchvision's VGG"), "{message}");
    }
}

#[test]
fn conversion_keeps_values_or_rounds_them_to_nearest() {
    let weights = Weights::from_bytes(fs::read(golden("channels-last.pth")).unwrap(), "w.pth").unwrap();
    let (network, parameters) = weights.load_all().unwrap();
    assert_eq!((network, parameters.convolutions.len()), (Network::Vgg19, 1));
    for (stored, round) in [
        (StoredType::F32, (|value| value) as fn(f32) -> f32),
        (StoredType::F16, |value| f16::from_f32(value).to_f32()),
        (StoredType::Bf16, |value| bf16::from_f32(value).to_f32()),
    ] {
        let file = parameters.to_safetensors(stored).unwrap();
        let again = load(&file).unwrap();
        let expected: Vec<f32> =
            parameters.convolutions[0].weight.iter().map(|&value| round(value)).collect();
        assert!(again.weight == expected, "{stored}");
    }
    let mut large = parameters.clone();
    large.convolutions[0].bias[7] = 70000.0;
    let message = large.to_safetensors(StoredType::F16).unwrap_err().to_string();
    assert!(
        message.contains("features.0.bias has 70000, which f16 cannot hold; choose f32 or bf16"),
        "{message}"
    );
    large.to_safetensors(StoredType::Bf16).unwrap();
}

#[test]
fn training_shows() {
    let look = |weights: Weights| weights.inspect().unwrap().look;
    for seed in 0..20 {
        assert_eq!(look(Weights::seeded(seed)), Look::Untrained, "seed {seed}");
    }
    let trained = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/vgg19-oxford-f16.safetensors");
    if trained.exists() {
        assert_eq!(look(Weights::open(trained).unwrap()), Look::Trained);
    }
}
