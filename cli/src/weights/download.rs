//! A download over HTTP, which goes on where an earlier one broke off.

use std::{
    io::{self, Read as _},
    thread,
    time::Duration,
};

use ureq::{
    Agent, Body, Error,
    http::{
        HeaderMap, Response, StatusCode,
        header::{CONTENT_RANGE, ETAG, IF_RANGE, LAST_MODIFIED, RANGE},
    },
    tls::{RootCerts, TlsConfig},
};

use super::partial::Partial;
use crate::{failure::Failure, progress::Progress};

/// Nearly twice what the largest official file has: whoever sends more sends something else, and must not fill the disk.
const LARGEST: u64 = 1 << 30;

/// A file to be had.
pub struct Download<'a> {
    pub url: &'a str,
    /// What messages call the URL.
    pub shown: &'a str,
    pub sha256: &'a str,
    /// How long nothing may come. The whole may take as long as it takes.
    pub timeout: Duration,
}

impl Download<'_> {
    /// Fetches what `partial` lacks.
    ///
    /// # Errors
    /// Where the whole does not come, or comes with another hash. `partial` then has what can be gone on from.
    pub fn complete(&self, partial: &mut Partial) -> Result<(), Failure> {
        // So it is where a download was complete and what follows it failed.
        if partial.length() > 0 && partial.sha256() == self.sha256 {
            return Ok(());
        }
        let response = self.response(partial)?;
        let total = response.body().content_length().map(|rest| partial.length() + rest);
        if total.is_some_and(|total| total > LARGEST) {
            return Err(self.too_large(partial));
        }
        self.receive(response, total, partial)?;
        let sha256 = partial.sha256();
        if sha256 != self.sha256 {
            partial.restart(None).map_err(not_kept)?;
            return Err(self.failed(&format!(
                "what came has the SHA-256 {sha256}, expected was {}; nothing of it is kept",
                self.sha256
            )));
        }
        Ok(())
    }

    /// An answer whose body follows what `partial` has.
    fn response(&self, partial: &mut Partial) -> Result<Response<Body>, Failure> {
        let agent = self.agent();
        let (from, validator) = (partial.length(), partial.validator());
        let mut response = self.request(&agent, validator.as_deref().map(|validator| (from, validator)))?;
        if validator.is_some() {
            match response.status() {
                StatusCode::PARTIAL_CONTENT if begins_at(response.headers(), from) => return Ok(response),
                // The server has less than is here, or answers something that was not asked.
                StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PARTIAL_CONTENT |
                // Or it makes nothing of what is asked, such as of a validator that is not its own.
                StatusCode::BAD_REQUEST | StatusCode::PRECONDITION_FAILED => {
                    response = self.request(&agent, None)?;
                }
                _ => {}
            }
        }
        if response.status() != StatusCode::OK {
            return Err(self.failed(&format!("the server answered {}", response.status())));
        }
        partial.restart(validator_of(response.headers()).as_deref()).map_err(not_kept)?;
        Ok(response)
    }

    fn request(&self, agent: &Agent, from: Option<(u64, &str)>) -> Result<Response<Body>, Failure> {
        let mut request = agent.get(self.url);
        if let Some((start, validator)) = from {
            // The rest, if it is the rest of the same file, else all.
            request = request.header(RANGE, format!("bytes={start}-")).header(IF_RANGE, validator);
        }
        request.call().map_err(|error| self.failed(&self.describe(error)))
    }

    fn receive(
        &self,
        response: Response<Body>,
        total: Option<u64>,
        partial: &mut Partial,
    ) -> Result<(), Failure> {
        let progress = Progress::bytes("fetching", partial.length(), total);
        let mut body = response.into_body().into_reader();
        let mut block = vec![0; 1 << 16];
        loop {
            let read = match body.read(&mut block) {
                Ok(0) if total.is_none_or(|total| partial.length() >= total) => return Ok(()),
                Ok(0) => return Err(self.broken_off("the connection was closed", total, partial)),
                Ok(read) => read,
                Err(error) => {
                    return Err(self.broken_off(&self.describe(error.into()), total, partial));
                }
            };
            if partial.length() + read as u64 > LARGEST {
                return Err(self.too_large(partial));
            }
            partial.append(&block[..read]).map_err(not_kept)?;
            progress.advance(read as u64);
        }
    }

    fn agent(&self) -> Agent {
        let timeout = Some(self.timeout);
        Agent::config_builder()
            // They are asked after here.
            .http_status_as_error(false)
            // The hash and the ranges are those of the file as it is.
            .accept_encoding("identity")
            .user_agent(concat!("perceptual-loss/", env!("CARGO_PKG_VERSION")))
            // The certificates that the machine trusts, its proxy's among them.
            .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
            .timeout_resolve(timeout.filter(|_| there_are_threads()))
            .timeout_connect(timeout)
            .timeout_per_read(timeout)
            .timeout_per_write(timeout)
            .build()
            .new_agent()
    }

    fn describe(&self, error: Error) -> String {
        match error {
            Error::Timeout(_) => format!("nothing came for {} s", self.timeout.as_secs()),
            Error::HostNotFound => "there is no such host".to_owned(),
            Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                "the connection was closed".to_owned()
            }
            Error::Io(error) => error.to_string(),
            error => error.to_string(),
        }
    }

    fn broken_off(&self, why: &str, total: Option<u64>, partial: &Partial) -> Failure {
        let of = total.map_or_else(String::new, |total| format!(" of {total}"));
        let again = if partial.validator().is_some() {
            "run it again to go on from there"
        } else {
            "run it again from the beginning"
        };
        self.failed(&format!("{why} after {}{of} bytes; {again}", partial.length()))
    }

    fn too_large(&self, partial: &mut Partial) -> Failure {
        if let Err(error) = partial.restart(None) {
            return not_kept(error);
        }
        self.failed(&format!("more than {LARGEST} bytes come, and no weights have so many; nothing is kept"))
    }

    fn failed(&self, why: &str) -> Failure {
        Failure::run(format!("{}: {why}", self.shown))
    }
}

fn not_kept(error: io::Error) -> Failure {
    Failure::run(format!("what came cannot be kept: {error}"))
}

/// Whether the system gives threads: ureq ends a look-up of a name that takes too long by one, and panics where there is none.
fn there_are_threads() -> bool {
    thread::Builder::new().spawn(|| ()).is_ok()
}

/// What tells this file from a later one at the same place, to the byte: a weak tag does not.
fn validator_of(headers: &HeaderMap) -> Option<String> {
    let text =
        |name| headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| is_validator(text));
    let strong = text(ETAG).filter(|tag| !tag.starts_with("W/"));
    strong.or(text(LAST_MODIFIED)).map(str::to_owned)
}

/// Whether a server can be asked by it: no longer than any server's, and of a header's characters.
pub fn is_validator(text: &str) -> bool {
    (1..=1024).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn begins_at(headers: &HeaderMap, start: u64) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {start}-")))
}
