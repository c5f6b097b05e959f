//! An ordinary HTTP cache in front: Debian's nginx, which is told nothing about Loa but where it is, and obeys its headers.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::http::{Answer, Client, patiently};
use crate::support::newsroom::small;
use crate::support::process::Served;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

const HOST: &[&str] = &["Host: localhost"];
const FEED: &str = "/feeds/all.json";
/// Beside the paths of an ordinary user's programs.
const PROGRAMS: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/// A free address, as far as one can know.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// nginx in a directory of its own. Killed at the end of the test.
struct Nginx {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
}

impl Nginx {
    async fn before(loa: SocketAddr, address: SocketAddr) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("nginx.conf"), configuration(loa, address)).unwrap();
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(directory.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
        command.env("PATH", PROGRAMS).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("nginx, which tests/run installs");
        let mut nginx = Self { child, address, directory };
        let listening = async {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                let log = fs::read_to_string(nginx.directory.path().join("log")).unwrap();
                assert_eq!(nginx.child.try_wait().unwrap(), None, "{log}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        patiently("nginx", listening).await;
        nginx
    }

    async fn ask(&self, line: &str, headers: &[&str]) -> Answer {
        Client::connect(self.address).await.ask(line, &[HOST, headers].concat()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[]).await
    }

    /// Does a file of the cache hold this?
    fn stores(&self, text: &str) -> bool {
        fn holds(path: &Path, text: &[u8]) -> bool {
            fs::read_dir(path).unwrap().map(Result::unwrap).any(|entry| {
                let held =
                    || fs::read(entry.path()).unwrap_or_default().windows(text.len()).any(|window| window == text);
                if entry.file_type().unwrap().is_dir() { holds(&entry.path(), text) } else { held() }
            })
        }
        holds(&self.directory.path().join("cache"), text.as_bytes())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // In the foreground and alone: there is no worker that would stay.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// As `docs/SCALING.md` and `docs/OPERATIONS.md` say. No `proxy_cache_use_stale` and no `proxy_cache_valid`: how long what may be used, Loa says.
fn configuration(loa: SocketAddr, address: SocketAddr) -> String {
    format!(
        "daemon off; master_process off; pid nginx.pid;
         events {{ worker_connections 64; }}
         http {{
             access_log off;
             client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
             proxy_cache_path cache keys_zone=feeds:1m inactive=10m use_temp_path=off;
             map $http_accept_encoding $coding {{ ~zstd zstd; ~br br; ~gzip gzip; default identity; }}
             map $remote_addr$http_x_purge $purge {{ 127.0.0.11 1; default \"\"; }}
             server {{
                 listen {address};
                 location / {{
                     proxy_pass http://{loa};
                     proxy_http_version 1.1;
                     proxy_set_header Connection \"\";
                     proxy_set_header Host localhost;
                     proxy_set_header Accept-Encoding $coding;
                     proxy_cache feeds;
                     proxy_cache_key $host$uri$coding;
                     proxy_ignore_headers Vary;
                     proxy_cache_lock on;
                     proxy_cache_revalidate on;
                     proxy_cache_background_update on;
                     proxy_cache_bypass $purge;
                     add_header X-Cache $upstream_cache_status always;
                 }}
             }}
         }}"
    )
}

/// How the cache got its answer.
fn by(answer: &Answer) -> String {
    answer.header("x-cache").unwrap_or_default()
}

struct Line {
    directory: TempDir,
    served: Served,
    nginx: Nginx,
    metrics: SocketAddr,
}

/// A service with a cache in front; `lines` of the configuration may name the cache as `CACHE`.
async fn line(db: &Sqlite, lines: &str) -> Line {
    let (directory, metrics, address) = (tempfile::tempdir().unwrap(), free(), free());
    let lines = lines.replace("CACHE", &address.to_string());
    let text = format!(
        "store.url = \"{}\"\nstore.poll_interval_ms = 100\nhttp.metrics_listen = \"{metrics}\"\n{lines}\n",
        db.url()
    );
    fs::write(directory.path().join("loa.toml"), text).unwrap();
    let served = Served::start(directory.path(), &["--config", "loa.toml"]);
    let nginx = Nginx::before(served.address, address).await;
    Line { directory, served, nginx, metrics }
}

/// The same with articles, once they are served.
async fn filled(db: &Sqlite, lines: &str) -> Line {
    db.sql(&small()).await;
    let line = line(db, lines).await;
    let mut client = line.served.connect().await;
    until("the first reading", async || client.ask("GET /readyz", HOST).await.status == 200).await;
    line
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    patiently(what, waiting).await;
}

async fn edit(db: &Sqlite, title: &str) {
    db.sql(&format!("UPDATE articles SET title = '{title}', updated_at = '2026-03-18 09:00:00' WHERE id = '1'")).await;
}

#[tokio::test]
async fn an_update_appears_in_time_while_nobody_waits_for_it() {
    on::<Sqlite>(async |db| {
        let line = filled(db, "http.cache_max_age_seconds = 1").await;
        let first = line.nginx.get(FEED).await;
        assert_eq!((first.status, by(&first).as_str()), (200, "MISS"));
        let control = first.header("cache-control").unwrap();
        assert!(control.contains("max-age=1,") && control.contains("stale-while-revalidate=60"), "{control}");
        let again = line.nginx.get(FEED).await;
        assert_eq!((by(&again).as_str(), again.body == first.body), ("HIT", true));

        // Not changed: the cache asks with the validators, beside the answers that it gives, and is told so.
        until("a revalidation", async || {
            let answer = line.nginx.get(FEED).await;
            assert!(["HIT", "STALE", "UPDATING"].contains(&by(&answer).as_str()), "{}", by(&answer));
            assert_eq!((answer.header("etag"), answer.body == first.body), (first.header("etag"), true));
            let page = Client::connect(line.metrics).await.ask("GET /metrics", HOST).await.text();
            page.contains("loa_http_requests_total{kind=\"feed\",class=\"304\"}")
        })
        .await;

        // Changed: what it has meanwhile is the whole old document, then the whole new one, never the old one again.
        edit(db, "Tin vừa sửa").await;
        until("the update", async || {
            let answer = line.nginx.get(FEED).await;
            assert!(["HIT", "STALE", "UPDATING"].contains(&by(&answer).as_str()), "nobody waits: {}", by(&answer));
            let new = answer.text().contains("Tin vừa sửa");
            assert!(new || answer.body == first.body);
            new
        })
        .await;
        assert!(line.nginx.get(FEED).await.text().contains("Tin vừa sửa"));
    })
    .await;
}

#[tokio::test]
async fn codings_are_kept_apart_and_head_has_the_same_headers() {
    on::<Sqlite>(async |db| {
        let line = filled(db, "").await;
        let mut etags = Vec::new();
        for coding in ["gzip", "br", "zstd", "identity"] {
            let accept = format!("Accept-Encoding: {coding}");
            let ask = async |method: &str| line.nginx.ask(&format!("{method} {FEED}"), &[&accept]).await;
            let (first, second) = (ask("GET").await, ask("GET").await);
            assert_eq!((by(&first).as_str(), by(&second).as_str()), ("MISS", "HIT"), "{coding}");
            let expected = (coding != "identity").then(|| coding.to_owned());
            assert_eq!(
                (first.header("content-encoding"), second.header("content-encoding")),
                (expected.clone(), expected)
            );
            assert_eq!((second.status, &second.body), (200, &first.body));
            let etag = second.header("etag").unwrap();
            let not_modified =
                line.nginx.ask(&format!("GET {FEED}"), &[&accept, &format!("If-None-Match: {etag}")]).await;
            assert_eq!((not_modified.status, not_modified.header("etag")), (304, Some(etag.clone())));
            let head = ask("HEAD").await;
            assert_eq!((head.status, head.header("etag"), by(&head)), (200, Some(etag.clone()), "HIT".to_owned()));
            assert_eq!(head.header("content-length"), second.header("content-length"));
            etags.push(etag);
        }
        etags.sort();
        etags.dedup();
        assert_eq!(etags.len(), 4);
    })
    .await;
}

#[tokio::test]
async fn what_is_private_or_passing_is_not_stored() {
    on::<Sqlite>(async |db| {
        // A newsroom without tables: nothing was ever read.
        let line = line(db, "").await;
        let twice = async |path: &str, status: u16| {
            for _ in 0..2 {
                let answer = line.nginx.get(path).await;
                let control = answer.header("cache-control");
                assert_eq!((answer.status, by(&answer).as_str()), (status, "MISS"), "{path}");
                assert_eq!(control.as_deref(), Some("no-store"), "{path}");
            }
        };
        twice(FEED, 503).await;
        twice("/", 503).await;
        twice("/opml.xml", 503).await;
        twice("/readyz", 503).await;
        twice("/healthz", 200).await;
        assert!(!line.nginx.stores("HTTP/1.1"), "nothing is stored");

        db.sql(&small()).await;
        until("the feed", async || line.nginx.get(FEED).await.status == 200).await;
        twice("/readyz", 200).await;
        let posted = line.nginx.ask(&format!("DELETE {FEED}"), &[]).await;
        assert_eq!(posted.status, 405);
        assert!(line.nginx.stores(FEED) && !line.nginx.stores("change_detection"));
        // That there is nothing may be remembered for a minute.
        let missing = line.nginx.get("/feeds/tag/khong-co.rss").await;
        assert_eq!((missing.status, missing.header("cache-control").as_deref()), (404, Some("public, max-age=60")));
    })
    .await;
}

#[tokio::test]
async fn what_a_cache_has_is_given_while_the_service_is_down() {
    on::<Sqlite>(async |db| {
        let lines = "http.cache_max_age_seconds = 1\nhttp.stale_while_revalidate_seconds = 0";
        let Line { served, nginx, directory, .. } = filled(db, lines).await;
        let before = nginx.get(FEED).await;
        assert_eq!((before.status, by(&before).as_str()), (200, "MISS"));
        served.terminate();
        assert_eq!(served.ended(), Some(0));
        until("the stale answer", async || {
            let answer = nginx.get(FEED).await;
            assert_eq!((answer.status, answer.body == before.body), (200, true), "{}", by(&answer));
            by(&answer) == "STALE"
        })
        .await;
        assert_eq!(nginx.get("/feeds/all.atom").await.status, 502, "it never had that one");
        drop(directory);
    })
    .await;
}

/// Fresh for longer than the test waits; the purge hook has the cache ask again all the same, in every coding.
#[tokio::test]
async fn with_a_purge_hook_an_update_appears_at_once() {
    on::<Sqlite>(async |db| {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/purge-nginx");
        let lines = format!(
            "http.cache_max_age_seconds = 120\nsite.base_url = \"http://localhost/\"\n\
             purge.command = [\"{}\", \"http://CACHE\"]",
            program.display()
        );
        let line = filled(db, &lines).await;
        let gzip = "Accept-Encoding: deflate, gzip;q=0.9";
        let (plain, packed) = (line.nginx.get(FEED).await, line.nginx.ask(&format!("GET {FEED}"), &[gzip]).await);
        assert_eq!((plain.status, packed.header("content-encoding").as_deref()), (200, Some("gzip")));
        edit(db, "Tin xóa bộ đệm").await;
        until("the update", async || {
            let answer = line.nginx.get(FEED).await;
            assert_eq!((answer.status, by(&answer).as_str()), (200, "HIT"));
            answer.text().contains("Tin xóa bộ đệm")
        })
        .await;
        until("the update in gzip", async || {
            let answer = line.nginx.ask(&format!("GET {FEED}"), &[gzip]).await;
            assert_eq!((answer.status, by(&answer).as_str()), (200, "HIT"));
            answer.header("etag") != packed.header("etag")
        })
        .await;
    })
    .await;
}
