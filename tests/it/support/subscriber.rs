//! A subscriber (WebSub) that confirms, refuses, lies, hangs and drips as a test says: a real socket, with threads that
//! end with the process. It keeps every request as it came.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use tokio::time::sleep;
use url::form_urlencoded;

use super::http::{Answer, Client, patiently};

/// The first byte of a connection by TLS.
const TLS_HANDSHAKE: u8 = 22;
/// Between two bytes that drip.
const DRIP: Duration = Duration::from_millis(20);
/// A body that nobody should read.
const HUGE_BYTES: usize = 1 << 30;
/// How long something is watched that must not happen.
const QUIET: Duration = Duration::from_millis(400);

/// What a subscriber answers.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// This status and the challenge, if there is one. With 200: the usual answer to everything.
    Echo(u16),
    /// 200 with the challenge between these texts.
    Around(&'static str, &'static str),
    /// This status and these header lines.
    Status(u16, String),
    /// As usual, after so long.
    Late(Duration),
    /// Nothing.
    Hang,
    /// One byte of the head after another, without end.
    DripHead,
    /// 200, and one byte of the body after another, without end.
    DripBody,
    /// 200 with a gigabyte.
    Huge,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self::Status(status, String::new())
    }

    pub(crate) fn redirect(status: u16, to: &str) -> Self {
        Self::Status(status, format!("Location: {to}\r\n"))
    }

    pub(crate) fn retry_after(status: u16, value: &str) -> Self {
        Self::Status(status, format!("Retry-After: {value}\r\n"))
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// When it was there as a whole.
    pub(crate) at: Instant,
    /// What it was answered.
    pub(crate) reply: Reply,
}

impl Got {
    /// The only header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
        let first = values.next();
        assert_eq!(values.next(), None, "{name} twice");
        first
    }

    /// The target without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Names and values of the query, decoded.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    /// The only parameter of this name.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut values = self.parameters().into_iter().filter(|(found, _)| found == name).map(|(_, value)| value);
        let first = values.next();
        assert_eq!(values.next(), None, "{name} twice");
        first
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Was it answered with 2xx?
    pub(crate) fn was_taken(&self) -> bool {
        !matches!(self.reply, Reply::Hang | Reply::DripHead)
            && !matches!(self.reply, Reply::Echo(status) | Reply::Status(status, _) if !(200..300).contains(&status))
    }
}

/// A subscriber. Callbacks are told apart by their paths.
#[derive(Clone)]
pub(crate) struct Subscriber {
    address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    got: Mutex<Vec<Got>>,
    /// By method and path.
    replies: Mutex<HashMap<(&'static str, String), Reply>>,
    connections: AtomicUsize,
    by_tls: AtomicUsize,
    /// Who did not wait for an answer's end.
    hung_up: AtomicUsize,
    under_way: AtomicUsize,
    under_way_most: AtomicUsize,
    huge_bytes: AtomicUsize,
}

impl Subscriber {
    /// On a host of its own: hosts are told apart by their ports.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let subscriber = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let seen = Arc::clone(&subscriber.seen);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seen = Arc::clone(&seen);
                seen.connections.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || seen.serve(&stream));
            }
        });
        subscriber
    }

    /// Host and port.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The address of a callback.
    pub(crate) fn callback(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// What the questions to this path are answered from now on.
    pub(crate) fn on_question(&self, path: &str, reply: Reply) {
        self.seen.replies.lock().unwrap().insert(("GET", path.to_owned()), reply);
    }

    /// What the deliveries to this path are answered from now on.
    pub(crate) fn on_delivery(&self, path: &str, reply: Reply) {
        self.seen.replies.lock().unwrap().insert(("POST", path.to_owned()), reply);
    }

    /// Everything that came.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.seen.got.lock().unwrap().clone()
    }

    /// How much came.
    pub(crate) fn count(&self) -> usize {
        self.seen.got.lock().unwrap().len()
    }

    fn got_by(&self, method: &str, path: &str) -> Vec<Got> {
        let got = self.seen.got.lock().unwrap();
        got.iter().filter(|got| got.method == method && got.path() == path).cloned().collect()
    }

    /// Verifications and denials of this path.
    pub(crate) fn questions(&self, path: &str) -> Vec<Got> {
        self.got_by("GET", path)
    }

    /// Deliveries to this path.
    pub(crate) fn deliveries(&self, path: &str) -> Vec<Got> {
        self.got_by("POST", path)
    }

    /// Deliveries to this path that were answered with 2xx.
    pub(crate) fn taken(&self, path: &str) -> Vec<Got> {
        self.deliveries(path).into_iter().filter(Got::was_taken).collect()
    }

    /// Waits for so many questions.
    pub(crate) async fn asked(&self, path: &str, count: usize) -> Vec<Got> {
        until(&format!("{count} questions to {path}"), async || self.questions(path).len() >= count).await;
        self.questions(path)
    }

    /// Waits for so many deliveries.
    pub(crate) async fn delivered(&self, path: &str, count: usize) -> Vec<Got> {
        until(&format!("{count} deliveries to {path}"), async || self.deliveries(path).len() >= count).await;
        self.deliveries(path)
    }

    /// Waits for a delivery that holds this text and was taken.
    pub(crate) async fn has(&self, path: &str, text: &str) -> Got {
        let found = || self.taken(path).into_iter().find(|got| got.text().contains(text));
        until(&format!("{text} at {path}"), async || found().is_some()).await;
        found().unwrap()
    }

    /// Shows that no more than so many deliveries come. Others of the same event have come already.
    pub(crate) async fn stays_at(&self, path: &str, count: usize) {
        sleep(QUIET).await;
        let titles: Vec<_> = self.deliveries(path).iter().map(|got| (got.reply.clone(), got.text())).collect();
        assert_eq!(titles.len(), count, "{path}: {titles:?}");
    }

    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Connections by TLS so far.
    pub(crate) fn by_tls(&self) -> usize {
        self.seen.by_tls.load(Ordering::SeqCst)
    }

    /// How often the other side did not wait for the end of an answer.
    pub(crate) fn hung_up(&self) -> usize {
        self.seen.hung_up.load(Ordering::SeqCst)
    }

    /// Requests that are not answered yet.
    pub(crate) fn under_way(&self) -> usize {
        self.seen.under_way.load(Ordering::SeqCst)
    }

    /// How many were at a time, at most.
    pub(crate) fn under_way_most(&self) -> usize {
        self.seen.under_way_most.load(Ordering::SeqCst)
    }

    /// Bytes of huge answers that could be written.
    pub(crate) fn huge_bytes(&self) -> usize {
        self.seen.huge_bytes.load(Ordering::SeqCst)
    }
}

impl Seen {
    /// One request after another, until an answer has no end.
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(got) = self.read(&mut reader) {
            self.got.lock().unwrap().push(got.clone());
            let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.under_way_most.fetch_max(under_way, Ordering::SeqCst);
            let goes_on = self.reply(stream, &got);
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            if !goes_on {
                return;
            }
        }
    }

    /// `None` at the end of the connection, or if it speaks TLS.
    fn read(&self, reader: &mut BufReader<&TcpStream>) -> Option<Got> {
        if *reader.fill_buf().ok()?.first()? == TLS_HANDSHAKE {
            self.by_tls.fetch_add(1, Ordering::SeqCst);
            return None;
        }
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            if line.trim_end().is_empty() {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let mut words = lines.first()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let header =
            |line: &String| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
        let headers = lines.iter().skip(1).filter_map(header).collect();
        let mut got = Got { method, target, headers, body: Vec::new(), at: Instant::now(), reply: Reply::Echo(200) };
        let length = got.header("content-length").map_or(0, |length| length.parse().unwrap());
        got.body = vec![0; length];
        reader.read_exact(&mut got.body).ok()?;
        let replies = self.replies.lock().unwrap();
        let said = replies.iter().find(|((method, path), _)| *method == got.method && *path == got.path());
        let reply = said.map_or(Reply::Echo(200), |(_, reply)| reply.clone());
        Some(Got { at: Instant::now(), reply, ..got })
    }

    /// Answers; false if nothing can come after that.
    fn reply(&self, mut stream: &TcpStream, got: &Got) -> bool {
        let challenge = got.parameters().into_iter().rev().find(|(name, _)| name == "hub.challenge");
        let challenge = challenge.map(|(_, value)| value).unwrap_or_default();
        match &got.reply {
            Reply::Echo(status) => answer(stream, *status, "", &challenge),
            Reply::Around(before, after) => answer(stream, 200, "", &format!("{before}{challenge}{after}")),
            Reply::Status(status, headers) => answer(stream, *status, headers, "no\n"),
            Reply::Late(time) => {
                thread::sleep(*time);
                answer(stream, 200, "", &challenge)
            }
            Reply::Hang => {
                // Ends when the other side closes.
                drop(stream.read(&mut [0]));
                self.hung_up.fetch_add(1, Ordering::SeqCst);
                false
            }
            Reply::DripHead => self.drip(stream, "HTTP/1.1 200 OK\r\nX-Drip: "),
            Reply::DripBody => self.drip(stream, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"),
            Reply::Huge => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {HUGE_BYTES}\r\n\r\n");
                let chunk = vec![b'x'; 1 << 16];
                let mut open = stream.write_all(head.as_bytes()).is_ok();
                while open && self.huge_bytes.load(Ordering::SeqCst) < HUGE_BYTES {
                    open = stream.write_all(&chunk).is_ok();
                    self.huge_bytes.fetch_add(chunk.len(), Ordering::SeqCst);
                }
                false
            }
        }
    }

    fn drip(&self, mut stream: &TcpStream, head: &str) -> bool {
        let mut open = stream.write_all(head.as_bytes()).is_ok();
        while open {
            thread::sleep(DRIP);
            open = stream.write_all(b"x").is_ok();
        }
        self.hung_up.fetch_add(1, Ordering::SeqCst);
        false
    }
}

/// As the Recommendation wants it of subscribers (5.3.1, 8.2): of a type that nobody runs.
fn answer(mut stream: &TcpStream, status: u16, headers: &str, body: &str) -> bool {
    let body = if status == 204 { "" } else { body };
    let length = if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!(
        "HTTP/1.1 {status} Said\r\nContent-Type: application/octet-stream\r\nX-Content-Type-Options: nosniff\r\n\
         {headers}{length}\r\n"
    );
    stream.write_all((head + body).as_bytes()).is_ok()
}

/// Sends a body to the hub.
pub(crate) async fn post(hub: SocketAddr, headers: &[&str], body: &[u8]) -> Answer {
    let mut client = Client::connect(hub).await;
    let headers: String = headers.iter().map(|line| [*line, "\r\n"].concat()).collect();
    let head = format!("POST /hub HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    client.send([head.as_bytes(), body].concat()).await;
    client.answer(false).await.expect("an answer of the hub")
}

/// Sends a form to the hub, as subscribers do.
pub(crate) async fn ask(hub: SocketAddr, fields: &[(&str, &str)]) -> Answer {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    post(hub, &["Content-Type: application/x-www-form-urlencoded"], form.as_bytes()).await
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !done().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    patiently(what, waiting).await;
}

/// HMAC-SHA256 (RFC 2104), in hexadecimal: written out, so that nothing of the program's own is believed.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> String {
    let short = if key.len() > 64 { Sha256::digest(key).to_vec() } else { key.to_vec() };
    let mut block = [0; 64];
    block[..short.len()].copy_from_slice(&short);
    let pad = |with: u8| block.map(|byte: u8| byte ^ with);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    outer.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// RFC 4231 sections 4.3 and 4.7: a short key, and one that is longer than a block.
#[test]
fn the_check_of_signatures_is_right() {
    let signed = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
    assert_eq!(signed, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    let signed = hmac_sha256(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
    assert_eq!(signed, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
