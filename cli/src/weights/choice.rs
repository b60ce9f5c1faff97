//! Which weights a run takes.

use perceptual_loss::{Error, Network, Weights};

use super::{
    cache::{self, Cache},
    published::Published,
};
use crate::{failure::Failure, options::variable, say};

/// The variable that names weights as --weights does.
pub const VARIABLE: &str = "PERCEPTUAL_LOSS_WEIGHTS";

/// The weights of a run.
pub struct Chosen {
    pub weights: Weights,
    pub by: By,
    /// As reports call them: a file, `default-1` or `seeded:N`.
    pub name: String,
    network: Network,
    /// Why it is not known whether any were fetched.
    out_of_reach: Option<Error>,
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
        let of =
            |weights: Weights, by| Self { name: weights.origin(), weights, by, network, out_of_reach: None };
        if let Some(name) = option {
            return Ok(of(named(name)?, By::Option));
        }
        if let Some(name) = variable(VARIABLE)? {
            let weights = named(&name).map_err(|failure| Failure {
                message: format!("{} (named by {VARIABLE})", failure.message),
                ..failure
            })?;
            return Ok(of(weights, By::Variable));
        }
        let default = || of(Weights::default(), By::Default);
        let (Some(cache), Some(published)) = (Cache::find(), Published::of(network)) else {
            return Ok(default());
        };
        match cache.kept(published) {
            Ok(Some(kept)) => Ok(of(kept.weights, By::Fetched)),
            Ok(None) => Ok(default()),
            // A folder that is none, or somebody else's, as services have it: who fetched nothing there misses nothing.
            Err(error @ Error::Io { .. }) => Ok(Self { out_of_reach: Some(error), ..default() }),
            // Somebody did fetch it, and numbers of other weights are other numbers.
            Err(damaged) => Err(cache::unusable(published, damaged)),
        }
    }

    /// Says what kept fetched weights from being found, if anything did.
    pub fn warn(&self) {
        if let Some(error) = &self.out_of_reach {
            say::warning(&format!(
                "{error}; fetched weights are out of reach there, and {} are taken",
                self.name
            ));
        }
    }

    /// Says that, and what a user should be told of the choice.
    pub fn tell(&self) {
        self.warn();
        if let Some(note) = self.note() {
            say::note(&note);
        }
    }

    /// What a user should be told of the choice, in one line: whatever was not said on the command line, and that
    /// seeded weights judge nothing.
    fn note(&self) -> Option<String> {
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
