//! External hubs (WebSub 6) are told which topics have changed: each by itself, after the new document is served, again if it
//! fails, and also what an earlier process did not come to. And every feed names its hubs (WebSub 4).

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use loa::domain::clock::Clock as _;
use loa::domain::format::Format;
use loa::outgoing::egress::{Egress, EgressOptions};
use loa::purge::{self, ExternalHub, Hook, HubHealth};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::{Url, form_urlencoded};

use crate::purge::{HOST, Place, ask, edit, paths, serves, until};
use crate::support::app::Site;
use crate::support::newsroom::small;
use crate::support::sqlite::Sqlite;
use crate::support::{Database as _, on};

const DONE: &str = "loa_pings_total{result=\"done\"}";
/// The feeds of the small newsroom, and those that its first article is in.
const FEEDS: [&str; 5] = ["all", "author/le-hoa", "category/kinh-te", "category/nong-nghiep", "category/van-hoa"];
const EDITED: [&str; 3] = ["all", "author/le-hoa", "category/kinh-te"];

/// A hub of somebody else, on threads that end with the process.
#[derive(Clone)]
struct Hub {
    address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    pings: Mutex<Vec<Ping>>,
    /// Whom to ask, when pinged, for the topic.
    loa: Mutex<Option<SocketAddr>>,
    /// Every ping is refused.
    refuses: AtomicBool,
    /// Nobody is answered.
    held: AtomicBool,
    /// Pings that are not answered yet, and how many were at a time, at most.
    under_way: AtomicUsize,
    under_way_most: AtomicUsize,
}

/// A ping.
#[derive(Debug, Clone)]
struct Ping {
    head: String,
    form: BTreeMap<String, String>,
    /// Of the topic.
    path: String,
    accepted: bool,
    /// What Loa answered in this moment for the topic.
    answer: String,
}

impl Hub {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hub = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let seen = Arc::clone(&hub.seen);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seen = Arc::clone(&seen);
                thread::spawn(move || seen.take(&stream));
            }
        });
        hub
    }

    fn url(&self) -> String {
        format!("http://{}/hub?a=1&b=2", self.address)
    }

    /// The pings, without those that it has forgotten.
    fn pings(&self) -> Vec<Ping> {
        self.seen.pings.lock().unwrap().clone()
    }

    fn accepted(&self) -> u64 {
        self.pings().iter().filter(|ping| ping.accepted).count().try_into().unwrap()
    }

    fn forget(&self) {
        self.seen.pings.lock().unwrap().clear();
    }

    fn asks(&self, loa: SocketAddr) {
        *self.seen.loa.lock().unwrap() = Some(loa);
    }

    /// Waits until it was told of these documents while they said this, and took it.
    async fn takes(&self, paths: &[String], text: &str) {
        until("topics to be told", async || {
            let pings = self.pings();
            let told = |path: &String| {
                pings.iter().any(|ping| ping.accepted && ping.path == *path && ping.answer.contains(text))
            };
            paths.iter().all(told)
        })
        .await;
    }
}

impl Seen {
    fn take(&self, mut stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        let lines = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let head = lines.collect::<Vec<_>>().join("\n").to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body: Vec<u8> = vec![0; length.unwrap_or_default()];
        reader.read_exact(&mut body).unwrap();
        let form: BTreeMap<_, _> = form_urlencoded::parse(&body).into_owned().collect();
        let path = Url::parse(&form["hub.topic"]).unwrap().path().to_owned();
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.under_way_most.fetch_max(under_way, Ordering::SeqCst);
        while self.held.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
        let answer = self.loa.lock().unwrap().map(|loa| ask(loa, &path)).unwrap_or_default();
        let accepted = !self.refuses.load(Ordering::SeqCst);
        self.pings.lock().unwrap().push(Ping { head, form, path, accepted, answer });
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        let status = if accepted { "202 Accepted" } else { "503 Service Unavailable" };
        drop(write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
    }
}

fn with_hubs(hubs: &[&Hub]) -> String {
    let urls: Vec<_> = hubs.iter().map(|hub| hub.url()).collect();
    format!("push.hubs = {urls:?}\npush.callbacks_may_be_local = true\npush.delivery_timeout_ms = 60000")
}

/// Has hubs take what the first reading brings: what comes before an edit is told before it.
async fn first_edit(db: &Sqlite, hubs: &[&Hub]) {
    for hub in hubs {
        hub.takes(&paths(&FEEDS), "").await;
    }
    edit(db, "Tin đã sửa").await;
    for hub in hubs {
        hub.takes(&paths(&EDITED), "Tin đã sửa").await;
    }
}

/// Combinations, places and custom feeds are topics as well; pages are none.
#[tokio::test]
async fn s6_p8_each_hub_is_told_each_changed_topic_once_it_is_served() {
    on::<Sqlite>(async |db| {
        let (hanging, well) = (Hub::start(), Hub::start());
        hanging.seen.held.store(true, Ordering::SeqCst);
        let custom = "[feeds.custom.chon-loc]\ntitle = \"Chọn lọc\"\ncategories = [\"kinh-te\"]";
        let place = Place::new(db, &format!("{}\n{custom}", with_hubs(&[&hanging, &well]))).await;
        db.sql("INSERT INTO article_localities VALUES ('1', '25')").await;
        let served = place.start();
        let combination = "category/kinh-te/locality/phu-tho";
        serves(&served, &format!("/feeds/{combination}.json"), "Tin số 1").await;
        well.takes(&paths(&FEEDS), "").await;
        well.takes(&paths(&[combination, "custom/chon-loc", "locality/phu-tho"]), "").await;

        well.asks(served.address);
        hanging.asks(served.address);
        edit(db, "Tin mới tinh").await;
        let expected = paths(&[&EDITED[..], &[combination, "custom/chon-loc", "locality/phu-tho"]].concat());
        well.takes(&expected, "Tin mới tinh").await;
        assert!(hanging.pings().is_empty(), "it has answered nothing yet");
        hanging.seen.held.store(false, Ordering::SeqCst);
        hanging.takes(&expected, "Tin mới tinh").await;
        for ping in [well.pings(), hanging.pings()].concat() {
            assert!(ping.head.starts_with("post /hub?a=1&b=2 http/1.1\n"), "{ping:?}");
            assert!(ping.head.contains("\ncontent-type: application/x-www-form-urlencoded"), "{ping:?}");
            let topic = format!("http://{}{}", served.address, ping.path);
            let form = [("hub.mode", "publish"), ("hub.topic", topic.as_str()), ("hub.url", topic.as_str())];
            assert_eq!(ping.form, BTreeMap::from(form.map(|(name, value)| (name.to_owned(), value.to_owned()))));
            let extension = ping.path.rsplit_once('.').map(|(_, extension)| extension);
            assert!(extension.and_then(Format::from_extension).is_some(), "no document: {ping:?}");
        }
    })
    .await;
}

/// Also of a feed that is only called otherwise, and holds nothing.
#[tokio::test]
async fn s6_p8_a_feed_that_is_renamed_is_told() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start();
        let place = Place::new(db, &with_hubs(&[&hub])).await;
        let served = place.start();
        hub.asks(served.address);
        first_edit(db, &[&hub]).await;
        db.sql("INSERT INTO categories VALUES ('30', NULL, 'the-thao', 'Thể thao', 3)").await;
        serves(&served, "/feeds/category/the-thao.json", "Thể thao").await;
        hub.seen.held.store(true, Ordering::SeqCst);
        db.sql("UPDATE categories SET name = 'Vận động' WHERE id = '30'").await;
        until("some to wait", async || place.metric("loa_pings_waiting ").await > 0).await;
        hub.seen.held.store(false, Ordering::SeqCst);
        hub.takes(&paths(&["category/the-thao"]), "Vận động").await;
        until("none to wait", async || place.metric("loa_pings_waiting ").await == 0).await;
    })
    .await;
}

#[tokio::test]
async fn s6_p8_what_one_process_did_not_come_to_the_next_one_pings() {
    on::<Sqlite>(async |db| {
        let (well, failing) = (Hub::start(), Hub::start());
        let place = Place::new(db, &with_hubs(&[&well, &failing])).await;
        let served = place.start();
        well.asks(served.address);
        failing.asks(served.address);
        first_edit(db, &[&well, &failing]).await;
        failing.seen.refuses.store(true, Ordering::SeqCst);
        edit(db, "Tin lúc mạng đứt").await;
        well.takes(&paths(&EDITED), "Tin lúc mạng đứt").await;
        until("a refusal", async || failing.pings().iter().any(|ping| !ping.accepted)).await;
        until("all to be counted", async || place.metric(DONE).await == well.accepted() + failing.accepted()).await;
        served.terminate();
        assert_eq!(served.ended(), Some(0));

        well.forget();
        failing.forget();
        failing.seen.refuses.store(false, Ordering::SeqCst);
        // Pings come before it is known whom to ask.
        failing.seen.held.store(true, Ordering::SeqCst);
        let served = place.start();
        failing.asks(served.address);
        failing.seen.held.store(false, Ordering::SeqCst);
        failing.takes(&paths(&EDITED), "Tin lúc mạng đứt").await;
        let again: Vec<_> = failing.pings().into_iter().filter(|ping| ping.path.contains("van-hoa")).collect();
        assert!(again.is_empty() && well.pings().is_empty(), "told before: {again:?} {:?}", well.pings());
    })
    .await;
}

#[tokio::test]
async fn a_hub_is_told_so_many_topics_at_a_time() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start();
        hub.seen.held.store(true, Ordering::SeqCst);
        let place = Place::new(db, &format!("{}\npush.pings_max = 2", with_hubs(&[&hub]))).await;
        let _served = place.start();
        until("two to be told", async || hub.seen.under_way.load(Ordering::SeqCst) == 2).await;
        hub.seen.held.store(false, Ordering::SeqCst);
        hub.takes(&paths(&FEEDS), "").await;
        assert_eq!(hub.seen.under_way_most.load(Ordering::SeqCst), 2);
    })
    .await;
}

#[tokio::test]
async fn a_topic_that_changes_many_times_is_told_once_more() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start();
        let place = Place::new(db, &with_hubs(&[&hub])).await;
        let served = place.start();
        hub.asks(served.address);
        first_edit(db, &[&hub]).await;
        hub.forget();
        hub.seen.held.store(true, Ordering::SeqCst);
        for edition in 0..10 {
            edit(db, &format!("Bản {edition}.")).await;
            serves(&served, "/feeds/all.json", &format!("Bản {edition}.")).await;
        }
        hub.seen.held.store(false, Ordering::SeqCst);
        hub.takes(&paths(&EDITED), "Bản 9.").await;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for ping in hub.pings() {
            *counts.entry(ping.path).or_default() += 1;
        }
        // Only what was under way when the later changes came is told twice.
        assert!(counts.values().all(|count| *count <= 2), "{counts:?}");
    })
    .await;
}

#[tokio::test]
async fn a_hub_is_well_once_it_takes_a_ping() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let (site, hub) = (Site::on(db), Hub::start());
        let mut app = site.start().await;
        hub.seen.refuses.store(true, Ordering::SeqCst);
        let limit = Duration::from_secs(20);
        let egress = EgressOptions { ports: Vec::new(), may_be_local: true, own: None, connect_timeout: limit };
        let egress = Arc::new(Egress::new(egress));
        let external = ExternalHub::new(&hub.url().parse().unwrap(), egress, site.clock.clone()).unwrap();
        let external = Arc::new(external);
        let options = purge::Options {
            hook: Hook::Ping(Arc::clone(&external)),
            base_url: site.base_url.parse().unwrap(),
            timeout: limit,
            calls_max: 1,
            give_up_after: Duration::from_hours(1),
            place: site.directory.path().join("pinged"),
            ledger: "so".to_owned(),
        };
        let (moves, stop, mut task) = (app.publisher.follow_moves(), CancellationToken::new(), JoinSet::new());
        task.spawn(purge::run(Arc::clone(&app.publisher), moves, options, stop.clone()));
        let is = |ok, last_ok| external.health() == HubHealth { url: hub.url(), ok, last_ok };
        assert!(is(true, None), "nothing was told yet: {:?}", external.health());
        app.step().await;
        until("a refusal", async || is(false, None)).await;
        hub.seen.refuses.store(false, Ordering::SeqCst);
        until("a ping that is taken", async || is(true, Some(app.clock.now()))).await;
        stop.cancel();
        task.join_next().await.unwrap().unwrap();
    })
    .await;
}

/// The hub of our own is woken by it.
#[tokio::test]
async fn who_follows_the_ledger_hears_of_each_transaction() {
    on::<Sqlite>(async |db| {
        db.sql(&small()).await;
        let mut app = Site::on(db).running().await;
        let mut ledger = app.publisher.follow_ledger();
        app.step().await;
        let before = *ledger.borrow_and_update();
        app.step().await;
        assert!(!ledger.has_changed().unwrap(), "nothing was written");
        edit(db, "Tin mới").await;
        app.step().await;
        assert!(ledger.has_changed().unwrap() && *ledger.borrow_and_update() > before);
    })
    .await;
}

/// Headers of GET, HEAD and 304 name the topic, then the hubs, and so do documents.
#[tokio::test]
async fn s4_p1_p2_p3_p5_p6_p11_headers_and_documents_name_the_topic_and_then_its_hubs() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start();
        let place = Place::new(db, &with_hubs(&[&hub])).await;
        let served = place.start();
        serves(&served, "/feeds/all.json", "Tin số 1").await;
        let mut client = served.connect().await;
        let hubs = [format!("http://{}/hub", served.address), hub.url()];
        for feed in ["all", "author/le-hoa", "category/kinh-te", "locality/phu-tho"] {
            for format in Format::ALL {
                let path = format!("/feeds/{feed}.{format}");
                let topic = format!("http://{}{path}", served.address);
                let answer = client.ask(&format!("GET {path}"), HOST).await;
                let link = answer.header("link").unwrap();
                let expected = format!(
                    "<{topic}>; rel=\"self\"; type=\"{}\", <{}>; rel=\"hub\", <{}>; rel=\"hub\", ",
                    format.media_type(),
                    hubs[0],
                    hubs[1]
                );
                assert!(link.starts_with(&expected), "{link}");
                assert_eq!((link.matches("rel=\"self\"").count(), link.matches("rel=\"hub\"").count()), (1, 2));
                let head = client.ask(&format!("HEAD {path}"), HOST).await;
                assert_eq!((head.status, head.header("link").as_ref()), (200, Some(&link)), "{path}");
                let same = format!("If-None-Match: {}", answer.header("etag").unwrap());
                let same = client.ask(&format!("GET {path}"), &[HOST[0], &same]).await;
                assert_eq!((same.status, same.header("link").as_ref()), (304, Some(&link)), "{path}");
                let expected = [format!("self {topic}"), format!("hub {}", hubs[0]), format!("hub {}", hubs[1])];
                assert_eq!(named(format, &answer.text()), expected, "{path}");
            }
        }
    })
    .await;
}

/// What a document calls itself and its hubs, in its order.
fn named(format: Format, body: &str) -> Vec<String> {
    if format == Format::Json {
        let json: serde_json::Value = serde_json::from_str(body).unwrap();
        let hubs = json["hubs"].as_array().unwrap().iter();
        let hubs = hubs.map(|hub| format!("hub {}", hub["url"].as_str().unwrap()));
        return [format!("self {}", json["feed_url"].as_str().unwrap())].into_iter().chain(hubs).collect();
    }
    let tree = roxmltree::Document::parse(body).unwrap();
    // Not those of entries, and not those of elements in between.
    let parent = if format == Format::Rss { "channel" } else { "feed" };
    let links = tree.descendants().filter(|node| {
        node.has_tag_name(("http://www.w3.org/2005/Atom", "link"))
            && node.parent_element().is_some_and(|above| above.tag_name().name() == parent)
    });
    let named = links.filter_map(|link| Some((link.attribute("rel")?, link.attribute("href")?)));
    named.filter(|(rel, _)| ["self", "hub"].contains(rel)).map(|(rel, href)| format!("{rel} {href}")).collect()
}
