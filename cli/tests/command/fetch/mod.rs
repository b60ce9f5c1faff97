//! `perceptual-loss weights fetch`, end to end against a server on this machine: what it does with each fault, and what it
//! leaves on the disk; and which weights a run takes.

mod choice;
mod faults;
mod server;

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use perceptual_loss::{Network, Weights};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::command;
use server::{Served, Server, send};

/// A file that PyTorch saved, with the first convolution of the seeded weights 1.
const FILE: Served =
    Served { bytes: include_bytes!("../../../../tests/golden/pytorch/plain-zip.pth"), tag: "\"one\"" };

/// What stays: removing a lock would let others past it.
const LOCK: &str = ".vgg19.lock";

/// A folder that fetched weights are kept in.
struct Cache(TempDir);

impl Cache {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = command::command();
        command.args(arguments.split_whitespace()).env("PERCEPTUAL_LOSS_CACHE", self.0.path());
        command
    }

    /// What a run prints that succeeds and says nothing else.
    fn prints(&self, arguments: &str) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn fetch(&self, server: &Server) -> String {
        self.prints(&own(&server.url(), FILE.bytes))
    }

    /// The exit code and the only line of a fetch that fails.
    fn fails(&self, server: &Server) -> (i32, String) {
        fault(&self.command(&own(&server.url(), FILE.bytes)).output().unwrap())
    }

    fn names(&self) -> Vec<String> {
        command::names(self.0.path())
    }

    /// There is the converted file, the tensors in it are those of the seed, and nothing else is left.
    fn assert_whole(&self) {
        assert_eq!(self.names(), [LOCK, "vgg19.safetensors"]);
        let weights = Weights::open(self.path("vgg19.safetensors")).unwrap();
        assert_eq!(weights.load(Network::Vgg19, 1).unwrap().info.sha256, seeded());
    }
}

/// Arguments that fetch a file of one's own.
fn own(url: &str, bytes: &[u8]) -> String {
    format!("weights fetch vgg19 --url {url} --sha256 {} --timeout 1", sha256(bytes))
}

fn fault(output: &Output) -> (i32, String) {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(output.stdout.is_empty() && text.starts_with("error: "), "{output:?}");
    assert_eq!(text.lines().count(), 1, "{text}");
    (output.status.code().unwrap(), text)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn seeded() -> String {
    Weights::seeded(1).load(Network::Vgg19, 1).unwrap().info.sha256
}

fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is not in {text}");
    }
}

#[test]
fn a_file_is_fetched_whole_and_once() {
    let (cache, server) = (Cache::new(), Server::new(|request, _, stream| FILE.answer(request, stream)));
    let text = cache.fetch(&server);
    let kept = cache.path("vgg19.safetensors");
    let from = format!("from {}, sha256 {}\n", server.url(), sha256(FILE.bytes));
    assert_says(&text, &[&format!("{}: vgg19, conv1_1 to conv1_1, f32, ", kept.display()), &seeded(), &from]);
    cache.assert_whole();
    assert_eq!(server.requests()[0].line, "GET /files/w.pth HTTP/1.1");
    assert_eq!(server.requests()[0].header("range"), None);
    assert_eq!(
        server.requests()[0].header("accept-encoding"),
        Some("identity"),
        "the hash is the file's own"
    );
    // Where it came from stands in the file.
    let weights = Weights::open(&kept).unwrap();
    assert_eq!(weights.metadata("source_url"), Some(server.url().as_str()));
    assert_eq!(weights.metadata("source_file_sha256"), Some(sha256(FILE.bytes).as_str()));

    let again = cache.fetch(&server);
    assert_says(&again, &["vgg19, fetched before\n", &seeded(), &from]);
    assert_eq!(server.requests().len(), 1, "it is there");
    cache.assert_whole();

    // Another hash is another file.
    let other: &'static [u8] = include_bytes!("../../../../tests/golden/pytorch/plain-old.pth");
    let (url, served) = (server.url(), Served { bytes: other, ..FILE });
    drop(server);
    let server = Server::new(move |request, _, stream| served.answer(request, stream));
    assert_ne!(url, server.url());
    cache.prints(&own(&server.url(), other));
    cache.assert_whole();
    let weights = Weights::open(&kept).unwrap();
    assert_eq!(weights.metadata("source_file_sha256"), Some(sha256(other).as_str()));
}

#[test]
fn lpips_layers_are_kept_as_they_are() {
    let cache = Cache::new();
    let saved: &'static [u8] = include_bytes!("../../../../tests/golden/pytorch/lpips-old.pth");
    let served = Served { bytes: saved, ..FILE };
    let server = Server::new(move |request, _, stream| served.answer(request, stream));
    let text =
        cache.prints(&format!("weights fetch lpips-vgg --url {} --sha256 {}", server.url(), sha256(saved)));
    assert_says(&text, &["lpips-vgg.safetensors: lpips-vgg, f32, ", " bytes (0.0 MiB)\n"]);
    assert_eq!(cache.names(), [".lpips-vgg.lock", "lpips-vgg.safetensors"]);
    let linears = Weights::open(cache.path("lpips-vgg.safetensors")).unwrap().load_linears().unwrap();
    assert_eq!(linears.layers[3][511], 3.0 + 511.0 / 1024.0);
    assert_says(&text, &[&linears.info.sha256]);
}

#[test]
fn a_mirror_is_asked_for_the_official_file_by_its_name() {
    // What it has is another file.
    let server = Server::new(|request, _, stream| FILE.answer(request, stream));
    for (which, path, expected) in [
        ("vgg19", "/mirror/vgg19-dcbb9e9d.pth", "expected was dcbb9e9d"),
        ("vgg16", "/mirror/vgg16-397923af.pth", "expected was 397923af"),
        ("lpips-vgg", "/mirror/vgg.pth", "expected was a78928a0"),
    ] {
        let cache = Cache::new();
        let mut command = cache.command(&format!("weights fetch {which}"));
        command.env("PERCEPTUAL_LOSS_MIRROR", format!("http://{}/mirror/", server.address));
        let (code, line) = fault(&command.output().unwrap());
        assert_eq!(code, 3, "{line}");
        assert_says(&line, &[path, expected, &sha256(FILE.bytes), "nothing of it is kept"]);
        assert_eq!(server.requests().last().unwrap().line, format!("GET {path} HTTP/1.1"));
        assert_eq!(cache.names(), [format!(".{which}.lock")]);
    }
    // A URL goes before a mirror.
    let cache = Cache::new();
    let mut command = cache.command(&own(&server.url(), FILE.bytes));
    command.env("PERCEPTUAL_LOSS_MIRROR", "http://127.0.0.1:9/");
    assert!(command.output().unwrap().status.success());
}

/// The real file, where it lies beside the project.
#[test]
fn the_official_lpips_file_is_taken_for_what_it_is() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/lpips/vgg.pth");
    let Ok(bytes) = fs::read(file) else {
        println!("not run: {file} is not there");
        return;
    };
    let served = Served { bytes: bytes.leak(), ..FILE };
    let server = Server::new(move |request, _, stream| served.answer(request, stream));
    let cache = Cache::new();
    cache.prints(&format!("weights fetch lpips-vgg --url {}", server.url()));
    let list: Value = serde_json::from_str(&cache.prints("weights list --json")).unwrap();
    assert_eq!(list["files"][2]["fetched"]["official"], true);
    let linears = Weights::open(cache.path("lpips-vgg.safetensors")).unwrap().load_linears().unwrap();
    assert!(linears.layers.iter().flatten().all(|&weight| weight >= 0.0), "as they were fitted");
    assert!(linears.layers.iter().flatten().any(|&weight| weight > 0.0));
}

#[test]
fn a_proxy_is_taken_from_the_environment() {
    let proxy = Server::new(|request, _, stream| {
        assert_eq!(request.line, "CONNECT weights.invalid:80 HTTP/1.1");
        std::io::Write::write_all(stream, b"HTTP/1.1 200 Connection Established\r\n\r\n").unwrap();
        // From here on this is the server behind it.
        let request = server::Request::read(stream).unwrap();
        assert_eq!(request.header("host"), Some("weights.invalid"));
        FILE.answer(&request, stream);
    });
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        let cache = Cache::new();
        let mut command = cache.command(&own("http://weights.invalid/w.pth", FILE.bytes));
        let output = command.env(variable, format!("http://{}", proxy.address)).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        cache.assert_whole();
    }
    assert_eq!(proxy.requests().len(), 3);
}

#[test]
fn two_at_once_do_not_spoil_each_other() {
    let cache = Cache::new();
    let server = Server::new(|request, _, stream| {
        server::sleep(700);
        FILE.answer(request, stream);
    });
    let start = || {
        let mut command = cache.command(&own(&server.url(), FILE.bytes));
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let outputs = [start(), start()].map(|child| child.wait_with_output().unwrap());
    let notes: String = outputs.iter().map(|o| String::from_utf8_lossy(&o.stderr).into_owned()).collect();
    assert!(outputs.iter().all(|output| output.status.success()), "{notes}");
    assert_eq!(notes, "note: vgg19 is being fetched already; waiting for that\n");
    assert_eq!(server.requests().len(), 1, "the second finds what the first has brought");
    cache.assert_whole();
}

#[test]
fn bad_usage_is_named_before_anything_is_asked_for() {
    let cache = Cache::new();
    let server = Server::new(|request, _, stream| FILE.answer(request, stream));
    let (url, hash) = (server.url(), sha256(FILE.bytes));
    for (arguments, part) in [
        ("weights fetch vgg11".to_owned(), "vgg19"),
        ("weights fetch --url ftp://a.org/w.pth".to_owned(), "expected http:// or https://"),
        (format!("weights fetch --url {url} --sha256 {}", &hash[..8]), "64 hexadecimal digits"),
        (format!("weights fetch --sha256 {hash}"), "--url"),
        (format!("weights fetch --url {url} --timeout 0"), "--timeout"),
    ] {
        let output = cache.command(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        assert_says(&String::from_utf8(output.stderr).unwrap(), &[part]);
    }
    // A folder that cannot be one.
    fs::write(cache.path("file"), "").unwrap();
    let mut command = cache.command(&own(&url, FILE.bytes));
    let (code, line) = fault(&command.env("PERCEPTUAL_LOSS_CACHE", cache.path("file")).output().unwrap());
    assert_eq!(code, 2);
    assert_says(&line, &["weights cannot be kept there", "PERCEPTUAL_LOSS_CACHE"]);
    assert!(server.requests().is_empty());
    assert_eq!(cache.names(), ["file"]);
}

#[test]
fn a_redirect_is_followed_and_secrets_in_a_url_are_not_shown() {
    let server = Server::new(|request, _, stream| match request.line.as_str() {
        "GET /moved/w.pth HTTP/1.1" => FILE.answer(request, stream),
        _ => send(stream, "302 Found", &[("Location", "/moved/w.pth")], 0, &[]),
    });
    let cache = Cache::new();
    let text = cache.prints(&own(&format!("http://me:word@{}/w.pth?key=abc", server.address), FILE.bytes));
    cache.assert_whole();
    assert_says(&text, &[&format!("from http://{}/w.pth, ", server.address)]);
    let kept = fs::read(cache.path("vgg19.safetensors")).unwrap();
    for secret in ["word", "abc"] {
        assert!(!text.contains(secret));
        assert!(!String::from_utf8_lossy(&kept[..1000]).contains(secret));
    }
}
