//! The weights that ship.

use perceptual_loss::{Network, weights::Weights};

use super::{assert_numpys, common::same_to_the_bit};

#[test]
fn shipped_weights_are_numpys_to_the_bit() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("../golden/shipped.json")).unwrap();
    let cases = golden.as_array().unwrap();
    assert_eq!(cases.len(), 2);
    cases.iter().for_each(|case| assert_numpys(&Weights::default(), case));
}

#[test]
fn shipped_weights_say_what_they_are() {
    let loaded = Weights::default().load(Network::Vgg19, 2).unwrap();
    assert_eq!((loaded.info.origin.as_str(), loaded.info.trained), ("default-1", Some(false)));
    assert_eq!(Weights::default().origin(), "default-1");
    let served = Weights::default().networks().unwrap();
    let depths: Vec<_> = served.iter().map(|served| (served.network, served.depth)).collect();
    assert_eq!(depths, [(Network::Vgg19, 37), (Network::Vgg16, 31)]);
}

#[test]
fn the_first_layers_are_the_same_in_both_networks_and_at_any_depth() {
    let load = |network, depth| Weights::default().load(network, depth).unwrap();
    // conv1_1 to conv3_3.
    let (vgg16, vgg19) = (load(Network::Vgg16, 15), load(Network::Vgg19, 15));
    assert_eq!(vgg19.convolutions().len(), 7);
    assert!(same_to_the_bit(&vgg16, &vgg19));
    let whole = load(Network::Vgg19, 36);
    for (convolution, of_whole) in vgg19.convolutions().iter().zip(whole.convolutions()) {
        assert_eq!(convolution.weight(), of_whole.weight(), "{}", convolution.layer().name);
    }
    assert_ne!(
        load(Network::Vgg16, 30).convolution("conv4_1").unwrap().weight(),
        whole.convolution("conv4_1").unwrap().weight()
    );
}
