//! What servers and connections do wrong, and what is left on the disk after it.

use std::{fs, io::Write as _, time::Instant};

use super::{
    Cache, FILE, LOCK, assert_says, fault, own,
    server::{self, Served, Server, send},
    sha256,
};

/// Half of the file.
const HALF: usize = FILE.bytes.len() / 2;

/// The partial file and what its server called it.
const PARTIAL: [&str; 3] = [LOCK, "vgg19.part", "vgg19.validator"];

fn half(cache: &Cache) {
    assert_eq!(cache.names(), PARTIAL);
    assert!(fs::read(cache.path("vgg19.part")).unwrap() == FILE.bytes[..HALF]);
}

/// A cache with the first half of a file.
fn broken_off() -> Cache {
    let cache = Cache::new();
    let (code, line) = cache.fails(&Server::new(|_, _, stream| FILE.cut(HALF, stream)));
    assert_eq!(code, 3);
    let bytes = format!(" after {HALF} of {} bytes; run it again to go on from there", FILE.bytes.len());
    assert_says(&line, &["the connection was closed", &bytes]);
    half(&cache);
    cache
}

#[test]
fn what_broke_off_goes_on_where_it_was() {
    let cache = broken_off();
    let server = Server::new(|request, _, stream| FILE.answer(request, stream));
    cache.fetch(&server);
    cache.assert_whole();
    let [request] = server.requests().try_into().unwrap();
    assert_eq!(request.header("range"), Some(format!("bytes={HALF}-").as_str()));
    assert_eq!(request.header("if-range"), Some(FILE.tag));
}

#[test]
fn a_rest_may_break_off_too_and_may_be_redirected() {
    let cache = broken_off();
    let server = Server::new(|request, before, stream| match before {
        0 => {
            let range = format!("bytes {HALF}-{}/{}", FILE.bytes.len() - 1, FILE.bytes.len());
            let headers = [("Content-Range", range.as_str()), ("ETag", FILE.tag)];
            let rest = &FILE.bytes[HALF..];
            send(stream, "206 Partial Content", &headers, rest.len(), &rest[..100]);
        }
        1 => send(stream, "307 Temporary Redirect", &[("Location", "/elsewhere")], 0, &[]),
        _ => FILE.answer(request, stream),
    });
    let (_, line) = cache.fails(&server);
    assert_says(&line, &[&format!(" after {} of {} bytes", HALF + 100, FILE.bytes.len())]);
    assert_eq!(cache.names(), PARTIAL);
    cache.fetch(&server);
    cache.assert_whole();
    let last = server.requests().pop().unwrap();
    assert_eq!(last.header("range"), Some(format!("bytes={}-", HALF + 100).as_str()));
}

#[test]
fn a_server_that_answers_with_the_whole_begins_again() {
    // One that knows no ranges, and one that has another file by now.
    let cache = broken_off();
    cache.fetch(&Server::new(|_, _, stream| FILE.cut(FILE.bytes.len(), stream)));
    cache.assert_whole();

    let cache = broken_off();
    let changed = Served { tag: "\"two\"", ..FILE };
    let server = Server::new(move |request, before, stream| match before {
        0 => {
            assert_eq!(request.header("if-range"), Some(FILE.tag));
            changed.cut(HALF, stream);
        }
        _ => changed.answer(request, stream),
    });
    cache.fails(&server);
    half(&cache);
    assert_eq!(fs::read_to_string(cache.path("vgg19.validator")).unwrap(), changed.tag);
    cache.fetch(&server);
    cache.assert_whole();
}

#[test]
fn a_range_that_is_refused_or_another_begins_again() {
    for status in ["416 Range Not Satisfiable", "206 Partial Content"] {
        let cache = broken_off();
        let server = Server::new(move |request, before, stream| match before {
            0 => send(stream, status, &[("Content-Range", "bytes 0-9/10")], 10, &[7; 10]),
            _ => FILE.answer(request, stream),
        });
        cache.fetch(&server);
        cache.assert_whole();
        assert_eq!(server.requests()[1].header("range"), None);
    }
}

#[test]
fn what_is_there_as_a_whole_is_not_asked_for_again() {
    let cache = Cache::new();
    fs::write(cache.path("vgg19.part"), FILE.bytes).unwrap();
    let server = Server::new(|request, _, stream| FILE.answer(request, stream));
    cache.fetch(&server);
    cache.assert_whole();
    assert!(server.requests().is_empty());
}

#[test]
fn a_validator_that_is_damaged_is_none() {
    let long = "x".repeat(100_000);
    let damaged: [&[u8]; 6] =
        [b"", b"\"a\nb\"", b"\xff\xfe", b"\0\0\0\0", "\"\u{e9}\"".as_bytes(), long.as_bytes()];
    for bytes in damaged {
        let cache = broken_off();
        fs::write(cache.path("vgg19.validator"), bytes).unwrap();
        let server = Server::new(|request, _, stream| FILE.answer(request, stream));
        cache.fetch(&server);
        cache.assert_whole();
        assert_eq!(server.requests()[0].header("range"), None, "{bytes:?}");
    }
    // Nor is one that the server makes nothing of.
    for status in ["400 Bad Request", "412 Precondition Failed"] {
        let cache = broken_off();
        let server = Server::new(move |request, before, stream| match before {
            0 => send(stream, status, &[], 0, &[]),
            _ => FILE.answer(request, stream),
        });
        cache.fetch(&server);
        cache.assert_whole();
        assert_eq!(server.requests()[1].header("range"), None);
    }
}

/// What somebody put there is not followed, waited for or written to.
#[cfg(unix)]
#[test]
fn links_and_pipes_in_the_cache_are_let_be() {
    use std::os::unix::fs::symlink;

    let pipe = |path: &std::path::Path| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success())
    };
    let server = Server::new(|request, _, stream| FILE.answer(request, stream));
    for name in ["vgg19.part", LOCK, "vgg19.safetensors"] {
        let cache = Cache::new();
        fs::write(cache.path("else"), "somebody's").unwrap();
        let fails = || {
            let (code, line) = cache.fails(&server);
            assert_eq!(code, 2, "{line}");
            assert_says(&line, &["weights cannot be kept there", name, "remove it", "PERCEPTUAL_LOSS_CACHE"]);
            fs::remove_file(cache.path(name)).unwrap();
        };
        pipe(&cache.path(name));
        fails();
        if name != "vgg19.safetensors" {
            for to in ["else", "nothing"] {
                symlink(cache.path(to), cache.path(name)).unwrap();
                fails();
            }
        }
        assert_eq!(fs::read_to_string(cache.path("else")).unwrap(), "somebody's");
        assert!(!cache.path("nothing").exists());
        fs::create_dir(cache.path(name)).unwrap();
        let (code, line) = cache.fails(&server);
        assert_eq!(code, 2, "{line}");
    }
    assert!(server.requests().is_empty());

    // A validator can be done without.
    for kind in ["a pipe", "a link"] {
        let cache = broken_off();
        fs::write(cache.path("else"), FILE.tag).unwrap();
        fs::remove_file(cache.path("vgg19.validator")).unwrap();
        match kind {
            "a pipe" => pipe(&cache.path("vgg19.validator")),
            _ => symlink(cache.path("else"), cache.path("vgg19.validator")).unwrap(),
        }
        cache.fetch(&server);
        assert_eq!(server.requests().pop().unwrap().header("range"), None, "{kind}");
        assert_eq!(fs::read_to_string(cache.path("else")).unwrap(), FILE.tag);
        fs::remove_file(cache.path("else")).unwrap();
        cache.assert_whole();
    }
    // Where the user keeps fetched weights elsewhere they go there.
    let (cache, elsewhere) = (Cache::new(), Cache::new());
    symlink(elsewhere.path("w"), cache.path("vgg19.safetensors")).unwrap();
    cache.fetch(&server);
    cache.assert_whole();
    assert_eq!(elsewhere.names(), ["w"]);
}

#[cfg(unix)]
#[test]
fn a_signal_leaves_what_can_be_gone_on_from_and_no_more() {
    const TAG: &[(&str, &str)] = &[("ETag", FILE.tag)];
    for (headers, kept) in [(TAG, &PARTIAL[..]), (&TAG[1..], &PARTIAL[..1])] {
        for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
            let server = Server::new(move |_, _, stream| {
                send(stream, "200 OK", headers, FILE.bytes.len(), &FILE.bytes[..HALF]);
                server::wait(stream);
            });
            let cache = Cache::new();
            // Whoever starts it may have seen to it that a signal is ignored, as nohup does: then it is.
            let ignored = if signal == "-INT" { "HUP" } else { "INT" };
            let arguments = own(&server.url(), FILE.bytes).replace("--timeout 1", "--timeout 60");
            let mut command = crate::command::apart(std::process::Command::new("sh"));
            command
                .args([
                    "-c",
                    &format!("trap '' {ignored}; exec \"$@\""),
                    "sh",
                    env!("CARGO_BIN_EXE_perceptual-loss"),
                ])
                .args(arguments.split_whitespace())
                .env("PERCEPTUAL_LOSS_CACHE", cache.path(""))
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped());
            let child = command.spawn().unwrap();
            while fs::metadata(cache.path("vgg19.part")).map_or(0, |file| file.len()) < HALF as u64 {
                server::sleep(5);
            }
            let kill = |signal: &str| {
                let pid = child.id().to_string();
                assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
            };
            kill(&format!("-{ignored}"));
            server::sleep(50);
            kill(signal);
            let (ended, line) = fault(&child.wait_with_output().unwrap());
            assert_eq!((ended, line.as_str()), (code, "error: interrupted\n"));
            assert_eq!(cache.names(), kept, "{signal}");
        }
    }
}

#[test]
fn without_a_strong_validator_it_begins_again() {
    for headers in [&[][..], &[("ETag", "W/\"one\"")]] {
        let server = Server::new(move |request, before, stream| match before {
            0 => send(stream, "200 OK", headers, FILE.bytes.len(), &FILE.bytes[..HALF]),
            _ => FILE.answer(request, stream),
        });
        let cache = Cache::new();
        let (_, line) = cache.fails(&server);
        assert_says(&line, &["run it again from the beginning"]);
        assert_eq!(cache.names(), [LOCK]);
        cache.fetch(&server);
        assert_eq!(server.requests()[1].header("range"), None);
        cache.assert_whole();
    }
    // A date does as well as a tag.
    let date = "Wed, 21 Oct 2015 07:28:00 GMT";
    let headers = [("ETag", "W/\"one\""), ("Last-Modified", date)];
    let server = Server::new(move |request, before, stream| match before {
        0 => send(stream, "200 OK", &headers, FILE.bytes.len(), &FILE.bytes[..HALF]),
        _ => FILE.answer(request, stream),
    });
    let cache = Cache::new();
    cache.fails(&server);
    half(&cache);
    cache.fetch(&server);
    assert_eq!(server.requests()[1].header("if-range"), Some(date));
    cache.assert_whole();
}

#[test]
fn wrong_bytes_leave_nothing() {
    let wrong: &'static [u8] = include_bytes!("../../../../tests/golden/pytorch/plain-old.pth");
    let served = Served { bytes: wrong, ..FILE };
    // At once, and as the rest of something else.
    for cache in [Cache::new(), broken_off()] {
        let server = Server::new(move |request, _, stream| served.answer(request, stream));
        let (code, line) = cache.fails(&server);
        assert_eq!(code, 3);
        assert_says(
            &line,
            &["the SHA-256", &format!("expected was {}", sha256(FILE.bytes)), "nothing of it is kept"],
        );
        assert_eq!(cache.names(), [LOCK]);
    }
    // What was fetched before is not touched.
    let cache = Cache::new();
    cache.fetch(&Server::new(|request, _, stream| FILE.answer(request, stream)));
    let server = Server::new(move |request, _, stream| served.answer(request, stream));
    fault(&cache.command(&own(&server.url(), b"another")).output().unwrap());
    cache.assert_whole();
}

#[test]
fn an_answer_that_is_no_file_is_named_and_leaves_what_was_there() {
    for status in ["404 Not Found", "500 Internal Server Error", "403 Forbidden"] {
        let server = Server::new(move |_, _, stream| send(stream, status, &[], 5, b"sorry"));
        let cache = Cache::new();
        let (code, line) = cache.fails(&server);
        assert_eq!((code, line), (3, format!("error: {}: the server answered {status}\n", server.url())));
        assert_eq!(cache.names(), [LOCK]);
        let cache = broken_off();
        cache.fails(&server);
        half(&cache);
    }
}

#[test]
fn who_sends_nothing_is_given_up_and_who_is_slow_is_not() {
    let stalls = Server::new(|_, _, stream| {
        FILE.cut(HALF, stream);
        server::wait(stream);
    });
    let cache = Cache::new();
    let started = Instant::now();
    let (code, line) = cache.fails(&stalls);
    assert_eq!(code, 3);
    assert_says(&line, &["nothing came for 1 s", &format!("after {HALF} of "), "to go on from there"]);
    assert!(started.elapsed().as_secs() < 20);
    half(&cache);

    // Not even an answer.
    let silent = Server::new(|_, _, stream| server::wait(stream));
    let cache = Cache::new();
    let (code, line) = cache.fails(&silent);
    assert_eq!(code, 3);
    assert_says(&line, &["nothing came for 1 s"]);
    assert_eq!(cache.names(), [LOCK]);

    // In all, three times as long as nothing may come.
    let slow = Server::new(|_, _, stream| {
        send(stream, "200 OK", &[("ETag", FILE.tag)], FILE.bytes.len(), &[]);
        for piece in FILE.bytes.chunks(FILE.bytes.len().div_ceil(10)) {
            stream.write_all(piece).unwrap();
            stream.flush().unwrap();
            server::sleep(300);
        }
    });
    let started = Instant::now();
    cache.fetch(&slow);
    assert!(started.elapsed().as_millis() > 2700);
    cache.assert_whole();
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let cache = Cache::new();
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [format!("http://{unused}/w.pth"), "http://weights.invalid/w.pth".to_owned()] {
        let (code, line) = fault(&cache.command(&own(&url, FILE.bytes)).output().unwrap());
        assert_eq!(code, 3, "{line}");
        assert_says(&line, &[&url]);
        assert_eq!(cache.names(), [LOCK]);
    }
}

/// As far as one gets without a certificate: what answers does not speak TLS.
#[test]
fn https_is_spoken_and_a_bad_answer_is_one_line() {
    let server = Server::new(|_, _, stream| FILE.cut(HALF, stream));
    let cache = Cache::new();
    let url = server.url().replace("http:", "https:");
    let (code, line) = fault(&cache.command(&own(&url, FILE.bytes)).output().unwrap());
    assert_eq!(code, 3, "{line}");
    assert_says(&line, &[&url]);
    assert_eq!(cache.names(), [LOCK]);
}

#[test]
fn too_much_is_not_taken() {
    let huge = (1_usize << 30) + 1;
    let server =
        Server::new(move |_, _, stream| send(stream, "200 OK", &[("ETag", FILE.tag)], huge, &[1; 100]));
    let cache = Cache::new();
    let (code, line) = cache.fails(&server);
    assert_eq!(code, 3);
    assert_says(&line, &["more than 1073741824 bytes", "nothing is kept"]);
    assert_eq!(cache.names(), [LOCK]);
}

/// The hash is right, and yet it is no such network: the user's own doing.
#[test]
fn what_is_no_weights_file_is_said_to_be_none() {
    let vgg16 = include_bytes!("../../../../tests/golden/pytorch/lpips-old.pth");
    for (bytes, part) in [
        (&b"<!doctype html><title>hello"[..], "this is an HTML page"),
        (vgg16, "LPIPS's linear layers"),
        (&FILE.bytes[..HALF], "cut short"),
    ] {
        let served = Served { bytes, ..FILE };
        let server = Server::new(move |request, _, stream| served.answer(request, stream));
        let cache = Cache::new();
        let (code, line) = fault(&cache.command(&own(&server.url(), bytes)).output().unwrap());
        assert_eq!(code, 2, "{line}");
        assert_says(&line, &[&format!("error: {}: ", server.url()), part]);
        assert_eq!(cache.names(), [LOCK]);
    }
}
