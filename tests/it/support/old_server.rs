//! The server that a paper had before: documents by path, packed, behind redirects, or as badly as a test wants.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Answers on a thread of its own, which ends with the process. `/moved/X` leads to `/X`, `/round` to itself, `/silent`
/// never answers, `/half` breaks off, and `/bomb` unpacks to a megabyte.
pub(crate) struct OldServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl OldServer {
    /// With these documents.
    pub(crate) fn start(documents: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let documents: Vec<(String, String)> =
            documents.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&requests);
        thread::spawn(move || {
            // Held, so that what is silent stays connected.
            let mut silent = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                let request = head(&stream);
                let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                heard.lock().unwrap().push(request.to_ascii_lowercase().replace("loa/", "Loa/"));
                match answer(&path, &documents) {
                    Some(bytes) => drop((&stream).write_all(&bytes)),
                    None => silent.push(stream),
                }
            }
        });
        Self { address, requests }
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn head(stream: &TcpStream) -> String {
    BufReader::new(stream)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

fn answer(path: &str, documents: &[(String, String)]) -> Option<Vec<u8>> {
    let redirect = |to: &str| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes();
    let document = documents.iter().find(|(known, _)| known == path);
    Some(match (path, document) {
        ("/silent", _) => return None,
        ("/round", _) => redirect("/round"),
        ("/nowhere", _) => redirect("http://["),
        ("/half", _) => b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<rss".to_vec(),
        ("/no-http", _) => b"SSH-2.0-x\r\n\r\n".to_vec(),
        ("/brotli", _) => b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 0\r\n\r\n".to_vec(),
        ("/bomb", _) => packed(&" ".repeat(1_000_000)),
        (_, Some((_, text))) => packed(text),
        _ => match path.strip_prefix("/moved") {
            Some(rest) => redirect(rest),
            None => b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(),
        },
    })
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    let body = encoder.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}
