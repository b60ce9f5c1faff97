//! Which weights a run takes.

use perceptual_loss::{Network, Weights};

use super::{cache::Cache, published::Published};
use crate::{failure::Failure, options::variable};

/// The variable that names weights as --weights does.
pub const VARIABLE: &str = "PERCEPTUAL_LOSS_WEIGHTS";

/// The weights of a run.
pub struct Chosen {
    pub weights: Weights,
    pub by: By,
    /// As reports call them: a file, `default-1` or `seeded:N`.
    pub name: String,
    network: Network,
}

/// What weights are chosen by; the first that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The option --weights.
    Option,
    /// The environment.
    Variable,
    /// There is a fetched file for the network.
    Fetched,
    /// There is nothing else.
    Default,
}

impl Chosen {
    /// The weights for a loss over `network`, where the option --weights is as it is.
    pub fn new(option: Option<&str>, network: Network) -> Result<Self, Failure> {
        let (weights, by) = Self::weights(option, network)?;
        Ok(Self { name: weights.origin(), weights, by, network })
    }

    fn weights(option: Option<&str>, network: Network) -> Result<(Weights, By), Failure> {
        if let Some(name) = option {
            return Ok((named(name)?, By::Option));
        }
        if let Some(name) = variable(VARIABLE)? {
            let weights = named(&name).map_err(|failure| Failure {
                message: format!("{} (named by {VARIABLE})", failure.message),
                ..failure
            })?;
            return Ok((weights, By::Variable));
        }
        if let (Some(cache), Some(published)) = (Cache::find(), Published::of(network))
            && let Some(kept) = cache.kept(published)?
        {
            return Ok((kept.weights, By::Fetched));
        }
        Ok((Weights::default(), By::Default))
    }

    /// What a user should be told of the choice, in one line: whatever was not said on the command line, and that
    /// seeded weights judge nothing.
    pub fn note(&self) -> Option<String> {
        let Self { name, network, .. } = self;
        let because = match self.by {
            By::Option => "",
            By::Default => {
                return Some(format!(
                    "the weights {name}, which ship, judge much as pretrained ones do, but with numbers of their own; bring torchvision's VGG with 'perceptual-loss weights fetch {network}' or --weights for numbers that mean what others' do"
                ));
            }
            By::Variable => ", named by PERCEPTUAL_LOSS_WEIGHTS,",
            By::Fetched => ", fetched before,",
        };
        if name.starts_with(SEEDED) {
            return Some(format!(
                "the weights {name}{because} are random and judge no better than subtracting pixels; --weights default judges much as pretrained ones do"
            ));
        }
        match self.by {
            By::Option | By::Default => None,
            By::Variable | By::Fetched => Some(format!("the weights {name}{because} are taken")),
        }
    }
}

const SEEDED: &str = "seeded:";

/// The default weights, a seed's, or a file's.
pub fn named(name: &str) -> Result<Weights, Failure> {
    let default = Weights::default();
    if name == "default" || name == default.origin() {
        return Ok(default);
    }
    let Some(seed) = name.strip_prefix(SEEDED) else {
        return Ok(Weights::open(name)?);
    };
    seed.parse().map(Weights::seeded).map_err(|_| {
        Failure::input(format!("'{name}' names no seed; seeded: takes a whole number from 0 to {}", u64::MAX))
    })
}
