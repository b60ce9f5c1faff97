//! Another network in the place of the one that is wanted, named for what it is even where its tensors would fit.

use super::contents::Contents;
use crate::{
    error::{Error, Result},
    network::Network,
};

/// # Errors
/// [`Error::Weights`] where the tensors under `prefix` are not `network`'s.
pub(super) fn refuse(contents: &Contents, origin: &str, network: Network, prefix: &str) -> Result<()> {
    let convolution = |index: u32| {
        let tensor = contents.tensors.get(&format!("{prefix}{index}.weight"));
        tensor.is_some_and(|entry| entry.shape.len() == 4)
    };
    // Where the two part: VGG19's fourth convolution of block 3 stands where VGG16 has its pool.
    let other = match network {
        Network::Vgg16 if convolution(16) => Some((Network::Vgg19, 16)),
        Network::Vgg19 if convolution(17) && !convolution(16) => Some((Network::Vgg16, 17)),
        _ => None,
    };
    if let Some((other, index)) = other {
        return Err(Error::Weights(format!(
            "{origin}: these are {other}'s weights (there is a convolution {prefix}{index}), and {network}'s are needed; choose \
             a {network} file, or a preset for {other}"
        )));
    }
    match strange(contents, prefix) {
        Some(what) => Err(Error::Weights(format!("{origin}: {what}"))),
        None => Ok(()),
    }
}

/// What the tensors are if they are a known mistake, and what would be right.
pub(super) fn strange(contents: &Contents, prefix: &str) -> Option<&'static str> {
    let names = || contents.tensors.keys();
    if names().any(|name| name.starts_with(prefix) && name.ends_with(".running_mean")) {
        return Some(
            "a VGG with batch normalisation, whose parameters cannot be used here; choose torchvision's vgg16 or vgg19, \
             without _bn",
        );
    }
    if names().any(|name| name.contains("slice1.0.weight")) {
        return Some(
            "LPIPS's own tensor names (slice1.0.weight); the network that it was made from is needed: torchvision's vgg16",
        );
    }
    if names().any(|name| name.contains("lin0.model.1.weight") || name.contains("lins.0.model.1.weight")) {
        return Some(
            "LPIPS's linear layers, without the network that they stand on; torchvision's vgg16 or vgg19 is needed",
        );
    }
    None
}
