//! `perceptual-loss weights fetch`: official weights into the cache.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File, TryLockError},
    io,
    path::Path,
    time::Duration,
};

use clap::Args;
use perceptual_loss::{
    Weights,
    low_level::shown::{self, escaped},
    weights::{Parameters, Precision},
};
use ureq::http::Uri;

use super::{
    cache::{self, Cache},
    convert::{self, mib, not_written},
    download::Download,
    partial::{Partial, open_own},
    published::Published,
};
use crate::{failure::Failure, options::variable, output::Output, say};

/// The variable that names a folder which has the official files under their own names.
const MIRROR: &str = "PERCEPTUAL_LOSS_MIRROR";

/// Download an official file of trained weights, check it, and keep what is needed of it.
///
/// From then on, a run that is told of no other weights uses the fetched ones of its network. A download that broke off
/// goes on where it stopped. The file is checked by its SHA-256 and converted to safetensors, float32 as published, in the
/// platform's cache folder, or in the folder that PERCEPTUAL_LOSS_CACHE names. Proxies are taken from the environment
/// (HTTPS_PROXY and its like).
#[derive(Args)]
pub struct Arguments {
    /// Which one.
    #[arg(default_value = "vgg19")]
    which: Published,

    /// Download it from here. PERCEPTUAL_LOSS_MIRROR is the URL of a folder of official files instead.
    #[arg(long)]
    url: Option<String>,

    /// The SHA-256 of a file of your own at --url; without it, it must be the official file.
    #[arg(long, value_name = "HEX", requires = "url", value_parser = sha256)]
    sha256: Option<String>,

    /// Give up when nothing comes for so long; the whole download may take longer.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

/// What is to be printed.
pub fn run(arguments: &Arguments) -> Result<String, Failure> {
    let which = arguments.which;
    let sha256 = arguments.sha256.as_deref().unwrap_or(which.sha256());
    let url = url(arguments)?;
    let shown_url = public(&url)?;
    let cache = Cache::find().ok_or_else(|| {
        Failure::input(format!("this user has no cache folder; name a folder with {}", cache::FOLDER))
    })?;
    let lock = lock(&cache, which).map_err(|error| cannot(&cache, &error))?;
    let to = cache.path(which);
    // A pipe would be waited for.
    if fs::metadata(&to).is_ok_and(|there| !there.is_file()) {
        let name = to.file_name().map(|name| shown::name(name.as_ref())).unwrap_or_default();
        return Err(cannot(&cache, &io::Error::other(format!("{name} is no file; remove it"))));
    }
    let output = Output::create(&to)?;
    let mut partial = Partial::open(&cache.partial(which)).map_err(|error| cannot(&cache, &error))?;

    if let Ok(Some(kept)) = cache.kept(which)
        && kept.is(sha256)
        && let Ok(tensors) = kept.check()
    {
        // What is left of an attempt at another file, or of one that was ended after the conversion.
        partial.remove().map_err(|error| cannot(&cache, &error))?;
        return Ok(format!(
            "{}: {}, fetched before\nsha256 {tensors}\nfrom {}, sha256 {sha256}\n",
            escaped(&shown::name(&kept.path)),
            which.name(),
            kept.url()
        ));
    }
    let timeout = Duration::from_secs(arguments.timeout);
    let download = Download { url: &url, shown: &shown_url, sha256, timeout };
    if let Err(failure) = download.complete(&mut partial) {
        if partial.validator().is_none() {
            // Nothing can be gone on from. That it cannot be removed matters less than the failure.
            let _ = partial.remove();
        }
        return Err(failure);
    }
    let from = cache.partial(which);
    let source = BTreeMap::from([
        (cache::SOURCE_URL.to_owned(), shown_url.clone()),
        (cache::SOURCE_FILE_SHA256.to_owned(), sha256.to_owned()),
    ]);
    match convert(which, &from, source, output) {
        Ok(mut text) => {
            partial.remove().map_err(|error| cannot(&cache, &error))?;
            drop(lock);
            // Writing to a string does not fail.
            let _ = writeln!(text, "from {shown_url}, sha256 {sha256}");
            Ok(text)
        }
        // The file is at fault, and would be the next time.
        Err(Failure { message, code: 2, .. }) => {
            let _ = partial.remove();
            let message = message.strip_prefix(&format!("{}: ", shown::name(&from))).unwrap_or(&message);
            Err(Failure::input(format!("{shown_url}: {message}")))
        }
        // Its place is. The download stays, and need not be done again.
        Err(failure) => Err(failure),
    }
}

/// Writes what is needed of a file, every bit of it; what was written.
fn convert(
    which: Published,
    from: &Path,
    source: BTreeMap<String, String>,
    output: Output,
) -> Result<String, Failure> {
    let weights = Weights::open(from)?;
    let Some(network) = which.network() else {
        let mut linears = weights.load_linears()?;
        linears.metadata = source;
        let path = shown::name(output.path());
        let bytes = output.finish_by(|path| linears.write(path).map_err(not_written))?;
        return Ok(format!(
            "{}: {}, f32, {bytes} bytes ({})\nsha256 {}\n",
            escaped(&path),
            which.name(),
            mib(bytes),
            linears.info.sha256
        ));
    };
    let served = weights.networks()?.into_iter().find(|served| served.network == network);
    // Where it serves another network, this says so.
    let depth = served.map_or(network.layers().len(), |served| served.depth);
    let mut parameters: Parameters = weights.load(network, depth)?;
    parameters.metadata = source;
    convert::write(&parameters, network, output, Precision::F32)
}

/// Holds back other fetches of the same file until it is dropped. The file stays: if it were removed while another
/// waits for it, a third would make its own, and both would go ahead.
fn lock(cache: &Cache, which: Published) -> io::Result<File> {
    fs::create_dir_all(cache.folder())?;
    let file = open_own(&cache.lock(which))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            say::note(&format!("{} is being fetched already; waiting for that", which.name()));
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(file)
}

fn cannot(cache: &Cache, error: &io::Error) -> Failure {
    Failure::input(format!(
        "{}: weights cannot be kept there: {error}; name another folder with {}",
        shown::name(cache.folder()),
        cache::FOLDER
    ))
}

fn url(arguments: &Arguments) -> Result<String, Failure> {
    let which = arguments.which;
    if let Some(url) = &arguments.url {
        return Ok(url.clone());
    }
    Ok(match variable(MIRROR)? {
        Some(mirror) => format!("{}/{}", mirror.trim_end_matches('/'), which.file()),
        None => which.url(),
    })
}

/// A URL without its user, password and query, which may be secrets.
fn public(url: &str) -> Result<String, Failure> {
    // Of what is no URL it cannot be told which part is secret.
    let wrong = || {
        Failure::input(format!(
            "what --url or {MIRROR} gives is no URL to download from; expected http:// or https://, a host and a path (of a folder, for {MIRROR})"
        ))
    };
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong());
    };
    let (_, host) = authority.as_str().rsplit_once('@').unwrap_or(("", authority.as_str()));
    // Behind a host's colon is a port, or a password with what ends a host.
    if uri.host() != Some(host) && uri.port_u16().is_none() {
        return Err(wrong());
    }
    Ok(format!("{scheme}://{host}{}", uri.path()))
}

fn sha256(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text)
    } else {
        Err("a SHA-256 has 64 hexadecimal digits".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        for (url, expected) in [
            ("https://a.org/b/c.pth", "https://a.org/b/c.pth"),
            ("http://me:pass@a.org:8080/c.pth?token=x", "http://a.org:8080/c.pth"),
        ] {
            assert_eq!(public(url).unwrap(), expected);
        }
        for url in ["ftp://a.org/c.pth", "c.pth", "/c.pth", "", "https://", "http://a b/c"] {
            assert_eq!(public(url).unwrap_err().code, 2, "{url}");
        }
        // Of what is no URL nothing is shown.
        for url in [
            "htp://me:word@a.org/c",
            "http:/me:word@a.org/c",
            "http://me:wo/rd@a.org/c",
            "me:word@a.org/c?key=word",
        ] {
            let message = public(url).unwrap_err().message;
            assert!(!message.contains("word"), "{message}");
        }
    }
}
