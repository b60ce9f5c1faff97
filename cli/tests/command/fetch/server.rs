//! A small HTTP server on this machine, which does with each request what a test wants.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// A request; header names are in lower case.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub line: String,
    pub headers: BTreeMap<String, String>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub fn read(stream: &TcpStream) -> Option<Self> {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let line = lines.next()?;
        let headers = lines
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split_once(": ").map(|(k, v)| (k.to_lowercase(), v.to_owned())))
            .collect();
        Some(Self { line, headers })
    }
}

pub struct Server {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// `answer` is given each request, the number of those before it, and the connection.
    pub fn new(answer: impl Fn(&Request, usize, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(vec![]));
        let (all, answer) = (Arc::clone(&requests), Arc::new(answer));
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
                thread::spawn(move || {
                    let Some(request) = Request::read(&stream) else { return };
                    let mut all = all.lock().unwrap();
                    let before = all.len();
                    all.push(request.clone());
                    drop(all);
                    answer(&request, before, &mut stream);
                });
            }
        });
        Self { address, requests }
    }

    pub fn url(&self) -> String {
        format!("http://{}/files/w.pth", self.address)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// A file on a server, with the tag that it has now.
#[derive(Clone, Copy)]
pub struct Served {
    pub bytes: &'static [u8],
    pub tag: &'static str,
}

impl Served {
    /// As a server should: the range that was asked for, if the file is still the same.
    pub fn answer(self, request: &Request, stream: &mut TcpStream) {
        let Self { bytes, tag } = self;
        let start =
            request.header("range").filter(|_| request.header("if-range") == Some(tag)).map(|range| {
                range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse::<usize>().unwrap()
            });
        let length = bytes.len();
        match start {
            None => send(stream, "200 OK", &[("ETag", tag)], length, bytes),
            Some(start) if start < length => {
                let range = format!("bytes {start}-{}/{length}", length - 1);
                let headers = [("ETag", tag), ("Content-Range", &range)];
                send(stream, "206 Partial Content", &headers, length - start, &bytes[start..]);
            }
            Some(_) => {
                let range = format!("bytes */{length}");
                send(stream, "416 Range Not Satisfiable", &[("Content-Range", &range)], 0, &[]);
            }
        }
    }

    /// The first bytes only, whatever is asked for, and then the end of the connection.
    pub fn cut(self, count: usize, stream: &mut TcpStream) {
        send(stream, "200 OK", &[("ETag", self.tag)], self.bytes.len(), &self.bytes[..count]);
    }
}

/// An answer that announces `length` bytes. The connection ends with it.
pub fn send(stream: &mut TcpStream, status: &str, headers: &[(&str, &str)], length: usize, body: &[u8]) {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    // Whoever asked may be gone.
    let _ = stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(body));
}

/// Until the other side goes away.
pub fn wait(stream: &mut TcpStream) {
    let _ = stream.read(&mut [0]);
}

pub fn sleep(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}
