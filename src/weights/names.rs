//! Which of a file's tensors are the network's: the choice of one prefix for all of them.

use super::{bias_shape, contents::Contents, mistaken, weight_shape};
use crate::{
    error::{Error, Result},
    network::{Layer, Network},
};

/// How many of a file's names an error quotes.
const QUOTED: usize = 4;

/// A tensor that the network needs.
pub(super) struct Needed {
    /// Its name in the file.
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
}

/// A layer's weight and bias, as they are called under `prefix`: `features.` for torchvision's own names.
pub(super) fn needed(layer: &Layer, prefix: &str) -> [Needed; 2] {
    [("weight", weight_shape(layer).to_vec()), ("bias", bias_shape(layer).to_vec())]
        .map(|(part, shape)| Needed { name: format!("{prefix}{}.{part}", layer.index), shape })
}

/// The prefix under which most of the tensors that `layers` need are there in the right shape. Names alone do
/// not decide: beside its `features.0.weight`, torchvision's VGG has a `classifier.0.weight`.
///
/// # Errors
/// [`Error::Weights`] where there is none, or where two fit equally well.
pub(super) fn prefix(
    contents: &Contents,
    origin: &str,
    network: Network,
    layers: &[Layer],
) -> Result<String> {
    let (mut best, mut rivals) = (0, Vec::new());
    for candidate in contents.tensors.keys().filter_map(|name| candidate(name)) {
        let fitting = layers
            .iter()
            .flat_map(|layer| needed(layer, candidate))
            .filter(|needed| {
                contents.tensors.get(&needed.name).is_some_and(|entry| entry.shape == needed.shape)
            })
            .count();
        if fitting > best {
            (best, rivals) = (fitting, vec![candidate]);
        } else if fitting == best && best > 0 {
            rivals.push(candidate);
        }
    }
    match rivals[..] {
        [one] => Ok(one.to_owned()),
        [one, other, ..] => Err(Error::Weights(format!(
            "{origin}: {} and {} fit {network} equally well; leave one set of tensors in the file",
            printable(&format!("{one}0.weight")),
            printable(&format!("{other}0.weight")),
        ))),
        [] => Err(none_fits(contents, origin, network, layers)),
    }
}

/// What stands before `0.weight`, where that is a whole name or follows a dot: not `features.1`, of `10.weight`.
fn candidate(name: &str) -> Option<&str> {
    name.strip_suffix("0.weight").filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
}

fn none_fits(contents: &Contents, origin: &str, network: Network, layers: &[Layer]) -> Error {
    if let Some(known) = mistaken::known(contents, network) {
        return Error::Weights(format!("{origin}: {known}"));
    }
    let expected: Vec<_> = layers
        .iter()
        .take(1)
        .flat_map(|layer| needed(layer, "features."))
        .map(|needed| format!("{} of {}", needed.name, dims(&needed.shape)))
        .collect();
    // Those that have the right ending first: one of them may be the tensor that was meant, in another shape.
    let (near, far): (Vec<_>, Vec<_>) =
        contents.tensors.iter().partition(|(name, _)| candidate(name).is_some());
    let unread =
        contents.unread.iter().map(|(name, what)| format!("{} {}", printable(name), printable(what)));
    let count = contents.tensors.len() + contents.unread.len();
    let mut there: Vec<_> = near
        .into_iter()
        .chain(far)
        .map(|(name, entry)| format!("{} of {}", printable(name), dims(&entry.shape)))
        .chain(unread)
        .take(QUOTED)
        .collect();
    if count > QUOTED {
        there.push(format!("{} more", count - QUOTED));
    }
    let there = if there.is_empty() { "no tensors at all".to_owned() } else { there.join(", ") };
    Error::Weights(format!(
        "{origin}: no {network} in this file; expected torchvision's {} and so on, found {there}",
        expected.join(", ")
    ))
}

/// A shape as messages give it: `64x3x3x3`.
pub(super) fn dims(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "no dimensions".to_owned();
    }
    printable(&shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x"))
}

/// Text from a file, fit for one line of a message.
pub(super) fn printable(text: &str) -> String {
    const LONGEST: usize = 160;
    let mut line: String =
        text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_is_a_whole_name_or_follows_a_dot() {
        assert_eq!(candidate("0.weight"), Some(""));
        assert_eq!(candidate("module.features.0.weight"), Some("module.features."));
        assert_eq!(candidate("features.10.weight"), None);
        assert_eq!(candidate("features.0.bias"), None);
    }

    #[test]
    fn text_from_a_file_stays_on_one_short_line() {
        assert_eq!(printable("a\nb\x1b[31m"), "a\u{fffd}b\u{fffd}[31m");
        assert_eq!(printable(&"é".repeat(1000)).chars().count(), 161);
        assert_eq!(dims(&[64, 3, 3, 3]), "64x3x3x3");
        assert_eq!(dims(&[]), "no dimensions");
    }
}
