//! Which weights a run takes.

use perceptual_loss::{Network, Weights};

use super::{cache::Cache, published::Published};
use crate::{failure::Failure, options::variable};

/// The variable that names weights as --weights does.
pub const VARIABLE: &str = "PERCEPTUAL_LOSS_WEIGHTS";

/// What is taken where nothing is named and nothing was fetched.
const DEFAULT: &str = "seeded:0";

/// The weights of a run.
pub struct Chosen {
    pub weights: Weights,
    pub by: By,
    /// A file, or `seeded:N`.
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
        if let Some(name) = option {
            return Ok(Self { weights: named(name)?, by: By::Option, name: name.to_owned(), network });
        }
        if let Some(name) = variable(VARIABLE)? {
            let weights = named(&name).map_err(|failure| Failure {
                message: format!("{} (named by {VARIABLE})", failure.message),
                ..failure
            })?;
            return Ok(Self { weights, by: By::Variable, name, network });
        }
        if let (Some(cache), Some(published)) = (Cache::find(), Published::of(network))
            && let Some(kept) = cache.kept(published)?
        {
            let name = kept.path.display().to_string();
            return Ok(Self { weights: kept.weights, by: By::Fetched, name, network });
        }
        Ok(Self { weights: named(DEFAULT)?, by: By::Default, name: DEFAULT.to_owned(), network })
    }

    /// What a user should be told of the choice, in one line: whatever was not said on the command line, and that
    /// weights are untrained.
    pub fn note(&self) -> Option<String> {
        let Self { name, network, .. } = self;
        let because = match self.by {
            By::Option | By::Default => "",
            By::Variable => ", named by PERCEPTUAL_LOSS_WEIGHTS,",
            By::Fetched => ", fetched before,",
        };
        if self.is_untrained() {
            return Some(format!(
                "the weights {name}{because} are untrained; bring torchvision's VGG with 'perceptual-loss weights fetch {network}' or --weights for numbers that mean what others' do"
            ));
        }
        match self.by {
            By::Option | By::Default => None,
            By::Variable | By::Fetched => Some(format!("the weights {name}{because} are taken")),
        }
    }

    pub fn is_untrained(&self) -> bool {
        is_seeded(&self.name)
    }
}

fn is_seeded(name: &str) -> bool {
    name.starts_with(SEEDED)
}

const SEEDED: &str = "seeded:";

/// A file's weights, or those of a seed.
fn named(name: &str) -> Result<Weights, Failure> {
    let Some(seed) = name.strip_prefix(SEEDED) else {
        return Ok(Weights::open(name)?);
    };
    seed.parse().map(Weights::seeded).map_err(|_| {
        Failure::input(format!("'{name}' names no seed; seeded: takes a whole number from 0 to {}", u64::MAX))
    })
}
