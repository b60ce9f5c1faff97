//! What is said of weights, and what is written of them.

use std::{fs, path::Path};

use perceptual_loss::{
    Error, Network,
    network::Layer,
    weights::{Convolution, Format, Look, Parameters, Precision, Weights},
};
use safetensors::SafeTensors;

use crate::common::{FOUR, ONE, TWO, Tensor, Tensors, assert_says, same_to_the_bit, weights_message};

fn seeded(depth: usize) -> Parameters {
    Weights::seeded(1).load(Network::Vgg19, depth).unwrap()
}

#[test]
fn an_inspection_says_what_a_file_serves() {
    let served = |tensors: &Tensors| -> Vec<_> {
        let inspection = Weights::from_bytes(tensors.file(), "w.safetensors").unwrap().inspect().unwrap();
        inspection.networks.iter().map(|served| (served.network, served.depth, served.last)).collect()
    };
    let (vgg16, vgg19) = (Network::Vgg16, Network::Vgg19);
    assert_eq!(served(&Tensors::vgg19(36)), [(vgg19, 37, "conv5_4")]);
    // Up to the convolution that is not there; what stands before it, a pool too, can be had.
    assert_eq!(served(&Tensors::vgg19(28)), [(vgg19, 28, "conv4_4")]);
    assert_eq!(served(&Tensors::vgg19(FOUR)), [(vgg16, 10, "conv2_2"), (vgg19, 10, "conv2_2")]);
    assert_eq!(served(&Tensors::vgg19(FOUR).without("features.5.bias"))[0], (vgg16, 5, "conv1_2"));
    let mut unread = Tensors::vgg19(FOUR);
    unread.get("features.2.weight").dtype = safetensors::Dtype::I32;
    assert_eq!(served(&unread)[0], (vgg16, 2, "conv1_1"));

    let seeded = Weights::seeded(3).inspect().unwrap();
    assert_eq!((seeded.format, seeded.networks[0].network), (Format::Seeded, vgg19));
    assert_eq!(seeded.sha256, Weights::seeded(3).load(vgg19, 36).unwrap().info.sha256);
    assert_eq!(seeded.convolutions.len(), 16);

    // What serves nothing is an error that says why.
    let inspect = |tensors: Tensors| Weights::from_bytes(tensors.file(), "w.safetensors").unwrap().inspect();
    assert_says(&weights_message(inspect(Tensors(vec![]))), &["no tensors at all"]);
    assert_says(
        &weights_message(inspect(Tensors::vgg19(ONE).without("features.0.bias"))),
        &["features.0.bias is missing"],
    );
    let strange = Tensors::vgg19(ONE).with(Tensor::zeros("features.1.running_mean", &[64]));
    assert_says(&weights_message(inspect(strange)), &["batch-norm"]);
}

#[test]
fn an_inspection_gives_each_convolution_in_numbers() {
    let mut tensors = Tensors::vgg19(TWO).named("net.");
    let ones = [1.0; 64 * 64 * 9];
    *tensors.get("net.2.weight") = Tensor::f32("net.2.weight", &[64, 64, 3, 3], &ones);
    let biases: Vec<f32> = (0..64).map(|i| i as f32 - 3.0).collect();
    *tensors.get("net.2.bias") = Tensor::f32("net.2.bias", &[64], &biases);
    tensors.get("net.0.weight").encode(safetensors::Dtype::F16, |v| half::f16::from_f32(v).to_le_bytes());
    let weights = Weights::from_bytes(tensors.file(), "w.safetensors").unwrap();
    let inspection = weights.inspect().unwrap();
    assert_eq!((inspection.origin.as_str(), inspection.format), ("w.safetensors", Format::Safetensors));
    assert_eq!(inspection.sha256, weights.load(Network::Vgg19, TWO).unwrap().info.sha256);
    let [first, second] = &inspection.convolutions[..] else { panic!("{inspection:?}") };
    assert_eq!(
        (first.layer, first.tensor.as_str(), first.dtype.as_str()),
        ("conv1_1", "net.0.weight", "F16")
    );
    assert_eq!(first.shape, [64, 3, 3, 3]);
    assert_eq!((second.layer, second.dtype.as_str()), ("conv1_2", "F32"));
    assert_eq!((second.weight_norm, second.smoothness), (192.0, Some(1.0)));
    assert_eq!((second.bias_min, second.bias_max), (-3.0, 60.0));
    assert_eq!(inspection.look, Look::Unclear, "one is random and one is constant");
    let json = serde_json::to_value(&inspection).unwrap();
    assert_eq!((&json["format"], &json["look"]), (&"safetensors".into(), &"unclear".into()));
    assert_eq!(json["networks"][0], serde_json::json!({"network": "vgg16", "depth": 5, "last": "conv1_2"}));
}

#[test]
fn random_weights_look_untrained_and_smooth_ones_trained() {
    for seed in 0..3 {
        assert_eq!(Weights::seeded(seed).inspect().unwrap().look, Look::Untrained);
    }
    // Alone, the smallest of them; uniform and normal (a sum of twelve uniform numbers).
    let look = |values: &[f32]| {
        let file = Tensors(vec![
            Tensor::f32("features.0.weight", &[64, 3, 3, 3], values),
            Tensor::zeros("features.0.bias", &[64]),
        ]);
        Weights::from_bytes(file.file(), "").unwrap().inspect().unwrap().look
    };
    for seed in 0..50 {
        let uniform = Weights::seeded(seed).load(Network::Vgg19, TWO).unwrap();
        assert_eq!(look(uniform.convolutions()[0].weight()), Look::Untrained, "seed {seed}");
        let normal: Vec<f32> =
            uniform.convolutions()[1].weight().chunks_exact(12).map(|twelve| twelve.iter().sum()).collect();
        assert_eq!(look(&normal[..1728]), Look::Untrained, "seed {seed}");
        // A random filter seen through a blur is as smooth as what is trained.
        let smooth: Vec<f32> = uniform.convolutions()[0]
            .weight()
            .as_chunks::<9>()
            .0
            .iter()
            .flat_map(|filter| {
                let mean = filter.iter().sum::<f32>() / 9.0;
                filter.map(|value| mean + 0.25 * value)
            })
            .collect();
        assert_eq!(look(&smooth), Look::Trained, "seed {seed}");
    }
    assert_eq!(look(&[0.0; 1728]), Look::Unclear);
    assert_eq!(look(&[0.5; 1728]), Look::Unclear);

    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/vgg19-oxford-f16.safetensors");
    if real.exists() {
        assert_eq!(Weights::open(real).unwrap().inspect().unwrap().look, Look::Trained);
    } else {
        println!("pretrained weights are not there to look at");
    }
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let parameters = seeded(FOUR);
    for (precision, size) in [(Precision::F32, 4), (Precision::F16, 2), (Precision::Bf16, 2)] {
        let path = folder.path().join(precision.to_string());
        let written = parameters.write(&path, precision).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len() as u64, written);
        let read = Weights::open(&path).unwrap().load(Network::Vgg19, FOUR).unwrap();
        let rounded = parameters.rounded(precision).unwrap();
        assert!(same_to_the_bit(&read, &rounded), "{precision}");
        assert_eq!(read.info.sha256, rounded.info.sha256);
        assert_eq!(precision == Precision::F32, read.info.sha256 == parameters.info.sha256);

        // By the format's own reader: torchvision's names, and nothing else.
        let (header, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(header % 8, 0);
        assert_eq!(written as usize, 8 + header + size * (27 * 64 + 64 * 576 + 576 * 128 + 1152 * 128 + 384));
        assert_eq!(metadata.tensors().len(), 8);
        assert_eq!(metadata.info("features.7.weight").unwrap().shape, [128, 128, 3, 3]);
        let described = metadata.metadata().as_ref().unwrap();
        assert_eq!(described["network"], "vgg16 or vgg19");
        assert_eq!(described["source_sha256"], parameters.info.sha256);
        // The same bytes each time, and in place of what was there.
        parameters.write(&path, precision).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing else was left");
}

#[test]
fn rounding_is_to_the_nearest_and_to_even() {
    for (value, f16, bf16) in [
        (1.0 + 1.0 / 2048.0, 1.0, 1.0),
        (1.0 + 3.0 / 2048.0, 1.0 + 2.0 / 1024.0, 1.0),
        (1.0 + 3.0 / 256.0, 1.0 + 3.0 / 256.0, 1.0 + 2.0 / 128.0),
        (-65519.0, -65504.0, -65536.0),
        (2.0_f32.powi(-25), 0.0, 2.0_f32.powi(-25)),
    ] {
        assert_eq!((Precision::F16.round(value), Precision::Bf16.round(value)), (f16, bf16), "{value}");
        assert_eq!(Precision::F32.round(value), value);
    }
    for precision in ["f32", "f16", "bf16"] {
        assert_eq!(precision.parse::<Precision>().unwrap().to_string(), precision);
    }
    assert_says(&"f64".parse::<Precision>().unwrap_err().to_string(), &["'f64'", "f32, f16 and bf16"]);
}

#[test]
fn a_value_that_a_precision_cannot_hold_is_an_error_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let with = |value| {
        let mut weight = vec![0.5; 64 * 27];
        weight[100] = value;
        let layer = Network::Vgg19.layers()[0];
        Parameters::new(vec![Convolution::new(layer, weight, vec![0.0; 64]).unwrap()], "big.pth")
    };
    let message = weights_message(with(65520.0).write(&path, Precision::F16));
    assert_says(&message, &["big.pth: features.0.weight", "conv1_1", "65520", "f16", "f32 or bf16"]);
    let message = weights_message(with(3.4e38).write(&path, Precision::Bf16));
    assert_says(&message, &["features.0.weight", "bf16; use f32"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    with(65520.0).write(&path, Precision::Bf16).unwrap();
    with(3.4e38).write(&path, Precision::F32).unwrap();
}

#[test]
fn a_place_that_cannot_be_written_is_an_io_error_that_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let parameters = seeded(ONE);
    for (path, word) in [("no/such/folder", "folder does not exist"), (".", ""), ("..", "")] {
        let error = parameters.write(folder.path().join(path), Precision::F32).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error:?}");
        assert_says(&error.to_string(), &[word]);
    }
    #[cfg(unix)]
    {
        // A device is written to, and stays one.
        parameters.write("/dev/null", Precision::F32).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        // A link is kept, and what it leads to is written.
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        fs::write(&target, "before").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        parameters.write(&link, Precision::F32).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        Weights::open(&target).unwrap().load(Network::Vgg19, ONE).unwrap();
        // So it is where nothing is yet.
        fs::remove_file(&target).unwrap();
        parameters.write(&link, Precision::F32).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && target.is_file());
        fs::remove_file(target).unwrap();
        fs::remove_file(link).unwrap();
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Convolutions that are no network's can be written too.
#[test]
fn a_network_is_named_only_where_it_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let layer = Layer::conv("conv9_9", 3, 2, 2);
    let convolution = Convolution::new(layer, vec![1.0; 36], vec![0.0; 2]).unwrap();
    Parameters::new(vec![convolution], "own").write(&path, Precision::F32).unwrap();
    let bytes = fs::read(&path).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(metadata.metadata().as_ref().unwrap()["network"], "");
}
