//! The program is killed again and again while a newsroom writes. In the end every subscriber has the newest document, nobody
//! was taken back to an older one, and nobody got the same one twice but where a delivery was under way at a kill.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use loa::store::{self, install};
use loa::text::stamp::Zones;
use tokio::time::sleep;

use crate::support::hub::{Hub, retitle};
use crate::support::newsroom::small;
use crate::support::postgres::Postgres;
use crate::support::sqlite::Sqlite;
use crate::support::subscriber::{Got, Reply, Subscriber, until};
use crate::support::{Database, on};

/// The newsroom's four articles are in one, two or all of them.
const TOPICS: [&str; 4] = ["all.rss", "category/kinh-te.atom", "category/nong-nghiep.json", "category/van-hoa.rss"];
/// Callbacks of each topic at each host.
const CALLBACKS: usize = 3;
const KILLS: usize = 50;
/// Kills of the two replicas together.
const REPLICA_KILLS: usize = 6;
/// Every so manieth time it is also killed while it starts.
const KILLED_EARLY_EVERY: usize = 5;
/// How long a subscriber takes.
const SUBSCRIBER_TAKES: Duration = Duration::from_millis(5);
/// What a request may still need from the socket to the list of those that came.
const SLACK: Duration = Duration::from_millis(200);
/// Few at a time, so that a kill leaves few to be waited for: what a killed process had taken is taken again after some seconds.
const SETTINGS: [(&str, &str); 4] = [
    ("push.deliveries_max", "4"),
    ("push.deliveries_per_host_max", "4"),
    ("push.delivery_timeout_ms", "2000"),
    ("log.level", "\"warn\""),
];

/// A number below another one: the same stream in every run.
fn next(random: &mut u64, below: u64) -> u64 {
    *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*random >> 33) % below
}

/// Those who have subscribed to everything.
struct Readers(Vec<Subscriber>);

impl Readers {
    /// So many hosts with all callbacks of all topics; each request goes to one of the hubs in turn.
    async fn subscribe(hosts: usize, hubs: &[Hub]) -> Self {
        let readers = Self((0..hosts).map(|_| Subscriber::start()).collect());
        for (count, (host, topic, path)) in readers.callbacks().into_iter().enumerate() {
            host.on_delivery(&path, Reply::Late(SUBSCRIBER_TAKES));
            let answer = hubs[count % hubs.len()].wish("subscribe", topic, &host.callback(&path), &[]).await;
            assert_eq!(answer.status, 202, "{}", answer.text());
        }
        let count = readers.callbacks().len();
        until("all to be subscribed", async || hubs[0].listed("127.0.0.1").len() == count).await;
        readers
    }

    /// Host, topic and path of each.
    fn callbacks(&self) -> Vec<(&Subscriber, &'static str, String)> {
        let mut all = Vec::new();
        for host in &self.0 {
            for topic in TOPICS {
                all.extend((0..CALLBACKS).map(|number| (host, topic, format!("/{topic}/{number}"))));
            }
        }
        all
    }

    /// Requests so far.
    fn count(&self) -> usize {
        self.0.iter().map(Subscriber::count).sum()
    }

    /// Waits until each has what the hub serves.
    async fn have_the_newest(&self, hub: &Hub) {
        for topic in TOPICS {
            let newest = hub.feed(topic).await.body;
            for (host, _, path) in self.callbacks().into_iter().filter(|(_, of, _)| *of == topic) {
                let has = async || host.deliveries(&path).last().is_some_and(|got| got.body == newest);
                until(&format!("the newest at {}{path}", host.host()), has).await;
            }
        }
    }

    /// Nobody was taken back, and what came twice came from two processes, of which one was killed in between.
    fn assert_in_order(&self, kills: &[Instant]) {
        for (host, _, path) in self.callbacks() {
            let (deliveries, mut kills) = (host.deliveries(&path), kills.iter());
            for pair in deliveries.windows(2) {
                let (before, after) = (&pair[0], &pair[1]);
                assert!(
                    version(before) <= version(after),
                    "{path}: back from {} to {}",
                    version(before),
                    version(after)
                );
                if before.body == after.body {
                    // Each kill excuses one.
                    let kill = kills.find(|kill| before.at < **kill + SLACK);
                    assert!(kill.is_some_and(|kill| *kill < after.at), "{path}: {} twice", version(after));
                }
            }
        }
    }
}

/// The newest change in a document.
fn version(got: &Got) -> u64 {
    let text = got.text();
    let versions = text.split("Bản ").skip(1).filter_map(|rest| rest.split('.').next()?.parse().ok());
    versions.max().unwrap_or_default()
}

/// Writes until it is told to stop.
async fn write(db: &impl Database, done: &AtomicBool) {
    let (mut random, mut version) = (3, 0);
    while !done.load(Ordering::SeqCst) {
        version += 1;
        retitle(db, &(1 + next(&mut random, 4)).to_string(), &format!("Bản {version}.")).await;
        sleep(Duration::from_millis(next(&mut random, 40))).await;
    }
}

/// Waits for another delivery, but not for long: what is owed may be what the last process had taken.
async fn one_more(readers: &Readers) {
    let (count, began) = (readers.count(), Instant::now());
    while readers.count() == count && began.elapsed() < Duration::from_secs(1) {
        sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_nothing_and_repeat_only_what_was_under_way() {
    on::<Sqlite>(async |db| {
        let mut hubs = [Hub::start(db, &SETTINGS).await];
        let readers = Readers::subscribe(5, &hubs).await;
        let [hub] = &mut hubs;
        let (done, mut kills, asked) = (AtomicBool::new(false), Vec::new(), readers.count());
        let killing = async {
            let mut random = 5;
            for round in 0..KILLS {
                // Now at any moment, now in the middle of deliveries.
                if round % 2 == 0 {
                    sleep(Duration::from_millis(next(&mut random, 200))).await;
                } else {
                    one_more(&readers).await;
                    sleep(Duration::from_millis(next(&mut random, 20))).await;
                }
                kills.push(Instant::now());
                hub.kill();
                if round % KILLED_EARLY_EVERY == 0 {
                    let mut early = hub.command(&[]).stdout(Stdio::null()).spawn().unwrap();
                    sleep(Duration::from_millis(next(&mut random, 200))).await;
                    kills.push(Instant::now());
                    early.kill().unwrap();
                    early.wait().unwrap();
                }
                hub.listen().await;
            }
            done.store(true, Ordering::SeqCst);
        };
        tokio::join!(write(db, &done), killing);
        assert!(readers.count() - asked > KILLS, "it was killed at work");
        let [hub] = &hubs;
        settled(db, &[hub]).await;
        readers.have_the_newest(hub).await;
        readers.assert_in_order(&kills);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_one_is_killed_again_and_again_and_nothing_is_lost() {
    on::<Postgres>(async |db| {
        db.sql(&small()).await;
        let options =
            store::Options { schema: None, prefix: String::new(), zones: Zones::default(), query_timeout_ms: 20_000 };
        let wishes = install::Wishes { id: "1".to_owned(), ..install::Wishes::default() };
        let script = install::script(&db.url(), &options, &wishes).await.unwrap();
        install::run(&db.url(), &script).await.unwrap();
        let url = format!("\"{}\"", db.url());
        let shared = [("state.url", url.as_str()), ("site.base_url", "\"http://localhost/\"")];
        let settings = [&shared[..], &SETTINGS].concat();
        let mut hubs = [Hub::on(&db.url(), &settings), Hub::on(&db.url(), &settings)];
        for hub in &mut hubs {
            hub.go_on().await;
        }
        let readers = Readers::subscribe(3, &hubs).await;
        let (done, mut kills) = (AtomicBool::new(false), Vec::new());
        let killing = async {
            let mut random = 7;
            for round in 0..REPLICA_KILLS {
                one_more(&readers).await;
                sleep(Duration::from_millis(next(&mut random, 50))).await;
                kills.push(Instant::now());
                hubs[round % 2].kill();
                // The other one goes on by itself.
                one_more(&readers).await;
                sleep(Duration::from_millis(next(&mut random, 300))).await;
                hubs[round % 2].go_on().await;
            }
            done.store(true, Ordering::SeqCst);
        };
        tokio::join!(write(db, &done), killing);
        let [one, other] = &hubs;
        settled(db, &[one, other]).await;
        readers.have_the_newest(one).await;
        readers.have_the_newest(other).await;
        readers.assert_in_order(&kills);
    })
    .await;
}

/// One last change of everything, which each of them serves.
async fn settled(db: &impl Database, hubs: &[&Hub]) {
    db.sql("UPDATE articles SET title = 'Bản 1000000.'").await;
    for hub in hubs {
        for topic in TOPICS {
            until("the last change", async || {
                let text = hub.get(&format!("/feeds/{topic}")).await.text();
                text.matches("Bản ").count() > 0 && text.matches("Bản ").count() == text.matches("Bản 1000000.").count()
            })
            .await;
        }
    }
}
