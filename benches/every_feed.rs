//! What a whole newsroom costs the real program: it imports the demo's articles, is started on them, and answers for
//! every feed that it lists, in every format, once. Fails on any answer but 200 and on any warning in the log.
//!
//! `cargo bench --bench every_feed` takes 100,000 articles and some minutes; `-- 5000` after it takes 5,000.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a benchmark")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use loa::demo::{Newsroom, Options};
use loa::domain::article::{Article, Media, Status};
use loa::domain::category::{Category, CategoryId};
use loa::domain::format::Format;
use loa::domain::point::Point;
use serde_json::{Value, json};

/// Articles, unless an argument says otherwise.
const ARTICLES: u64 = 100_000;
/// The newest article is of this time: every article counts as published, and no run differs from another.
const ANCHOR: &str = "2026-03-18T00:00:00Z";
/// Connections that ask at the same time, each for one document after the other.
const CONNECTIONS: usize = 4;
/// How often it is asked whether the service is ready.
const READY_EVERY: Duration = Duration::from_millis(50);
/// Wrong answers that are shown.
const SHOWN_MAX: usize = 10;

fn main() -> ExitCode {
    // `cargo bench` passes `--bench`.
    let articles = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(ARTICLES);
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("articles.ndjson");
    let mut table = String::new();
    let mut told = |what: &str, value: String| writeln!(table, "{what:<34}{value:>16}").unwrap();

    let begun = Instant::now();
    write_articles(articles, &source).unwrap();
    told("articles", articles.to_string());
    told("NDJSON", megabytes(fs::metadata(&source).unwrap().len()));
    told("made in", seconds(begun));

    let begun = Instant::now();
    import(directory.path());
    told("imported in", seconds(begun));
    fs::remove_file(&source).unwrap();

    let begun = Instant::now();
    let server = Server::start(directory.path());
    server.until_ready();
    told("from the start to ready", seconds(begun));
    told("memory when ready", server.memory("VmRSS"));

    let paths = server.listed();
    told("feeds listed", paths.len().to_string());
    let paths: Vec<String> = paths
        .iter()
        .flat_map(|path| Format::ALL.map(|format| path.replacen(".rss", &format!(".{format}"), 1)))
        .collect();
    let begun = Instant::now();
    let answers = server.ask_all(&paths);
    told("documents, each once", answers.len().to_string());
    told("bytes", megabytes(answers.iter().map(|answer| answer.bytes).sum()));
    told("answered in", seconds(begun));
    let mut took: Vec<Duration> = answers.iter().map(|answer| answer.took).collect();
    took.sort_unstable();
    told("a document, the middle one", format!("{:.1} ms", middle(&took).as_secs_f64() * 1e3));
    told("a document, the slowest", format!("{:.1} ms", took.last().unwrap().as_secs_f64() * 1e3));
    told("memory after all", server.memory("VmRSS"));
    told("memory at most", server.memory("VmHWM"));

    let warnings = server.stop();
    told("warnings in the log", warnings.len().to_string());
    let failed = answers.iter().filter(|answer| answer.status != 200);
    let failed: Vec<String> = failed.map(|answer| format!("{} {}", answer.status, answer.path)).collect();
    told("answers but 200", failed.len().to_string());
    let wrong = [failed, warnings].concat();
    println!("{table}{}", wrong.iter().take(SHOWN_MAX).fold(String::new(), |text, line| text + line + "\n"));
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn seconds(begun: Instant) -> String {
    format!("{:.1} s", begun.elapsed().as_secs_f64())
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}

fn middle(sorted: &[Duration]) -> Duration {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// The newspaper, an article a line, as `docs/STORE.md` names its fields. The first is a draft in all sections: they are
/// made in its order.
fn write_articles(count: u64, path: &Path) -> io::Result<()> {
    let newsroom = Newsroom::new(Options { articles: count, seed: 1, anchor: ANCHOR.parse().unwrap() }).unwrap();
    let mut file = BufWriter::new(File::create(path)?);
    let sections: Vec<Value> = newsroom.categories().iter().map(section).collect();
    writeln!(file, "{}", json!({"id": "sections", "title": "Sections", "status": "draft", "categories": sections}))?;
    for article in newsroom.articles() {
        writeln!(file, "{}", line(&article))?;
    }
    file.flush()
}

fn section(category: &Category) -> Value {
    let parent = category.parent_id.as_ref().map(CategoryId::as_str);
    json!({"id": category.id.as_str(), "slug": category.slug, "name": category.name, "parent": parent})
}

fn line(article: &Article) -> Value {
    let status = match article.status {
        Status::Published => "published",
        Status::Draft => "draft",
        Status::Withdrawn => "withdrawn",
    };
    json!({
        "id": article.id.as_str(),
        "url": article.url,
        "slug": article.slug,
        "title": article.title,
        "lead": article.lead,
        "body_html": article.body_html,
        "byline": article.byline,
        "status": status,
        "published_at": article.published_at.map(|at| at.to_rfc3339()),
        "updated_at": article.updated_at.map(|at| at.to_rfc3339()),
        "embargo_until": article.embargo_until.map(|at| at.to_rfc3339()),
        "correction": article.correction,
        "latitude": article.point.map(Point::latitude),
        "longitude": article.point.map(Point::longitude),
        "categories": article.categories.iter().map(CategoryId::as_str).collect::<Vec<_>>(),
        "localities": article.localities,
        "tags": article.tags,
        "media": article.media.iter().map(picture).collect::<Vec<_>>(),
    })
}

fn picture(media: &Media) -> Value {
    json!({
        "url": media.url,
        "type": media.mime_type,
        "length": media.length,
        "width": media.width,
        "height": media.height,
        "role": media.role,
        "caption": media.caption,
        "credit": media.credit,
        "alt": media.alt,
    })
}

/// The program with its own settings only. Everything that it writes stands below the directory.
fn loa(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loa"));
    command.args(args).env_clear().env("LOA_HTTP_METRICS_LISTEN", "").current_dir(directory);
    command
}

fn import(directory: &Path) {
    let output = loa(directory, &["import", "articles.ndjson"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", told.lines().last().unwrap_or_default());
}

/// The service, which is killed if the bench ends before it.
struct Server {
    process: Child,
    address: String,
    log: std::path::PathBuf,
}

/// One answer.
struct Answer {
    path: String,
    status: u16,
    bytes: u64,
    took: Duration,
}

impl Server {
    fn start(directory: &Path) -> Self {
        let log = directory.join("log");
        let mut command = loa(directory, &["serve", "--listen", "127.0.0.1:0"]);
        let command = command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.strip_prefix("serving at http://").and_then(|rest| rest.split('/').next());
        let address = address.unwrap_or_else(|| panic!("{line}{}", fs::read_to_string(&log).unwrap())).to_owned();
        Self { process, address, log }
    }

    fn until_ready(&self) {
        let mut client = Client::connect(&self.address);
        while client.get("/readyz").0 != 200 {
            thread::sleep(READY_EVERY);
        }
    }

    /// A line of `/proc/PID/status`: what the kernel says the process holds.
    fn memory(&self, name: &str) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        megabytes(kibibytes * 1024)
    }

    /// The paths of all feeds in OPML.
    fn listed(&self) -> Vec<String> {
        let (status, body) = Client::connect(&self.address).get("/opml.xml");
        assert_eq!(status, 200);
        let text = String::from_utf8(body).unwrap();
        let base = format!("http://{}", self.address);
        let addresses = text.split("xmlUrl=\"").skip(1).filter_map(|rest| rest.split('"').next());
        addresses.map(|address| address.strip_prefix(&base).unwrap().to_owned()).collect()
    }

    fn ask_all(&self, paths: &[String]) -> Vec<Answer> {
        let next = AtomicUsize::new(0);
        let ask = || {
            let mut client = Client::connect(&self.address);
            let mut answers = Vec::new();
            while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                let begun = Instant::now();
                let (status, body) = client.get(path);
                let bytes = u64::try_from(body.len()).unwrap();
                answers.push(Answer { path: path.clone(), status, bytes, took: begun.elapsed() });
            }
            answers
        };
        thread::scope(|scope| {
            let asking: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        })
    }

    /// Ends it as an init system would; tells the warnings and errors in its log.
    fn stop(mut self) -> Vec<String> {
        let sent = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success() && self.process.wait().unwrap().success());
        let log = fs::read_to_string(&self.log).unwrap();
        let is_warning = |line: &&str| line.contains(" WARN ") || line.contains(" ERROR ");
        log.lines().filter(is_warning).map(str::to_owned).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// A connection that stays open as long as the service keeps it.
struct Client {
    address: String,
    connection: BufReader<TcpStream>,
}

impl Client {
    fn connect(address: &str) -> Self {
        Self { address: address.to_owned(), connection: BufReader::new(TcpStream::connect(address).unwrap()) }
    }

    /// Status and body. Every answer of ours has a length.
    fn get(&mut self, path: &str) -> (u16, Vec<u8>) {
        write!(self.connection.get_mut(), "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let head = self.head();
        let status = head.split(' ').nth(1).unwrap_or_else(|| panic!("{path}: {head}")).parse().unwrap();
        let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let length = value("content-length:").unwrap_or_else(|| panic!("{path}: {head}")).parse().unwrap();
        let mut body = vec![0; length];
        self.connection.read_exact(&mut body).unwrap();
        if value("connection:") == Some("close") {
            *self = Self::connect(&self.address);
        }
        (status, body)
    }

    fn head(&mut self) -> String {
        let mut head = String::new();
        while self.connection.read_line(&mut head).unwrap() > "\r\n".len() {}
        head
    }
}
