//! `perceptual-loss weights list`: what was fetched, what can be, and what a run takes.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use perceptual_loss::{
    Network,
    low_level::shown::{self, escaped},
};
use serde::Serialize;

use super::{
    cache::{self, Cache},
    choice::{By, Chosen, VARIABLE},
    convert::mib,
    published::Published,
};
use crate::{failure::Failure, json, options::variable};

#[derive(Serialize)]
struct List {
    /// Where fetched files are kept.
    folder: Option<String>,
    files: Vec<Entry>,
    /// What PERCEPTUAL_LOSS_WEIGHTS says.
    variable: Option<String>,
    /// By network, the weights of a run without --weights, or why there are none.
    taken: BTreeMap<&'static str, Taken>,
}

/// An official file.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    publisher: &'static str,
    url: String,
    bytes: u64,
    fetched: Option<Fetched>,
    /// What there is of a download that broke off.
    partial_bytes: Option<u64>,
    /// Why what was fetched cannot be used.
    error: Option<String>,
}

#[derive(Serialize)]
struct Fetched {
    path: String,
    bytes: u64,
    /// Of the tensors, as reports give it.
    sha256: String,
    source_url: String,
    /// Whether it was made from the official file.
    official: bool,
}

#[derive(Serialize)]
struct Taken {
    weights: Option<String>,
    by: Option<&'static str>,
    error: Option<String>,
}

/// What is to be printed.
pub fn run(as_json: bool) -> Result<String, Failure> {
    let cache = Cache::find();
    let list = List {
        folder: cache.as_ref().map(|cache| shown::name(cache.folder())),
        files: Published::ALL.into_iter().map(|which| entry(which, cache.as_ref())).collect(),
        variable: variable(VARIABLE)?,
        taken: Network::ALL.into_iter().map(|network| (network.name(), taken(network))).collect(),
    };
    if as_json {
        return Ok(json::object(&list)? + "\n");
    }
    Ok(text(&list))
}

fn entry(which: Published, cache: Option<&Cache>) -> Entry {
    let size = |path| fs::metadata(path).ok().map(|file| file.len());
    let fetched = cache.map_or(Ok(None), |cache| fetched(which, cache));
    let (fetched, error) = match fetched {
        Ok(fetched) => (fetched, None),
        Err(failure) => (None, Some(failure.message)),
    };
    Entry {
        name: which.name(),
        publisher: which.publisher(),
        url: which.url(),
        bytes: which.bytes(),
        fetched,
        partial_bytes: cache.and_then(|cache| size(cache.partial(which))),
        error,
    }
}

fn fetched(which: Published, cache: &Cache) -> Result<Option<Fetched>, Failure> {
    let Some(kept) = cache.kept(which).map_err(|error| cache::unusable(which, error))? else {
        return Ok(None);
    };
    Ok(Some(Fetched {
        path: shown::name(&kept.path),
        bytes: fs::metadata(&kept.path).map_or(0, |file| file.len()),
        sha256: kept.check()?,
        source_url: kept.url().to_owned(),
        official: kept.is(which.sha256()),
    }))
}

fn taken(network: Network) -> Taken {
    match Chosen::new(None, network) {
        Ok(chosen) => {
            let by = match chosen.by {
                By::Option => "option",
                By::Variable => "variable",
                By::Fetched => "fetched",
                By::Default => "default",
            };
            Taken { weights: Some(chosen.name), by: Some(by), error: None }
        }
        Err(failure) => Taken { weights: None, by: None, error: Some(failure.message) },
    }
}

fn text(list: &List) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    for Entry { name, publisher, bytes, fetched, partial_bytes, error, .. } in &list.files {
        let _ = match (fetched, error) {
            (Some(Fetched { path, bytes, sha256, source_url, official }), _) => {
                let own = if *official { "" } else { ", not the official file" };
                writeln!(
                    text,
                    "{name:10} {}, {bytes} bytes ({}), sha256 {sha256}, from {}{own}",
                    escaped(path),
                    mib(*bytes),
                    escaped(source_url)
                )
            }
            (None, Some(error)) => writeln!(text, "{name:10} {}", escaped(error)),
            (None, None) => {
                let there = partial_bytes.map_or_else(String::new, |there| format!("{} of ", mib(there)));
                writeln!(
                    text,
                    "{name:10} not fetched; {publisher}'s, {there}{}: 'perceptual-loss weights fetch {name}'",
                    mib(*bytes)
                )
            }
        };
    }
    let _ = match &list.folder {
        Some(folder) => writeln!(text, "\nfetched files are kept in {}", escaped(folder)),
        None => writeln!(text, "\nthere is no cache folder; {} names one", cache::FOLDER),
    };
    let _ = match &list.variable {
        Some(variable) => writeln!(text, "{VARIABLE} is {}", escaped(variable)),
        None => writeln!(text, "{VARIABLE} is not set"),
    };
    for (network, Taken { weights, error, .. }) in &list.taken {
        let _ = match (weights, error) {
            (Some(weights), _) => {
                writeln!(text, "without --weights, losses over {network} take {}", escaped(weights))
            }
            (None, error) => {
                writeln!(
                    text,
                    "without --weights, losses over {network} fail: {}",
                    escaped(error.as_deref().unwrap_or_default())
                )
            }
        };
    }
    text
}
