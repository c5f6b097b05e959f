//! How PostgreSQL wakes whoever follows the change log, when nobody ever waits for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use loa::store::install::{self, Wishes};
use loa::store::log::LogRead;
use loa::store::{ArticleStore, Options, open};
use loa::text::stamp::Zones;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

use crate::support::newsroom::TABLES;
use crate::support::postgres::Postgres;
use crate::support::proxy::Proxy;
use crate::support::{Database, on};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one waits at a time: shorter than it takes to connect here.
const MOMENT: Duration = Duration::from_millis(20);
/// The same, as the engine does.
const TURN: Duration = Duration::from_millis(500);
/// How long a message takes.
const DELAY: Duration = Duration::from_millis(30);

fn options() -> Options {
    Options { schema: None, prefix: String::new(), zones: Zones::default(), query_timeout_ms: 60_000 }
}

async fn install(db: &impl Database) {
    db.sql(TABLES).await;
    let wishes = Wishes { id: "first".to_owned(), ..Wishes::default() };
    let script = install::script(&db.url(), &options(), &wishes).await.unwrap();
    install::run(&db.url(), &script).await.unwrap();
}

/// Waits a moment at a time, as the engine does.
async fn woken_in_moments(store: &dyn ArticleStore) {
    let begun = Instant::now();
    while tokio::time::timeout(MOMENT, store.woken()).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "never woken");
    }
}

/// Where a line to a server begins: who listens there, the server, and the database's address by that line.
async fn line_to(url: &str) -> (TcpListener, String, String) {
    let mut url = Url::parse(url).unwrap();
    let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    url.query_pairs_mut().append_pair("sslmode", "disable");
    (listener, server, url.into())
}

/// A line to a server that is far away. Counts the connections.
async fn far_away(url: &str, count: Arc<AtomicU32>, tasks: &mut JoinSet<()>) -> String {
    let (listener, server, url) = line_to(url).await;
    tasks.spawn(async move {
        let mut lines = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = TcpStream::connect(&server).await.unwrap().into_split();
            lines.spawn(slowly(from_client, to_server));
            lines.spawn(slowly(from_server, to_client));
        }
    });
    url
}

async fn slowly(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        tokio::time::sleep(DELAY).await;
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_connection_that_takes_longer_than_anybody_waits_is_made() {
    on::<Postgres>(async |db| {
        install(db).await;
        let (count, mut tasks) = (Arc::new(AtomicU32::new(0)), JoinSet::new());
        let store = open(&far_away(&db.url(), Arc::clone(&count), &mut tasks).await, &options()).unwrap();
        woken_in_moments(&*store).await;
        assert!(count.load(Ordering::Relaxed) <= 2, "one to look around, one to listen: {count:?}");
        db.sql("INSERT INTO articles (id) VALUES ('1')").await;
        woken_in_moments(&*store).await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_refuses_is_not_asked_all_the_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://loa@{}/newsroom?sslmode=disable", listener.local_addr().unwrap());
    let store = open(&url, &options()).unwrap();
    let (mut refused, mut waits) = (0, 0);
    while waits < 100 {
        tokio::select! {
            refusal = listener.accept() => {
                drop(refusal);
                refused += 1;
            }
            _ = tokio::time::timeout(MOMENT, store.woken()) => waits += 1,
        }
    }
    assert!((1..20).contains(&refused), "{refused} in {waits} waits");
}

/// A line to a server that drops who listens as soon as he does, as some poolers do. Counts those.
async fn unfit_to_listen(url: &str, count: Arc<AtomicU32>, tasks: &mut JoinSet<()>) -> String {
    let (listener, server, url) = line_to(url).await;
    tasks.spawn(async move {
        let mut lines = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.unwrap();
            lines.spawn(until_it_listens(client, server, Arc::clone(&count)));
        }
    });
    url
}

async fn until_it_listens(mut client: TcpStream, mut server: TcpStream, count: Arc<AtomicU32>) {
    let (mut asked, mut answered) = ([0; 4096], [0; 4096]);
    let mut listens = false;
    loop {
        tokio::select! {
            Ok(read @ 1..) = client.read(&mut asked) => {
                listens |= asked[..read].windows(7).any(|word| word == b"LISTEN ");
                if server.write_all(&asked[..read]).await.is_err() {
                    return;
                }
            }
            Ok(read @ 1..) = server.read(&mut answered) => {
                if client.write_all(&answered[..read]).await.is_err() {
                    return;
                }
                if listens {
                    count.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            }
            else => return,
        }
    }
}

/// Whoever waits there is woken by the loss and by the next connection, and would go round as fast as these are made.
#[tokio::test]
async fn a_connection_that_is_lost_as_soon_as_it_is_made_is_not_made_all_the_time() {
    on::<Postgres>(async |db| {
        install(db).await;
        let (count, mut tasks, mut quiet) = (Arc::new(AtomicU32::new(0)), JoinSet::new(), 0);
        let url = unfit_to_listen(&db.url(), Arc::clone(&count), &mut tasks).await;
        let store = open(&url, &options()).unwrap();
        while quiet < 100 {
            quiet += u32::from(tokio::time::timeout(MOMENT, store.woken()).await.is_err());
            assert!(count.load(Ordering::Relaxed) < 20, "in {quiet} moments");
        }
        assert!(count.swap(0, Ordering::Relaxed) > 1, "it is tried again");

        // State says when it was written in the same way.
        let state = loa::state::open(&url).await.unwrap();
        quiet = 0;
        while quiet < 5 {
            quiet += u32::from(tokio::time::timeout(TURN, state.woken()).await.is_err());
            assert!(count.load(Ordering::Relaxed) < 20, "in {quiet} turns");
        }
        assert!(count.load(Ordering::Relaxed) > 1, "it is tried again");
    })
    .await;
}

/// A cable that is cut says nothing: neither that it is the end, nor an error.
#[tokio::test]
async fn a_connection_that_falls_silent_is_noticed_and_made_anew() {
    on::<Postgres>(async |db| {
        install(db).await;
        let (eyes, proxy) = (open(&db.url(), &options()).unwrap(), Proxy::before(&db.url()).await);
        let cursor = eyes.log_end().await.unwrap().unwrap();
        // Calls that may take so little have silence noticed soon.
        let ears = open(&proxy.url(&db.url()), &Options { query_timeout_ms: 300, ..options() }).unwrap();
        woken_in_moments(&*ears).await;
        let asked = "SELECT application_name, query FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'loa' AND query = 'SELECT 1'";
        let begun = Instant::now();
        while db.pairs(asked).await.is_empty() {
            assert!(begun.elapsed() < PATIENCE, "never asked");
            // Waits; a line that is well wakes nobody.
            drop(tokio::time::timeout(MOMENT, ears.woken()).await);
        }

        proxy.fall_silent();
        db.sql("INSERT INTO articles (id) VALUES ('1')").await;
        woken_in_moments(&*ears).await;
        // There is another one, on which the next change is told.
        woken_in_moments(&*ears).await;
        db.sql("INSERT INTO articles (id) VALUES ('2')").await;
        woken_in_moments(&*ears).await;
        let LogRead::Changes(changes) = eyes.log_since(&cursor).await.unwrap() else { panic!("lost") };
        assert_eq!(changes.articles.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn nobody_listens_where_nobody_waits() {
    on::<Postgres>(async |db| {
        install(db).await;
        let store = open(&db.url(), &options()).unwrap();
        let listening = async || {
            let ears = "SELECT application_name, query FROM pg_stat_activity
                 WHERE datname = current_database() AND query LIKE 'LISTEN%'";
            db.pairs(ears).await.len()
        };
        let gone = async || while listening().await > 0 {};
        let cursor = store.log_end().await.unwrap().unwrap();
        woken_in_moments(&*store).await;
        assert_eq!(listening().await, 1);
        db.sql("ALTER TABLE article_tags DISABLE TRIGGER USER").await;
        assert_eq!(store.log_end().await.unwrap(), None);
        tokio::time::timeout(PATIENCE, gone()).await.expect("hung up");
        db.sql("ALTER TABLE article_tags ENABLE TRIGGER USER").await;
        woken_in_moments(&*store).await;
        assert_eq!(listening().await, 1, "and again where somebody does");
        db.sql("TRUNCATE articles").await;
        assert!(matches!(store.log_since(&cursor).await.unwrap(), LogRead::Lost { .. }));
        tokio::time::timeout(PATIENCE, gone()).await.expect("hung up");
    })
    .await;
}
