//! The folder that keeps what was fetched, and what is in it.

use std::{env, io, path::PathBuf};

use directories::ProjectDirs;
use perceptual_loss::{Error, Weights, low_level::shown};

use super::published::Published;
use crate::failure::Failure;

/// The variable that names another folder than the platform's.
pub const FOLDER: &str = "PERCEPTUAL_LOSS_CACHE";

/// Under which keys a kept file's metadata say where it came from.
pub const SOURCE_URL: &str = "source_url";
pub const SOURCE_FILE_SHA256: &str = "source_file_sha256";

pub struct Cache {
    folder: PathBuf,
}

/// A file that was fetched and converted.
pub struct Kept {
    pub path: PathBuf,
    pub weights: Weights,
    which: Published,
}

impl Cache {
    /// The folder, whether or not it is there yet; none where the platform has no place for it.
    pub fn find() -> Option<Self> {
        let folder = match env::var_os(FOLDER).filter(|folder| !folder.is_empty()) {
            Some(folder) => PathBuf::from(folder),
            None => ProjectDirs::from("", "", "perceptual-loss")?.cache_dir().to_owned(),
        };
        Some(Self { folder })
    }

    pub fn folder(&self) -> &PathBuf {
        &self.folder
    }

    /// Where the converted file is kept.
    pub fn path(&self, which: Published) -> PathBuf {
        self.folder.join(format!("{}.safetensors", which.name()))
    }

    /// Where the file is while it comes.
    pub fn partial(&self, which: Published) -> PathBuf {
        self.folder.join(format!("{}.part", which.name()))
    }

    pub fn lock(&self, which: Published) -> PathBuf {
        self.folder.join(format!(".{}.lock", which.name()))
    }

    /// What was fetched, if it was.
    ///
    /// # Errors
    /// [`Error::Io`] where that cannot be told or it cannot be read, another where it is damaged.
    pub fn kept(&self, which: Published) -> Result<Option<Kept>, Error> {
        let path = self.path(which);
        let weights = match Weights::open(&path) {
            // A link to nothing is there, and somebody's weights are not.
            Err(Error::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() =>
            {
                return Ok(None);
            }
            opened => opened?,
        };
        let mut kept = Kept { path, weights, which };
        if kept.is(which.sha256()) {
            kept.weights = kept.weights.with_trained(true);
        }
        Ok(Some(kept))
    }
}

impl Kept {
    /// Whether it was made from the file of this SHA-256.
    pub fn is(&self, sha256: &str) -> bool {
        self.weights.metadata(SOURCE_FILE_SHA256) == Some(sha256)
    }

    pub fn url(&self) -> &str {
        self.weights.metadata(SOURCE_URL).unwrap_or("an unknown place")
    }

    /// Reads it all; the SHA-256 of its tensors, as reports give it.
    ///
    /// # Errors
    /// Where the tensors are not those that were written.
    pub fn check(&self) -> Result<String, Failure> {
        let info = match self.which.network() {
            Some(network) => {
                let networks = self.weights.networks();
                let depth = networks.ok().and_then(|n| n.into_iter().find(|s| s.network == network));
                let depth = depth.map_or(network.layers().len(), |served| served.depth);
                self.weights.load(network, depth).map(|parameters| parameters.info)
            }
            None => self.weights.load_linears().map(|linears| linears.info),
        }
        .map_err(|error| unusable(self.which, error))?;
        if self.weights.metadata("source_sha256") != Some(&info.sha256) {
            let changed = format!("{}: the file is not what was written there", shown::name(&self.path));
            return Err(unusable(self.which, Error::Weights(changed)));
        }
        Ok(info.sha256)
    }
}

/// What is to be said of a fetched file that cannot be used.
pub fn unusable(which: Published, error: Error) -> Failure {
    match error {
        Error::Io { .. } => Failure::input(format!("{error}; name another folder with {FOLDER}")),
        _ => Failure::input(format!(
            "{error}; fetch it again with 'perceptual-loss weights fetch {}'",
            which.name()
        )),
    }
}
