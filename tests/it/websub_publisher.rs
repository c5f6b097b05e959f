//! What feeds tell of the hub (WebSub 4 and 6): the rows P of the requirements that `pings` does not have. There are P1 to P3,
//! P5, P6 and P11 (headers and documents of ordinary feeds) and P8 (hubs of others).

use crate::support::hub::{Hub, retitle};
use crate::support::process::run;
use crate::support::sqlite::Sqlite;
use crate::support::subscriber::{Reply, Subscriber, until};
use crate::support::{Database as _, on};
use crate::tables::{located, write_reform};

/// A section that is told as a mix of somebody's own.
const CUSTOM: [(&str, &str); 2] =
    [("feeds.custom.ruong.title", "\"Ruộng đồng\""), ("feeds.custom.ruong.categories", "[\"nong-nghiep\"]")];
/// Counts requests that came to nothing, by this process.
const DROPPED: &str = "loa_push_verifications_total{result=\"dropped\"}";
/// The feed of a ward that goes into another one by the tables of [`reform`], and that one's.
const WARDS: [&str; 2] = ["locality/phu-tho/phuong-van-phu.rss", "locality/phu-tho/phuong-den-hung.rss"];
/// An environment with these tables.
const REFORMED: [(&str, &str); 1] = [("LOA_LOCALITIES_TABLES", "tables")];
/// Feeds that are easily forgotten: they come into being by an article, or by the configuration.
const RARE: [&str; 2] = ["category/nong-nghiep/locality/phu-tho", "custom/ruong"];

/// Gives the hub tables with a reform, for its next start.
fn reform(hub: &Hub) {
    write_reform(&hub.path().join("tables"), "2025-07-02");
    assert_eq!(run(hub.path(), &["localities", "add-addresses", "tables"]).0, 0);
}

/// P1, P2: also feeds that come late name themselves and the hub, and the hub takes them: each is a topic.
#[tokio::test]
async fn s4_p1_p2_every_kind_of_feed_is_a_topic_of_the_hub() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &CUSTOM).await;
        db.sql("INSERT INTO article_localities VALUES ('2', '25')").await;
        let subscriber = Subscriber::start();
        for feed in RARE {
            hub.shows(&format!("{feed}.rss"), "Tin số 2").await;
            for format in ["rss", "atom", "json"] {
                let (topic, callback) = (format!("{feed}.{format}"), format!("/{feed}.{format}"));
                let link = hub.feed(&topic).await.header("link").unwrap();
                assert!(link.starts_with(&format!("<{}>; rel=\"self\"; ", hub.topic(&topic))), "{link}");
                assert_eq!(link.matches("rel=\"self\"").count(), 1, "{link}");
                assert!(link.contains(&format!(", <{}>; rel=\"hub\"", hub.url("hub"))), "{link}");
                hub.subscribe(&topic, &subscriber.callback(&callback)).await;
            }
        }
        retitle(db, "2", "Lúa chín sớm").await;
        for feed in RARE {
            for format in ["rss", "atom", "json"] {
                subscriber.has(&format!("/{feed}.{format}"), "Lúa chín sớm").await;
            }
        }
    })
    .await;
}

/// P4 is about topics in HTML. Our pages are none: they name no hub, and lead to the feeds, which do.
#[tokio::test]
async fn s4_p4_pages_for_people_are_no_topics_and_name_no_hub() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        for path in ["/", "/feeds/category/kinh-te/"] {
            let page = hub.get(path).await;
            assert_eq!(page.status, 200, "{path}");
            assert!(!page.text().contains("rel=\"hub\"") && !page.header("link").unwrap_or_default().contains("hub"));
            let (topic, callback) = (hub.url(path), Subscriber::start().callback("/"));
            let fields =
                [("hub.mode", "subscribe"), ("hub.topic", topic.as_str()), ("hub.callback", callback.as_str())];
            assert_eq!(hub.ask(&fields).await.status, 404, "{path}");
        }
        let feed = format!("href=\"{}\"", hub.topic("category/kinh-te.atom"));
        assert!(hub.get("/feeds/category/kinh-te/").await.text().contains(&feed));
    })
    .await;
}

#[tokio::test]
async fn s4_1_p7_an_address_has_one_representation() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let plain = hub.feed("all.rss").await;
        for asked in [
            ["Accept: application/feed+json", "Accept-Language: en"],
            ["Accept: text/html", "User-Agent: Mozilla/5.0"],
            ["Accept: application/atom+xml;q=1, */*;q=0.1", "Accept-Language: vi"],
        ] {
            let answer = hub.request("GET /feeds/all.rss", &asked).await;
            let what = |name| (plain.header(name), answer.header(name));
            for (one, other) in ["content-type", "etag", "link", "vary"].map(what) {
                assert_eq!(one, other, "{asked:?}");
            }
            assert_eq!(answer.body, plain.body, "{asked:?}");
        }
        assert_eq!(plain.header("vary").as_deref(), Some("Accept-Encoding"), "bytes differ by their coding only");
    })
    .await;
}

/// P10: self is what subscribers will send as `hub.topic`, whatever they asked for.
#[tokio::test]
async fn s5_1_p10_self_is_one_spelling() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let own = format!("<{}>; rel=\"self\"", hub.topic("category/kinh-te.rss"));
        for (line, host) in [
            ("GET /feeds/category/kinh-te.rss", "Host: localhost"),
            ("GET /feeds/category/kinh-te.rss?utm_source=zalo", "Host: 127.0.0.1"),
            ("HEAD /feeds/category/kinh-te.rss?x", "Host: LOCALHOST:80"),
        ] {
            let answer = crate::support::http::Client::connect(hub.address).await.ask(line, &[host]).await;
            assert_eq!(answer.status, 200, "{line}");
            assert!(answer.header("link").unwrap().starts_with(&own), "{line}: {answer:?}");
        }
        let other = hub.get("/feeds/category/kinh%2Dte.rss").await;
        assert_eq!((other.status, other.header("location")), (301, Some(hub.topic("category/kinh-te.rss"))));
    })
    .await;
}

/// P8: whoever reads a feed that is called otherwise learns that, though no story has changed: of the section itself, also an
/// empty one, of what is mixed of it, and of all that name it. Once, and not at the next start.
#[tokio::test]
async fn s6_p8_a_feed_that_is_renamed_is_pushed_once() {
    on::<Sqlite>(async |db| {
        let mut hub = Hub::start(db, &CUSTOM).await;
        db.sql("INSERT INTO article_localities VALUES ('2', '25')").await;
        db.sql("INSERT INTO categories VALUES ('30', NULL, 'the-thao', 'Thể thao', 3)").await;
        hub.shows("category/the-thao.rss", "Thể thao").await;
        hub.shows(&format!("{}.rss", RARE[0]), "Tin số 2").await;
        let subscriber = Subscriber::start();
        let others = ["all", "category/the-thao", "category/kinh-te", "category/van-hoa"];
        let feeds = [&RARE[..], &others].concat();
        for feed in &feeds {
            hub.subscribe(&format!("{feed}.atom"), &subscriber.callback(&format!("/{feed}"))).await;
        }
        // Together with a write of all rows that no reader sees anything of.
        db.sql(
            "UPDATE categories SET name = 'Nhà nông' WHERE id = '11';
            UPDATE categories SET name = 'Vận động' WHERE id = '30';
            UPDATE articles SET revision = 'nhập lại'",
        )
        .await;
        let named = |feed: &str| if feed == "category/the-thao" { "Vận động" } else { "Nhà nông" };
        for feed in feeds.iter().filter(|feed| **feed != "category/van-hoa") {
            let got = subscriber.has(&format!("/{feed}"), named(feed)).await;
            assert_eq!(got.body, hub.feed(&format!("{feed}.atom")).await.body, "{feed}");
        }
        hub.stop();
        hub.go_on().await;
        subscriber.stays_at("/category/van-hoa", 0).await;
        for feed in feeds.iter().filter(|feed| **feed != "category/van-hoa") {
            assert_eq!(subscriber.deliveries(&format!("/{feed}")).len(), 1, "{feed}");
        }
    })
    .await;
}

/// P9 of places: when a unit has gone into another one, its address leads there, and so does its subscription.
#[tokio::test]
async fn s6_1_p9_a_subscription_goes_where_its_place_has_gone() {
    on::<Sqlite>(async |db| {
        let mut hub = Hub::start(db, &[]).await;
        db.sql(&located("5", "2022-03-18 06:30:00", "08287")).await;
        let [old, new] = WARDS;
        hub.shows(old, "Tin số 5").await;
        let subscriber = Subscriber::start();
        let callback = subscriber.callback("/cb");
        hub.subscribe(old, &callback).await;
        until("a subscription", async || hub.listed(&callback).len() == 1).await;
        hub.stop();

        reform(&hub);
        hub.go_on_with(&REFORMED).await;
        let got = subscriber.has("/cb", "Tin số 5").await;
        assert_eq!(got.header("link"), Some(hub.link(new).as_str()));
        assert_eq!(hub.listed(&callback).len(), 1);
        retitle(db, "5", "Chuyện cũ kể lại").await;
        subscriber.has("/cb", "Chuyện cũ kể lại").await;
        let empty = subscriber.deliveries("/cb").into_iter().find(|got| !got.text().contains("<item>"));
        assert!(empty.is_none(), "what all stories have left is pushed to nobody: {empty:?}");
        // Also under the old name it is one subscription.
        hub.confirmed("unsubscribe", old, &callback, &[]).await;
        until("its end", async || hub.listed(&callback).is_empty()).await;
    })
    .await;
}

/// P9 of combinations: one that goes where nothing has happened yet begins with the first story there, also after another
/// start.
#[tokio::test]
async fn s6_1_p9_a_combination_waits_in_its_new_place_for_a_story() {
    on::<Sqlite>(async |db| {
        let mut hub = Hub::start(db, &[]).await;
        db.sql(&located("5", "2022-03-18 06:30:00", "08287")).await;
        let [old, new] = WARDS.map(|ward| format!("category/kinh-te/{ward}"));
        hub.shows(&old, "Tin số 5").await;
        let subscriber = Subscriber::start();
        let callback = subscriber.callback("/cb");
        hub.subscribe(&old, &callback).await;
        db.sql("DELETE FROM article_localities WHERE article_id = '5'").await;
        subscriber.delivered("/cb", 1).await;
        let before = hub.listed(&callback)[0]["feed"].clone();
        hub.stop();

        reform(&hub);
        hub.go_on_with(&REFORMED).await;
        until("it to follow", async || hub.listed(&callback)[0]["feed"] != before).await;
        hub.stop();
        hub.go_on_with(&REFORMED).await;
        db.sql(&located("6", "2026-03-16 06:30:00", "99901")).await;
        let got = subscriber.has("/cb", "Tin số 6").await;
        assert_eq!(got.header("link"), Some(hub.link(&new).as_str()));
        let of_new = subscriber.deliveries("/cb").split_off(1);
        assert!(of_new.iter().all(|got| got.text().contains("<item>")), "an empty one is news to nobody: {of_new:?}");
    })
    .await;
}

/// P9 of requests that are not verified yet: they are of where their place has gone. What has ended meanwhile is not confirmed.
#[tokio::test]
async fn s6_1_p9_a_request_goes_where_its_place_has_gone() {
    on::<Sqlite>(async |db| {
        // Nobody gives up while the hub is down.
        let patient = [
            ("push.verification_tries_max", "100"),
            ("push.verification_retry_first_ms", "500"),
            ("push.verification_retry_max_ms", "1000"),
        ];
        let mut hub = Hub::start(db, &[&CUSTOM[..], &patient].concat()).await;
        db.sql(&located("5", "2022-03-18 06:30:00", "08287")).await;
        let ([old, _], ended) = (WARDS, "custom/ruong.rss");
        hub.shows(old, "Tin số 5").await;
        hub.shows(ended, "Tin số 2").await;
        let subscriber = Subscriber::start();
        let [comes, leaves, late] = ["/den", "/di", "/tre"].map(|path| subscriber.callback(path));
        hub.subscribe(old, &leaves).await;
        until("a subscription", async || hub.listed(&leaves).len() == 1).await;
        for path in ["/den", "/di", "/tre"] {
            subscriber.on_question(path, Reply::status(503));
        }
        for (mode, feed, callback) in
            [("subscribe", old, &comes), ("unsubscribe", old, &leaves), ("subscribe", ended, &late)]
        {
            assert_eq!(hub.wish(mode, feed, callback, &[]).await.status, 202);
        }
        let before = hub.listed(&leaves)[0]["feed"].clone();
        hub.stop();

        reform(&hub);
        hub.forget("feeds.custom.");
        hub.go_on_with(&REFORMED).await;
        until("it to follow", async || hub.listed(&leaves)[0]["feed"] != before).await;
        let after = hub.listed(&leaves)[0]["feed"].clone();
        hub.counts(DROPPED, 1).await;
        for path in ["/den", "/di", "/tre"] {
            subscriber.on_question(path, Reply::Echo(200));
        }
        until("one to leave", async || hub.listed(&leaves).is_empty()).await;
        until("one to come", async || hub.listed(&comes).len() == 1).await;
        assert_eq!((&hub.listed(&comes)[0]["feed"], hub.listed(&late).len()), (&after, 0));
        retitle(db, "5", "Chuyện cũ kể lại").await;
        subscriber.has("/den", "Chuyện cũ kể lại").await;
    })
    .await;
}

/// P9: the old address leads on, so that subscribers find the new topic when they renew, and meanwhile what was asked for
/// under the old one is served. Who asks under both names has one subscription.
#[tokio::test]
async fn s6_1_p9_a_topic_that_moves_leads_on_and_keeps_its_subscribers() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        let callback = subscriber.callback("/cb");
        hub.subscribe("category/kinh-te.atom", &callback).await;
        db.sql("UPDATE categories SET slug = 'lam-an' WHERE id = '10'").await;
        let old = "/feeds/category/kinh-te.atom";
        until("the old address to lead on", async || hub.get(old).await.status == 301).await;
        assert_eq!(hub.get(old).await.header("location"), Some(hub.topic("category/lam-an.atom")));

        retitle(db, "1", "Chợ mới").await;
        let got = subscriber.has("/cb", "Chợ mới").await;
        assert_eq!(got.header("link"), Some(hub.link("category/lam-an.atom").as_str()));
        assert_eq!(got.body, hub.feed("category/lam-an.atom").await.body);

        // Renewed under the new name, then under the old one, which is confirmed as it was written.
        let before = subscriber.deliveries("/cb").len();
        hub.subscribe("category/lam-an.atom", &callback).await;
        hub.subscribe("category/kinh-te.atom", &callback).await;
        let topics: Vec<_> =
            subscriber.questions("/cb").iter().filter_map(|asked| asked.parameter("hub.topic")).collect();
        let (old, new) = (hub.topic("category/kinh-te.atom"), hub.topic("category/lam-an.atom"));
        assert_eq!(topics, [old.clone(), new, old]);
        assert_eq!(hub.listed(&callback).len(), 1);
        retitle(db, "1", "Chợ đêm").await;
        subscriber.has("/cb", "Chợ đêm").await;
        subscriber.stays_at("/cb", before + 1).await;
    })
    .await;
}
