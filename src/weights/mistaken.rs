//! Tensors that fit by name and shape, and yet are another network's.
//!
//! Configurations of VGG begin alike: VGG16's file fits VGG19 up to conv3_3, with numbers of another training. So a
//! set of tensors is refused for a convolution that stands where the wanted network has none, even one that
//! is not needed.

use super::{contents::Contents, names::printable};
use crate::{
    error::{Error, Result},
    network::{LayerKind, Network},
};

/// torchvision's configurations by the convolutions in their five blocks.
const CONFIGURATIONS: [(&str, [u32; 5]); 4] = [
    ("VGG16", [2, 2, 3, 3, 3]),
    ("VGG19", [2, 2, 4, 4, 4]),
    ("VGG13", [2, 2, 2, 2, 2]),
    ("VGG11", [1, 1, 2, 2, 2]),
];
/// An index that no configuration reaches: what follows `features` may be a convolution too.
const END: u32 = 53;

/// # Errors
/// [`Error::Weights`] where the tensors under `prefix` are not `network`'s.
pub(super) fn refuse(contents: &Contents, origin: &str, network: Network, prefix: &str) -> Result<()> {
    let is = |what: String, instead: &str| Err(Error::Weights(format!("{origin}: {what}; {instead}")));
    let rank = |name: String| contents.tensors.get(&name).map(|entry| entry.shape.len());

    if prefix.ends_with("slice1.") {
        return is(
            format!(
                "the network is cut into slices ({}), as LPIPS keeps it",
                printable(&format!("{prefix}0.weight"))
            ),
            &format!("bring the network that LPIPS starts from, torchvision's {network}"),
        );
    }
    let normalised = [format!("{prefix}1.running_mean"), format!("{prefix}1.weight")]
        .into_iter()
        .find(|name| rank(name.clone()) == Some(1));
    if let Some(name) = normalised {
        return is(
            format!("these are a batch-norm VGG's weights (there is {})", printable(&name)),
            &format!(
                "they work with their normalisation only; bring torchvision's {network}, not {network}_bn"
            ),
        );
    }

    let there: Vec<u32> =
        (0..END).filter(|index| rank(format!("{prefix}{index}.weight")) == Some(4)).collect();
    let layers = network.layers();
    let is_convolution = |index: u32| layers.iter().any(|l| l.index == index && l.kind == LayerKind::Conv);
    let Some(strange) = there.iter().find(|&&index| !is_convolution(index)) else { return Ok(()) };
    let name = printable(&format!("{prefix}{strange}.weight"));
    let fits = |bn| {
        CONFIGURATIONS.iter().find(|(_, blocks)| {
            let places = convolutions(*blocks, bn);
            there.iter().all(|index| places.contains(index))
        })
    };
    let whose = match (fits(false), fits(true)) {
        (Some((configuration, _)), _) => format!("{configuration}'s"),
        (None, Some(_)) => "a batch-norm VGG's".to_owned(),
        (None, None) => format!("not {network}'s"),
    };
    is(
        format!("these are {whose} weights ({name} is a convolution, and {network} has none there)"),
        &format!("bring torchvision's {network}, or choose a loss for the network that you have"),
    )
}

/// What else is known by its names, where nothing fits the network.
pub(super) fn known(contents: &Contents, network: Network) -> Option<String> {
    let any = |part: &str| contents.tensors.keys().any(|name| name.contains(part));
    if any("lin0.model.1.weight") {
        return Some(format!(
            "these are LPIPS's linear layers, without the network that they weigh; bring that, torchvision's {network}"
        ));
    }
    None
}

/// Where `features` has its convolutions.
fn convolutions(blocks: [u32; 5], bn: bool) -> Vec<u32> {
    let mut index = 0;
    let mut places = Vec::new();
    for count in blocks {
        for _ in 0..count {
            places.push(index);
            // A ReLU follows, after a normalisation where there are some.
            index += 2 + u32::from(bn);
        }
        // The pool.
        index += 1;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_torchvisions() {
        for (network, (_, blocks)) in [Network::Vgg16, Network::Vgg19].into_iter().zip(CONFIGURATIONS) {
            let places: Vec<u32> =
                network.layers().iter().filter(|l| l.kind == LayerKind::Conv).map(|l| l.index).collect();
            assert_eq!(convolutions(blocks, false), places);
        }
        // vgg11 and vgg19_bn, as torchvision lists them.
        assert_eq!(convolutions([1, 1, 2, 2, 2], false), [0, 3, 6, 8, 11, 13, 16, 18]);
        let bn = [0, 3, 7, 10, 14, 17, 20, 23, 27, 30, 33, 36, 40, 43, 46, 49];
        assert_eq!(convolutions([2, 2, 4, 4, 4], true), bn);
        assert!(bn.iter().all(|&index| index < END));
    }
}
