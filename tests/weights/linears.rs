//! LPIPS's linear layers, from a file that PyTorch saved (`golden/pytorch.py`), and what is written of them and of
//! where weights came from.

use perceptual_loss::{
    Network,
    weights::{Linears, Weights},
};
use safetensors::SafeTensors;

use crate::common::{ONE, Tensors, assert_says, weights_message};

const SAVED: &[u8] = include_bytes!("../golden/pytorch/lpips-old.pth");

fn saved() -> Linears {
    Weights::from_bytes(SAVED, "lpips.pth").unwrap().load_linears().unwrap()
}

#[test]
fn the_five_layers_are_read_in_order() {
    let linears = saved();
    assert_eq!(linears.layers.each_ref().map(Vec::len), [64, 128, 256, 512, 512]);
    for (index, layer) in linears.layers.iter().enumerate() {
        for (channel, &value) in layer.iter().enumerate() {
            assert_eq!(value, index as f32 + channel as f32 / 1024.0, "{index} {channel}");
        }
    }
    assert_eq!((linears.info.origin.as_str(), linears.info.trained), ("lpips.pth", None));
}

#[test]
fn they_are_written_under_their_names_with_what_is_said_of_them() {
    let mut linears = saved();
    linears.metadata.insert("source_url".to_owned(), "somewhere".to_owned());
    // Not what a caller says.
    linears.metadata.insert("network".to_owned(), "vgg11".to_owned());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lpips.safetensors");
    let bytes = linears.write(&path).unwrap();
    let file = std::fs::read(&path).unwrap();
    assert_eq!(file.len() as u64, bytes);
    let read = SafeTensors::deserialize(&file).unwrap();
    assert_eq!(read.len(), 5);
    assert_eq!(read.tensor("lin4.model.1.weight").unwrap().shape(), [1, 512, 1, 1]);

    let weights = Weights::open(&path).unwrap();
    let again = weights.load_linears().unwrap();
    assert_eq!((&again.layers, &again.info.sha256), (&linears.layers, &linears.info.sha256));
    assert_eq!(weights.metadata("network"), Some("lpips-vgg"));
    assert_eq!(weights.metadata("source_url"), Some("somewhere"));
    assert_eq!(weights.metadata("source_sha256"), Some(linears.info.sha256.as_str()));
    assert_eq!(weights.metadata("unheard-of"), None);
    // A network's file says of itself what it was given, too.
    let mut parameters = Weights::seeded(1).load(Network::Vgg19, ONE).unwrap();
    parameters.metadata.insert("source_url".to_owned(), "elsewhere".to_owned());
    parameters.write(&path, perceptual_loss::weights::Precision::F32).unwrap();
    let weights = Weights::open(&path).unwrap();
    assert_eq!(weights.metadata("source_url"), Some("elsewhere"));
    assert!(weights.load(Network::Vgg19, ONE).unwrap().metadata.is_empty());
}

#[test]
fn what_has_none_says_so() {
    assert_says(&weights_message(Weights::seeded(0).load_linears()), &["seeded:0", "vgg.pth"]);
    let network = Weights::from_bytes(Tensors::vgg19(ONE).file(), "w.safetensors").unwrap();
    assert_says(
        &weights_message(network.load_linears()),
        &["w.safetensors: lin0.model.1.weight is missing", "LPIPS over VGG16 needs 1x64x1x1"],
    );
}
