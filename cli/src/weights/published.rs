//! The official files that can be fetched.

use clap::ValueEnum;
use perceptual_loss::Network;

/// An official file of trained weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Published {
    /// torchvision's VGG19, 548 MiB, of which 76 MiB are kept.
    Vgg19,
    /// torchvision's VGG16, 528 MiB, of which 56 MiB are kept.
    Vgg16,
    /// The linear layers of the package lpips for VGG16 (version 0.1), 7 KiB.
    LpipsVgg,
}

impl Published {
    pub const ALL: [Self; 3] = [Self::Vgg19, Self::Vgg16, Self::LpipsVgg];

    /// The file for losses over `network`, if one is published.
    pub fn of(network: Network) -> Option<Self> {
        Self::ALL.into_iter().find(|published| published.network() == Some(network))
    }

    /// What the command calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vgg19 => "vgg19",
            Self::Vgg16 => "vgg16",
            Self::LpipsVgg => "lpips-vgg",
        }
    }

    pub fn publisher(self) -> &'static str {
        match self {
            Self::Vgg19 | Self::Vgg16 => "torchvision",
            Self::LpipsVgg => "lpips",
        }
    }

    /// The network whose convolutions it holds; none where it holds linear layers.
    pub fn network(self) -> Option<Network> {
        match self {
            Self::Vgg19 => Some(Network::Vgg19),
            Self::Vgg16 => Some(Network::Vgg16),
            Self::LpipsVgg => None,
        }
    }

    pub fn url(self) -> String {
        let folder = match self {
            Self::Vgg19 | Self::Vgg16 => "https://download.pytorch.org/models",
            Self::LpipsVgg => {
                "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1"
            }
        };
        format!("{folder}/{}", self.file())
    }

    /// The last part of its URL, which mirrors keep.
    pub fn file(self) -> &'static str {
        match self {
            Self::Vgg19 => "vgg19-dcbb9e9d.pth",
            Self::Vgg16 => "vgg16-397923af.pth",
            Self::LpipsVgg => "vgg.pth",
        }
    }

    pub fn sha256(self) -> &'static str {
        match self {
            Self::Vgg19 => "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            Self::Vgg16 => "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            Self::LpipsVgg => "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        }
    }

    /// How many bytes it has.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Vgg19 => 574_673_361,
            Self::Vgg16 => 553_433_881,
            Self::LpipsVgg => 7289,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torchvisions_names_carry_the_beginning_of_their_hashes() {
        for published in Published::ALL {
            assert_eq!(published.name(), published.to_possible_value().unwrap().get_name());
            assert_eq!(published.sha256().len(), 64);
            if published.network().is_some() {
                let (_, rest) = published.file().split_once('-').unwrap();
                assert_eq!(rest, format!("{}.pth", &published.sha256()[..8]));
            }
        }
    }
}
