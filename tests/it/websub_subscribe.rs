//! What may be asked of the hub (WebSub 5.1, rows H1 to H11 of the requirements), and what it answers. H12 (sending somebody
//! to another hub) is allowed, not asked for: this one serves itself.

use crate::support::http::Answer;
use crate::support::hub::{Hub, retitle};
use crate::support::on;
use crate::support::sqlite::Sqlite;
use crate::support::subscriber::{Reply, Subscriber, hmac_sha256, post, until};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
/// Longest body of a request, where the configuration says so.
const BODY_BYTES_MAX: usize = 2_000;
/// Longest callback.
const CALLBACK_BYTES_MAX: usize = 2_000;

/// One line of text for people.
fn assert_said(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type").as_deref(), Some("text/plain; charset=utf-8"));
    let said = answer.text();
    assert!(said.contains(text) && said.ends_with('\n') && said.lines().count() == 1, "`{text}` is not in `{said}`");
}

/// A body as `curl --data` sends it, `&` in values and all.
fn body(hub: &Hub, callback: &str) -> String {
    let topic = hub.topic("all.rss").replace(':', "%3A").replace('/', "%2F");
    format!("hub.mode=subscribe&hub.topic={topic}&hub.callback={callback}")
}

#[tokio::test]
async fn s5_1_h1_a_form_in_the_body_is_a_request() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        for (number, content_type) in [
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded; charset=UTF-8",
            "Application/X-WWW-Form-URLEncoded;charset=\"utf-8\"",
        ]
        .into_iter()
        .enumerate()
        {
            let path = format!("/{number}");
            let form = body(&hub, &subscriber.callback(&path));
            let answer = post(hub.address, &[&format!("Content-Type: {content_type}")], form.as_bytes()).await;
            assert_said(&answer, 202, "accepted");
            subscriber.asked(&path, 1).await;
        }
        for content_type in ["application/json", "multipart/form-data; boundary=x", "text/plain"] {
            let form = body(&hub, &subscriber.callback("/khong"));
            let answer = post(hub.address, &[&format!("Content-Type: {content_type}")], form.as_bytes()).await;
            assert_said(&answer, 415, "");
        }
        let form = body(&hub, &subscriber.callback("/khong"));
        assert_eq!(post(hub.address, &[], form.as_bytes()).await.status, 415, "without a type");
        let line = format!("POST /hub?{form}");
        let answer = hub.request(&line, &[FORM, "Content-Length: 0"]).await;
        assert_said(&answer, 400, "hub.mode");
        subscriber.stays_at("/khong", 0).await;
        assert!(subscriber.questions("/khong").is_empty());
    })
    .await;
}

#[tokio::test]
async fn s5_1_h2_a_secret_has_fewer_than_200_bytes_whatever_its_letters() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        // The letter has three bytes.
        let secrets = [("/chu", "k".repeat(199)), ("/viet", "ế".repeat(66) + "!")];
        for (path, secret) in &secrets {
            assert_eq!(secret.len(), 199);
            hub.confirmed("subscribe", "all.rss", &subscriber.callback(path), &[("hub.secret", secret.as_str())]).await;
        }
        for secret in ["k".repeat(200), "ế".repeat(67)] {
            let answer = hub
                .wish("subscribe", "all.rss", &subscriber.callback("/dai"), &[("hub.secret", secret.as_str())])
                .await;
            assert_said(&answer, 400, "hub.secret");
        }
        // Letters in another encoding would be signed with another secret than the subscriber has.
        let form = body(&hub, &subscriber.callback("/dai")) + "&hub.secret=b%ED-m%E2t";
        assert_said(&post(hub.address, &[FORM], form.as_bytes()).await, 400, "");
        retitle(db, "1", "Mưa to").await;
        for (path, secret) in &secrets {
            let got = subscriber.has(path, "Mưa to").await;
            let expected = format!("sha256={}", hmac_sha256(secret.as_bytes(), &got.body));
            assert_eq!(got.header("x-hub-signature"), Some(expected.as_str()));
        }
        assert!(subscriber.questions("/dai").is_empty());
    })
    .await;
}

#[tokio::test]
async fn s5_1_h3_a_lease_is_kept_within_bounds_and_ignored_when_unsubscribing() {
    on::<Sqlite>(async |db| {
        let leases =
            [("push.lease_min_seconds", "60"), ("push.lease_default_seconds", "90"), ("push.lease_max_seconds", "120")];
        let hub = Hub::start(db, &leases).await;
        let subscriber = Subscriber::start();
        for (path, asked, granted) in
            [("/khong", None, "90"), ("/it", Some("1"), "60"), ("/nhieu", Some("864000"), "120")]
        {
            let more: Vec<_> = asked.map(|lease| ("hub.lease_seconds", lease)).into_iter().collect();
            hub.confirmed("subscribe", "all.rss", &subscriber.callback(path), &more).await;
            let question = &subscriber.questions(path)[0];
            assert_eq!(question.parameter("hub.lease_seconds").as_deref(), Some(granted), "{path}");
        }
        for lease in ["0", "-60", "1.5", "mười ngày", "1e3"] {
            let more = [("hub.lease_seconds", lease)];
            let answer = hub.wish("subscribe", "all.rss", &subscriber.callback("/sai"), &more).await;
            assert_said(&answer, 400, "hub.lease_seconds");
        }
        let more = [("hub.lease_seconds", "mười ngày"), ("hub.secret", "x")];
        hub.confirmed("unsubscribe", "all.rss", &subscriber.callback("/it"), &more).await;
        let question = &subscriber.questions("/it")[1];
        assert_eq!(question.parameter("hub.mode").as_deref(), Some("unsubscribe"));
        assert_eq!(question.parameter("hub.lease_seconds"), None);
        until("the end", async || hub.listed("/it").is_empty()).await;
    })
    .await;
}

#[tokio::test]
async fn s5_1_h4_unknown_parameters_are_ignored() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        // What FreshRSS and others really send, and what websub.rocks tries.
        let more = [
            ("hub.verify", "sync"),
            ("hub.verify", "async"),
            ("hub.verify_token", "x"),
            ("foo", "bar"),
            ("hub.foo", "hub.bar"),
            ("", ""),
        ];
        hub.confirmed("subscribe", "all.rss", &subscriber.callback("/cb"), &more).await;
        let question = &subscriber.questions("/cb")[0];
        let names: Vec<_> = question.parameters().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["hub.mode", "hub.topic", "hub.challenge", "hub.lease_seconds"]);
    })
    .await;
}

/// 202 comes before the callback has said anything, and whatever it will say.
#[tokio::test]
async fn s5_1_h5_the_answer_does_not_depend_on_the_callback() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[("push.verification_timeout_ms", "60000")]).await;
        let subscriber = Subscriber::start();
        subscriber.on_question("/treo", Reply::Hang);
        subscriber.on_question("/khong", Reply::status(404));
        for path in ["/treo", "/khong", "/co"] {
            assert_said(&hub.wish("subscribe", "all.rss", &subscriber.callback(path), &[]).await, 202, "accepted");
        }
        // Nobody listens there any more.
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_said(&hub.wish("subscribe", "all.rss", &format!("http://{nobody}/"), &[]).await, 202, "accepted");
        // Nor on who has subscribed: that is nobody's business.
        assert_said(&hub.wish("unsubscribe", "all.rss", &subscriber.callback("/la"), &[]).await, 202, "accepted");
        for path in ["/treo", "/khong", "/co"] {
            subscriber.asked(path, 1).await;
        }
        until("one that hangs", async || subscriber.under_way() == 1).await;
    })
    .await;
}

#[tokio::test]
async fn s5_1_h6_errors_are_4xx_and_say_what_is_wrong() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        let (topic, callback) = (hub.topic("all.rss"), subscriber.callback("/cb"));
        let long = format!("{callback}?{}", "x".repeat(CALLBACK_BYTES_MAX + 1 - callback.len()));
        let (topic, callback, long) = (topic.as_str(), callback.as_str(), long.as_str());
        for (mode, topic, callback, status, text) in [
            ("", topic, callback, 400, "hub.mode"),
            ("Subscribe", topic, callback, 400, "hub.mode"),
            ("publish", topic, callback, 403, "hub.mode=publish"),
            ("subscribe", "", callback, 400, "hub.topic"),
            ("subscribe", topic, "", 400, "hub.callback"),
            ("subscribe", topic, "/cb", 400, "hub.callback"),
            ("subscribe", topic, "ftp://a.example/", 400, "hub.callback"),
            ("subscribe", topic, "http://", 400, "hub.callback"),
            ("subscribe", topic, long, 400, "hub.callback"),
            ("unsubscribe", topic, "javascript:alert(1)", 400, "hub.callback"),
            ("unsubscribe", "", callback, 400, "hub.topic"),
        ] {
            let fields = [("hub.mode", mode), ("hub.topic", topic), ("hub.callback", callback)];
            let fields: Vec<_> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
            assert_said(&hub.ask(&fields).await, status, text);
        }
        assert_said(&post(hub.address, &[FORM], b"").await, 400, "hub.mode");
        assert_eq!(long.len(), CALLBACK_BYTES_MAX + 2);
        assert_eq!(hub.wish("subscribe", "all.rss", long.split_at(CALLBACK_BYTES_MAX).0, &[]).await.status, 202);
    })
    .await;
}

#[tokio::test]
async fn s5_1_h7_an_unknown_topic_is_refused_at_once() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        let callback = subscriber.callback("/cb");
        for topic in [
            hub.topic("category/khong-co.rss"),
            hub.topic("all.xml"),
            hub.topic("all"),
            hub.topic("all.rss?utm_source=zalo"),
            // A combination that has never had an article.
            hub.topic("category/van-hoa/locality/phu-tho.rss"),
            hub.url("opml.xml"),
            hub.url("hub"),
            hub.topic("all.rss").replace("127.0.0.1", "bao-khac.example"),
            "all.rss".to_owned(),
        ] {
            let fields =
                [("hub.mode", "subscribe"), ("hub.topic", topic.as_str()), ("hub.callback", callback.as_str())];
            let answer = hub.ask(&fields).await;
            assert_said(&answer, 404, "hub.topic is no feed of ours");
        }
        assert_eq!(subscriber.connections(), 0);
    })
    .await;
}

/// H7: a feed that has ended takes no more subscribers. Who has subscribed may leave all the same (H35).
#[tokio::test]
async fn s5_1_h7_a_feed_that_has_ended_can_be_left_and_not_subscribed_to() {
    on::<Sqlite>(async |db| {
        // It holds nothing, so that its end is no event.
        let custom = [("feeds.custom.ruong.title", "\"Ruộng đồng\""), ("feeds.custom.ruong.tags", "[\"lúa\"]")];
        let mut hub = Hub::start(db, &custom).await;
        let subscriber = Subscriber::start();
        let callback = subscriber.callback("/cb");
        hub.subscribe("custom/ruong.atom", &callback).await;
        until("a subscription", async || hub.listed(&callback).len() == 1).await;
        hub.stop();
        hub.forget("feeds.custom.");
        hub.go_on().await;
        assert_eq!(hub.get("/feeds/custom/ruong.atom").await.status, 410);
        assert_said(&hub.wish("subscribe", "custom/ruong.atom", &callback, &[]).await, 410, "hub.topic");
        assert_eq!(hub.listed(&callback).len(), 1);
        hub.confirmed("unsubscribe", "custom/ruong.atom", &callback, &[]).await;
        until("its end", async || hub.listed(&callback).is_empty()).await;
        let question = subscriber.questions("/cb").pop().unwrap();
        assert_eq!(question.parameter("hub.topic"), Some(hub.topic("custom/ruong.atom")));
    })
    .await;
}

/// H8, H9, H10: a request for what somebody has already overrides it once it is verified; there is never a second one.
#[tokio::test]
async fn s5_1_h8_h9_h10_a_renewal_overrides_once_it_is_verified() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        let callback = subscriber.callback("/cb?k=1");
        let signed_with = async |secret: Option<&str>, title: &str, count: usize| {
            retitle(db, "1", title).await;
            let got = subscriber.has("/cb", title).await;
            let expected = secret.map(|secret| format!("sha256={}", hmac_sha256(secret.as_bytes(), &got.body)));
            assert_eq!(got.header("x-hub-signature").map(str::to_owned), expected, "{title}");
            assert_eq!(subscriber.deliveries("/cb").len(), count, "one each");
        };
        hub.confirmed("subscribe", "all.rss", &callback, &[("hub.secret", "một")]).await;
        signed_with(Some("một"), "Tin thứ nhất", 1).await;
        hub.confirmed("subscribe", "all.rss", &callback, &[("hub.secret", "hai"), ("hub.lease_seconds", "600")]).await;
        assert_eq!(hub.listed(&callback).len(), 1);
        signed_with(Some("hai"), "Tin thứ hai", 2).await;

        // Asked for by somebody else: the callback knows nothing of it.
        subscriber.on_question("/cb", Reply::status(404));
        hub.wish("subscribe", "all.rss", &callback, &[("hub.secret", "trộm")]).await;
        hub.counts("loa_push_verifications_total{result=\"dropped\"}", 1).await;
        signed_with(Some("hai"), "Tin thứ ba", 3).await;

        subscriber.on_question("/cb", Reply::Echo(200));
        hub.subscribe("all.rss", &callback).await;
        signed_with(None, "Tin thứ tư", 4).await;
        // Another topic, another query: others.
        hub.subscribe("all.atom", &callback).await;
        hub.subscribe("all.rss", &subscriber.callback("/cb?k=2")).await;
        until("three in all", async || hub.listed(&subscriber.host()).len() == 3).await;
    })
    .await;
}

/// H11: a topic is the same however its unreserved characters are written.
#[tokio::test]
async fn s5_1_1_h11_unreserved_characters_are_decoded() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        let callback = subscriber.callback("/cb");
        for topic in ["category/kinh-te.rss", "category/kinh%2Dte%2Erss", "%63ategory/kinh-te.rss"] {
            hub.subscribe(topic, &callback).await;
            let question = subscriber.questions("/cb").pop().unwrap();
            assert_eq!(question.parameter("hub.topic"), Some(hub.topic(topic)), "confirmed as it was written");
        }
        assert_eq!(hub.listed(&callback).len(), 1);
        retitle(db, "1", "Một lần thôi").await;
        subscriber.has("/cb", "Một lần thôi").await;
        subscriber.stays_at("/cb", 1).await;
    })
    .await;
}

#[tokio::test]
async fn the_hub_takes_forms_up_to_a_size_and_nothing_else() {
    on::<Sqlite>(async |db| {
        let bytes_max = BODY_BYTES_MAX.to_string();
        let hub = Hub::start(db, &[("push.request_bytes_max", bytes_max.as_str())]).await;
        let subscriber = Subscriber::start();
        for line in ["GET /hub", "HEAD /hub", "GET /hub?hub.mode=subscribe"] {
            let answer = hub.request(line, &[]).await;
            let allowed = answer.header("allow").unwrap();
            assert!(answer.status == 405 && allowed.contains("POST") && !allowed.contains("GET"), "{line}: {allowed}");
        }
        let form = body(&hub, &subscriber.callback("/cb")) + "&x=";
        let full = form.clone() + &"x".repeat(BODY_BYTES_MAX - form.len());
        assert_said(&post(hub.address, &[FORM], full.as_bytes()).await, 202, "accepted");
        assert_said(&post(hub.address, &[FORM], (full + "x").as_bytes()).await, 413, "");
        subscriber.asked("/cb", 1).await;
        // Without a length, in two pieces.
        let form = body(&hub, &subscriber.callback("/khuc"));
        let (one, two) = form.split_at(20);
        let mut client = crate::support::http::Client::connect(hub.address).await;
        let head = format!("POST /hub HTTP/1.1\r\nHost: localhost\r\n{FORM}\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunks = format!("{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n", one.len(), two.len());
        client.send(head + &chunks).await;
        assert_said(&client.answer(false).await.unwrap(), 202, "accepted");
        subscriber.asked("/khuc", 1).await;
    })
    .await;
}

#[tokio::test]
async fn without_push_there_is_no_hub() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[("push.enabled", "false")]).await;
        let callback = Subscriber::start().callback("/cb");
        assert_eq!(hub.wish("subscribe", "all.rss", &callback, &[]).await.status, 404);
        assert_eq!(hub.get("/hub").await.status, 404);
        for feed in ["all.rss", "all.atom", "all.json"] {
            let answer = hub.feed(feed).await;
            let named = format!("{}{}", answer.header("link").unwrap(), answer.text());
            assert!(!named.contains("\"hub\"") && !named.contains("WebSub"), "{named}");
        }
    })
    .await;
}
