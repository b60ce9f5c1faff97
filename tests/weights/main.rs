//! Weights by the public API: the seeded recipe, what is read of files, what is refused, and what is written.

mod common;
#[cfg(feature = "pth")]
mod hostile;
#[cfg(feature = "pth")]
mod linears;
mod mistaken;
#[cfg(feature = "pth")]
mod pickle;
#[cfg(feature = "pth")]
mod pytorch_files;
mod safetensors_files;
#[cfg(feature = "default-weights")]
mod shipped;
mod written;

use perceptual_loss::{Error, Network, weights::Weights};

use common::{FOUR, TWO, Tensors, assert_says};

#[test]
fn seeded_weights_are_numpys_to_the_bit() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("../golden/seeded.json")).unwrap();
    let cases = golden.as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        assert_numpys(&Weights::seeded(case["seed"].as_u64().unwrap()), case);
    }
}

/// They are those of the golden case to the bit.
fn assert_numpys(weights: &Weights, case: &serde_json::Value) {
    let network: Network = case["network"].as_str().unwrap().parse().unwrap();
    let loaded = weights.load(network, network.layers().len()).unwrap();
    for (name, expected) in case["values"].as_object().unwrap() {
        let (layer, part) = name.split_once('.').unwrap();
        let convolution = loaded.convolution(layer).unwrap();
        let values = if part == "weight" { convolution.weight() } else { convolution.bias() };
        let bits: Vec<_> = values.iter().map(|v| format!("{:08x}", v.to_bits())).collect();
        let shown = expected["first"].as_array().unwrap().len();
        assert_eq!(expected["first"], serde_json::json!(bits[..shown]), "{network} {weights:?} {name}");
        let last = &bits[bits.len() - shown..];
        assert_eq!(expected["last"], serde_json::json!(last), "{network} {weights:?} {name}");
    }
    assert_eq!(loaded.info.sha256, case["sha256"].as_str().unwrap(), "{network} {weights:?}");
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
        weights.load(network, depth).unwrap().convolutions().iter().map(|c| c.layer().name).collect()
    };
    assert!(names(Network::Vgg19, 0).is_empty());
    assert_eq!(names(Network::Vgg19, 2), ["conv1_1"]);
    assert_eq!(names(Network::Vgg19, FOUR), ["conv1_1", "conv1_2", "conv2_1", "conv2_2"]);
    let loaded = weights.load(Network::Vgg19, TWO).unwrap();
    assert_eq!(loaded.convolution("conv1_2").unwrap().bias().len(), 64);
    assert!(loaded.convolution("conv2_1").is_none() && loaded.convolution("relu1_1").is_none());
    let error = weights.load(Network::Vgg16, 99).unwrap_err();
    assert!(matches!(error, Error::Config(_)));
    assert_says(&error.to_string(), &["vgg16", "31", "99"]);
    // A file with none of the tensors will do where none is needed.
    assert!(Tensors(vec![]).load(0).unwrap().convolutions().is_empty());
}
