//! Files that are not what was wanted: each is named for what it is, in one line.

use perceptual_loss::{Network, weights::Weights};

use crate::common::{FOUR, ONE, TWO, Tensor, Tensors, assert_says, on_disk, weights_message, with_header};

fn refusal(bytes: &[u8]) -> String {
    let message = weights_message(Weights::from_bytes(bytes, "w.safetensors"));
    let (_folder, path) = on_disk(bytes);
    let on_disk = weights_message(Weights::open(&path));
    assert_eq!(on_disk, message.replace("w.safetensors", &path.display().to_string()));
    message
}

#[test]
fn what_is_no_safetensors_file_is_refused_in_one_line() {
    let endless = [[0xff; 8].as_slice(), b"{}"].concat();
    let cases: [(&[u8], &str); 7] = [
        (b"{}", "2 bytes"),
        (b"Dear reader, this is text.", "header"),
        (&endless, "18446744073709551615"),
        (&with_header("", 0), "'{'"),
        (&with_header("{\"a\":", 0), "line 1"),
        (&with_header("\u{0}\u{1}\u{2}\u{3}", 0), "'{'"),
        (&with_header(r#"{"a":{"dtype":"Q9\n","shape":[1],"data_offsets":[0,1]}}"#, 1), "Q9"),
    ];
    for (bytes, word) in cases {
        assert_says(
            &refusal(bytes),
            &["w.safetensors: not a safetensors file", word, "expected torchvision's VGG"],
        );
    }
}

#[test]
fn other_files_are_named() {
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    let text = "a".repeat(511) + "é, and so on";
    let index = format!(
        r#"{{"metadata": {{"note": "{}"}}, "weight_map": {{"features.0.weight": "a"}}}}"#,
        "n".repeat(1000)
    );
    let table = [&[0; 40][..], b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"].concat();
    let cases: [(&[u8], &[&str]); 44] = [
        (b"", &["the file is empty", "expected torchvision's VGG"]),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            &["Git LFS pointer", "git lfs pull"],
        ),
        (b"<!DOCTYPE html><html><head><title>404", &["HTML page", "download went wrong"]),
        (b"\n  <html lang=\"en\">", &["HTML page"]),
        (b"\xef\xbb\xbf<!doctype HTML>", &["HTML page"]),
        (b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey", &["HTML page"]),
        (b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0", &["HDF5", "Keras"]),
        (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:\xff", &["ONNX"]),
        (b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", &["PNG picture"]),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", &["JPEG picture"]),
        (b"GIF89a\x01\0\x01\0\0\0\0", &["GIF picture"]),
        (b"RIFF\x24\0\0\0WEBPVP8 ", &["WebP picture"]),
        (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0", &["BMP picture"]),
        (b"\x93NUMPY\x01\0v\0{'descr': '<f4'", &["NumPy array"]),
        (
            index.as_bytes(),
            &["index of a model in shards", "\"weight_map\"", "save its state_dict as one file"],
        ),
        (b"\n{\"weight_map\":{}}", &["index of a model in shards"]),
        (
            b"{\"error\": \"Repository not found\"}",
            &["but text that begins '{\"error\": \"Repository not found\"}'", "expected torchvision's VGG"],
        ),
        (b"Entry not found\n", &["but text that begins 'Entry not found'"]),
        (text.as_bytes(), &["but text that begins 'aaa"]),
        (b"model_checkpoint_path: \"model.ckpt\"\n", &["TensorFlow checkpoint"]),
        (&table, &["index of a TensorFlow checkpoint"]),
        (b"\x08\x01\x12\xe7\x1d\x0a\xa0\x01", &["TensorFlow SavedModel"]),
        (b"\x0a\x3a\x0a\x05input\x12\x0bPlaceholder", &["TensorFlow graph"]),
        (b"\x1c\0\0\0TFL3\0\0", &["TensorFlow Lite"]),
        (b"\x0a\x14VGG_ILSVRC_19_layers\x12\x21", &["Caffe model", "bring torchvision's VGG"]),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64\0", &["MATLAB", "bring torchvision's VGG"]),
        (b"\x08\x08\x12\x0connx example:\xff", &["ONNX"]),
        (b"\x08\x07\x3a\xff\x01\x0a", &["ONNX"]),
        (b"\x08\x0a\x42\x02\x10\x11", &["ONNX"]),
        (b"\xfd7zXZ\0\0\x04", &["xz", "unpack"]),
        (b"BZh91AY&SY", &["bzip2", "unpack"]),
        (b"\x28\xb5\x2f\xfd\x04", &["zstd", "unpack"]),
        (b"7z\xbc\xaf\x27\x1c\0\x04", &["7z", "unpack"]),
        (b"Rar!\x1a\x07\0", &["RAR", "unpack"]),
        (b"%PDF-1.7", &["PDF"]),
        (b"lmgg\x01\0\0\0", &["GGML"]),
        (b"tjgg\x03\0\0\0", &["GGML"]),
        // Of no text and of no model.
        (b"\x0a\x05\xff\xff\xff\xff\xff\x12", &["not a safetensors file, nor a PyTorch one"]),
        (b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0", &["GGUF"]),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", &["gzip", "unpack"]),
        (&tar, &["tar archive", "state_dict"]),
        (b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", &["zip archive without entries"]),
        // As long as a header may be, and nothing else of one.
        (b"\x10\0\0\0\0\0\0\0hello, hello, hello", &["not a safetensors file"]),
        (&[7; 600], &["not a safetensors file"]),
    ];
    for (bytes, words) in cases {
        let message = refusal(bytes);
        assert!(message.starts_with("w.safetensors: "), "{message}");
        assert_says(&message, words);
    }
}

#[cfg(not(feature = "pth"))]
#[test]
fn a_build_that_reads_no_pth_says_so() {
    for bytes in [b"PK\x03\x04\x14\0\0\0\x08\0archive/data.pkl".as_slice(), b"\x80\x02\x8a\x0al\xfc"] {
        assert_says(&refusal(bytes), &["PyTorch .pth", "feature \"pth\"", "safetensors"]);
    }
}

#[cfg(feature = "pth")]
mod pytorch {
    use super::*;
    use crate::pickle::{Pickle, old_file, zip, zip_file};

    #[test]
    fn pickles_and_archives_that_hold_no_state_dict_are_named() {
        let golden = |name| std::fs::read(format!("tests/golden/pytorch/{name}.pth")).unwrap();
        let list = Pickle::new().raw(b"]").end();
        let empty = Pickle::new().raw(b"}").end();
        let object = Pickle::new().global("torchvision.models.vgg", "VGG").raw(b")\x81}b").end();
        // As PyTorch before 1.6 had it: with the class's source.
        let with_source = Pickle::new()
            .raw(b"(")
            .text("module")
            .global("torchvision.models.vgg", "VGG")
            .text("vgg.py")
            .text("class VGG")
            .raw(b"tQ)\x81}b")
            .end();
        let save = "torch.save(model.state_dict(), FILE)";
        for (bytes, words) in [
            (golden("module-zip"), ["torch.nn.modules.container.Sequential", save]),
            (zip_file(&object, &[]), ["whole pickled object (torchvision.models.vgg.VGG)", save]),
            (old_file(&object, &[]), ["whole pickled object (torchvision.models.vgg.VGG)", save]),
            (old_file(&with_source, &[]), ["whole pickled object (torchvision.models.vgg.VGG)", save]),
            (zip_file(&list, &[]), ["no dict of tensors", save]),
            (list.clone(), ["a pickle, but no PyTorch file", save]),
            (zip(&[("a/data.pkl", &empty), ("a/constants.pkl", &empty)]), ["TorchScript archive", save]),
            (zip(&[("a/data", b"")]), ["a zip archive, but not PyTorch's", "data.pkl"]),
            (zip(&[("arr_0.npy", b"\x93NUMPY")]), ["a zip archive of NumPy's arrays", "data.pkl"]),
            (
                zip(&[("config.json", b"{}"), ("model.weights.h5", b"")]),
                ["a zip archive but Keras's", "data.pkl"],
            ),
            (zip(&[("vgg19.pth", b"")]), ["a zip archive with a file of weights in it", "unpacked"]),
            (zip(&[("m/data.pkl", &empty), ("m/byteorder", b"big")]), ["big-endian", "save it again"]),
        ] {
            assert_says(&refusal(&bytes), &words);
        }
        let mut big = old_file(&empty, &[]);
        let little = big.windows(2).position(|bytes| bytes == b"\x88u").unwrap();
        big[little] = 0x89;
        assert_says(&refusal(&big), &["big-endian", "save it again"]);
        let mut version = old_file(&empty, &[]);
        let at = version.windows(3).position(|bytes| bytes == b"M\xe9\x03").unwrap();
        version[at + 1] = 0;
        assert_says(&refusal(&version), &["unknown version", "1001"]);
    }

    #[test]
    fn a_compressed_archive_is_refused() {
        let mut file = zip_file(&Pickle::new().raw(b"}").end(), &[]);
        // The pickle's method, in the directory's first record.
        let directory = file.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
        file[directory + 10] = 8;
        assert_says(&refusal(&file), &["archive/data.pkl", "compressed", "torch.save"]);
    }
}

/// A set with these convolutions only, under indices that are not vgg19's.
fn layout(indices: &[u32], shape: impl Fn(usize) -> [usize; 2]) -> Tensors {
    let mut tensors = Vec::new();
    for (number, index) in indices.iter().enumerate() {
        let [outputs, inputs] = shape(number);
        tensors.push(Tensor::zeros(&format!("features.{index}.weight"), &[outputs, inputs, 3, 3]));
        tensors.push(Tensor::zeros(&format!("features.{index}.bias"), &[outputs]));
    }
    Tensors(tensors)
}

fn refused_for(tensors: &Tensors, network: Network, depth: usize) -> String {
    weights_message(Weights::from_bytes(tensors.file(), "w.safetensors").unwrap().load(network, depth))
}

#[test]
fn another_networks_tensors_are_refused_even_where_those_that_are_needed_fit() {
    let vgg19 = Tensors::vgg19(17);
    assert_says(
        &refused_for(&vgg19, Network::Vgg16, ONE),
        &["VGG19's weights", "features.16.weight", "vgg16 has none there", "bring torchvision's vgg16"],
    );
    let vgg16 = Tensors::vgg19(15)
        .with(Tensor::zeros("features.17.weight", &[512, 256, 3, 3]))
        .with(Tensor::zeros("features.17.bias", &[512]));
    assert_says(
        &refused_for(&vgg16, Network::Vgg19, ONE),
        &["VGG16's weights", "features.17.weight", "vgg19 has none there", "bring torchvision's vgg19"],
    );
    Weights::from_bytes(vgg16.file(), "").unwrap().load(Network::Vgg16, 18).unwrap();
    // Cut off before either differs from the other: both have it.
    for network in Network::ALL {
        Weights::from_bytes(Tensors::vgg19(15).file(), "").unwrap().load(network, 15).unwrap();
    }
    // A name alone makes no convolution.
    let head = Tensors::vgg19(15).with(Tensor::zeros("features.17.weight", &[512]));
    Weights::from_bytes(head.file(), "").unwrap().load(Network::Vgg19, ONE).unwrap();
    // Under the prefix that was chosen, and no other.
    let beside = Tensors::vgg19(FOUR).with(Tensor::zeros("decoder.17.weight", &[9, 9, 3, 3]));
    Weights::from_bytes(beside.file(), "").unwrap().load(Network::Vgg19, FOUR).unwrap();
}

#[test]
fn smaller_configurations_and_strange_ones_are_refused() {
    let channels = |number: usize| [[64, 3], [64, 64], [128, 64], [128, 128], [8, 8]][number.min(4)];
    let vgg13 = layout(&[0, 2, 5, 7, 10, 12, 15, 17, 20, 22], channels);
    assert_says(&refused_for(&vgg13, Network::Vgg19, FOUR), &["VGG13's weights", "features.15.weight"]);
    let vgg11 = layout(&[0, 3, 6, 8, 11, 13, 16, 18], channels);
    assert_says(&refused_for(&vgg11, Network::Vgg19, ONE), &["VGG11's weights", "features.3.weight"]);
    let strange = layout(&[0, 1, 2, 3], channels);
    assert_says(&refused_for(&strange, Network::Vgg19, ONE), &["not vgg19's weights", "features.1.weight"]);
}

#[test]
fn a_batch_norm_vgg_is_refused_by_its_normalisation_and_by_its_layout() {
    let normalised = Tensors::vgg19(ONE)
        .with(Tensor::zeros("features.1.weight", &[64]))
        .with(Tensor::zeros("features.1.running_mean", &[64]));
    for network in Network::ALL {
        assert_says(
            &refused_for(&normalised, network, ONE),
            &["batch-norm VGG's weights", "features.1.running_mean", &format!("not {network}_bn")],
        );
    }
    let folded = layout(&[0, 3, 7, 10, 14], |number| [[64, 3], [64, 64], [128, 64]][number.min(2)]);
    assert_says(
        &refused_for(&folded, Network::Vgg19, ONE),
        &["batch-norm VGG's weights", "features.3.weight"],
    );
}

#[test]
fn lpips_files_are_named() {
    let linear = Tensors(
        [64, 128, 256, 512, 512]
            .iter()
            .enumerate()
            .map(|(i, &channels)| Tensor::zeros(&format!("lin{i}.model.1.weight"), &[1, channels, 1, 1]))
            .collect(),
    );
    assert_says(
        &refused_for(&linear, Network::Vgg16, ONE),
        &["LPIPS's linear layers", "without the network", "torchvision's vgg16"],
    );
    // The slices keep torchvision's indices, so that the first fits.
    let mut slices = Tensors::vgg19(TWO).named("net.slice1.");
    slices.0.push(Tensor::zeros("net.slice2.5.weight", &[128, 64, 3, 3]));
    for depth in [ONE, FOUR] {
        assert_says(
            &refused_for(&slices, Network::Vgg16, depth),
            &["cut into slices (net.slice1.0.weight)", "LPIPS", "torchvision's vgg16"],
        );
    }
}
