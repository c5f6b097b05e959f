//! What subscribers get (WebSub 7, rows H40 to H50 of the requirements), and that nothing else is ever pushed.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::support::feeds::fixtures;
use crate::support::http::patiently;
use crate::support::hub::{Hub, retitle};
use crate::support::newsroom::article;
use crate::support::sqlite::Sqlite;
use crate::support::subscriber::{Reply, Subscriber, hmac_sha256, until};
use crate::support::{Database as _, on};

const FORMATS: [&str; 3] = ["rss", "atom", "json"];

/// H40 to H43: the whole document to the exact callback, as who asks for it gets it.
#[tokio::test]
async fn s7_h40_h41_h42_h43_the_whole_document_comes_as_readers_get_it() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[("feeds.content", "\"full\"")]).await;
        let subscriber = Subscriber::start();
        for format in FORMATS {
            hub.subscribe(&format!("all.{format}"), &subscriber.callback(&format!("/{format}?k=%7e&k=A"))).await;
        }
        retitle(db, "1", "Mở hội đền Hùng & <chợ>").await;
        for format in FORMATS {
            let path = format!("/{format}");
            let got = subscriber.delivered(&path, 1).await.remove(0);
            let read = hub.feed(&format!("all.{format}")).await;
            assert_eq!(got.target, format!("{path}?k=%7e&k=A"));
            assert!(got.text().contains("Mở hội đền Hùng") && got.text().contains("Nội dung của tin số 4"));
            assert_eq!(got.body, read.body, "{format}: not what changed, everything");
            assert_eq!(got.header("content-type").map(str::to_owned), read.header("content-type"));
            assert_eq!(got.header("content-length"), Some(got.body.len().to_string().as_str()));
            assert_eq!((got.header("transfer-encoding"), got.header("content-encoding")), (None, None));
            assert_eq!(got.header("link"), Some(hub.link(&format!("all.{format}")).as_str()), "in one header");
            assert_eq!(got.header("host"), Some(subscriber.host().as_str()));
            assert_eq!(got.header("x-hub-signature"), None, "H44: nobody gave a secret");
            for none in ["set-cookie", "etag", "cache-control", "content-security-policy"] {
                assert_eq!(got.header(none), None, "it is a request, not an answer");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn s7_1_h44_h45_a_secret_signs_the_exact_bytes_by_sha256() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        // The last one is longer than a block of the hash.
        let secrets = ["s", "bí mật của làng", &"x".repeat(150)].map(str::to_owned);
        for (number, secret) in secrets.iter().enumerate() {
            for format in FORMATS {
                let callback = subscriber.callback(&format!("/{number}/{format}"));
                hub.confirmed("subscribe", &format!("all.{format}"), &callback, &[("hub.secret", secret.as_str())])
                    .await;
            }
        }
        retitle(db, "1", "Ký tên đóng dấu").await;
        for (number, secret) in secrets.iter().enumerate() {
            for format in FORMATS {
                let got = subscriber.has(&format!("/{number}/{format}"), "Ký tên đóng dấu").await;
                let expected = format!("sha256={}", hmac_sha256(secret.as_bytes(), &got.body));
                assert_eq!(got.header("x-hub-signature"), Some(expected.as_str()), "{secret} {format}");
            }
        }
    })
    .await;
}

/// H46: any 2xx is a yes, and nobody reads what comes with it.
#[tokio::test]
async fn s7_h46_any_2xx_is_a_success_and_the_body_is_ignored() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[("push.delivery_timeout_ms", "60000")]).await;
        let subscriber = Subscriber::start();
        let replies = [
            ("/200", Reply::Echo(200)),
            ("/201", Reply::status(201)),
            ("/202", Reply::status(202)),
            ("/204", Reply::status(204)),
            ("/299", Reply::status(299)),
            ("/lon", Reply::Huge),
            ("/giot", Reply::DripBody),
        ];
        for (path, reply) in &replies {
            subscriber.on_delivery(path, reply.clone());
            hub.subscribe("all.rss", &subscriber.callback(path)).await;
        }
        for (count, title) in ["Bản một", "Bản hai"].into_iter().enumerate() {
            retitle(db, "1", title).await;
            for (path, _) in &replies {
                let got = subscriber.delivered(path, count + 1).await;
                assert!(got[count].text().contains(title), "{path}");
            }
        }
        for (path, _) in &replies {
            subscriber.stays_at(path, 2).await;
        }
        until("nobody to listen to drops", async || subscriber.hung_up() >= 2).await;
        assert!(subscriber.huge_bytes() < 200_000_000, "{}", subscriber.huge_bytes());
    })
    .await;
}

/// H46: a redirect is a failure like any other.
#[tokio::test]
async fn s7_h46_redirects_are_failures_and_not_followed() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let (subscriber, elsewhere) = (Subscriber::start(), Subscriber::start());
        let paths = [301, 302, 303, 307, 308].map(|status| format!("/{status}"));
        for path in &paths {
            let status = path.trim_start_matches('/').parse().unwrap();
            subscriber.on_delivery(path, Reply::redirect(status, &elsewhere.callback("/khac")));
            hub.subscribe("all.rss", &subscriber.callback(path)).await;
        }
        retitle(db, "1", "Đi vòng").await;
        for path in &paths {
            subscriber.delivered(path, 2).await;
            subscriber.on_delivery(path, Reply::Echo(200));
            subscriber.has(path, "Đi vòng").await;
        }
        assert_eq!(elsewhere.connections(), 0);
    })
    .await;
}

#[tokio::test]
async fn s7_h47_410_ends_the_subscription() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let (subscriber, witness) = (Subscriber::start(), Subscriber::start());
        subscriber.on_delivery("/cb", Reply::status(410));
        for callback in [subscriber.callback("/cb"), subscriber.callback("/khac"), witness.callback("/cb")] {
            hub.subscribe("all.rss", &callback).await;
        }
        retitle(db, "1", "Tin cuối").await;
        subscriber.delivered("/cb", 1).await;
        until("its end", async || hub.listed(&subscriber.callback("/cb")).is_empty()).await;
        subscriber.on_delivery("/cb", Reply::Echo(200));
        retitle(db, "1", "Tin sau đó").await;
        witness.has("/cb", "Tin sau đó").await;
        subscriber.has("/khac", "Tin sau đó").await;
        subscriber.stays_at("/cb", 1).await;
        assert_eq!(hub.metric("loa_push_deliveries_total{result=\"gone\"}").await, 1);
    })
    .await;
}

/// H47 to H49: whatever else it answers, it is tried again, and stays subscribed. The newest event takes the place of those that
/// could not be delivered: a feed is a state, not a log.
#[tokio::test]
async fn s7_h48_h49_a_failing_subscriber_stays_and_gets_the_newest_once() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        let failures = [
            ("/400", Reply::status(400)),
            ("/403", Reply::status(403)),
            ("/404", Reply::status(404)),
            ("/500", Reply::status(500)),
            ("/503", Reply::status(503)),
            ("/304", Reply::Echo(304)),
            ("/treo", Reply::Hang),
            ("/giot", Reply::DripHead),
        ];
        for (path, reply) in &failures {
            hub.subscribe("all.rss", &subscriber.callback(path)).await;
            subscriber.on_delivery(path, reply.clone());
        }
        for edition in 1..=4 {
            let title = format!("Bản {edition}.");
            retitle(db, "1", &title).await;
            hub.shows("all.rss", &title).await;
            // At least one is tried with it; those that hang take their time.
            until(&title, async || subscriber.deliveries("/500").iter().any(|got| got.text().contains(&title))).await;
        }
        for (path, _) in &failures {
            subscriber.delivered(path, 1).await;
            subscriber.on_delivery(path, Reply::Echo(200));
        }
        for (path, _) in &failures {
            subscriber.has(path, "Bản 4.").await;
        }
        subscriber.stays_at("/500", subscriber.deliveries("/500").len()).await;
        for (path, _) in &failures {
            assert_eq!(subscriber.taken(path).len(), 1, "{path}: one in place of four");
        }
        assert_eq!(hub.listed(&subscriber.host()).len(), failures.len());
        retitle(db, "1", "Bản 5.").await;
        for (path, _) in &failures {
            subscriber.has(path, "Bản 5.").await;
        }
    })
    .await;
}

/// H48: at the end of the lease what could not be delivered is accounted for.
#[tokio::test]
async fn s7_h48_what_is_given_up_is_a_dead_letter() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        let callback = subscriber.callback("/cb");
        subscriber.on_delivery("/cb", Reply::status(500));
        hub.confirmed("subscribe", "all.rss", &callback, &[("hub.lease_seconds", "2")]).await;
        retitle(db, "1", "Chưa ai nhận").await;
        subscriber.delivered("/cb", 2).await;
        until("the end of the lease", async || hub.health().await["subscriptions"] == 0).await;
        let dead = || hub.subscriptions(&["list", "--dead", "--callback", &callback]);
        until("a dead letter", async || dead().contains(&callback)).await;
        assert!(hub.listed(&callback).is_empty());
        let tries = subscriber.deliveries("/cb").len();
        subscriber.stays_at("/cb", tries).await;
    })
    .await;
}

/// Of the project's own rules (1.6, 7): who says when to come again is not asked before.
#[tokio::test]
async fn rule_7_retry_after_is_honoured() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[("push.retry_first_ms", "10"), ("push.retry_max_ms", "10000")]).await;
        let subscriber = Subscriber::start();
        for (path, status) in [("/429", 429), ("/503", 503)] {
            subscriber.on_delivery(path, Reply::retry_after(status, "1"));
            hub.subscribe("all.rss", &subscriber.callback(path)).await;
        }
        retitle(db, "1", "Đợi đã").await;
        for path in ["/429", "/503"] {
            let got = subscriber.delivered(path, 2).await;
            let waited = got[1].at - got[0].at;
            assert!(waited > Duration::from_millis(950), "{path}: {waited:?}");
        }
    })
    .await;
}

/// H50: a callback by https is asked by TLS, and only if its certificate is good.
#[tokio::test]
async fn s7_h50_https_is_spoken_to_https_and_certificates_are_checked() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        let callback = subscriber.callback("/cb").replace("http:", "https:");
        assert_eq!(hub.wish("subscribe", "all.rss", &callback, &[]).await.status, 202);
        until("a connection by TLS", async || subscriber.by_tls() > 0).await;
        assert!(subscriber.got().is_empty(), "nothing in the clear");

        // Of an authority that nobody trusts.
        let tls = |name: &str| fs::read(fixtures().join("tls").join(name)).unwrap();
        let chain = vec![CertificateDer::from(tls("localhost.der"))];
        let key = PrivatePkcs8KeyDer::from(tls("localhost.key.der"));
        let server = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key.into()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let callback = format!("https://{}/cb", listener.local_addr().unwrap());
        assert_eq!(hub.wish("subscribe", "all.rss", &callback, &[]).await.status, 202);
        let (stream, _) = patiently("a connection", listener.accept()).await.unwrap();
        let shaken = patiently("its end", TlsAcceptor::from(Arc::new(server)).accept(stream)).await;
        assert!(shaken.is_err(), "a stranger is trusted");
    })
    .await;
}

#[tokio::test]
async fn after_unsubscribing_there_is_silence() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let (subscriber, witness) = (Subscriber::start(), Subscriber::start());
        let callback = subscriber.callback("/cb");
        hub.subscribe("all.rss", &witness.callback("/cb")).await;
        for feed in ["all.rss", "all.json"] {
            hub.subscribe(feed, &callback).await;
        }
        retitle(db, "1", "Tin trước").await;
        subscriber.delivered("/cb", 2).await;
        hub.confirmed("unsubscribe", "all.rss", &callback, &[]).await;
        until("one to end", async || hub.listed(&callback).len() == 1).await;
        retitle(db, "1", "Tin sau").await;
        witness.has("/cb", "Tin sau").await;
        let got = subscriber.delivered("/cb", 3).await;
        assert!(got[2].text().starts_with('{'), "the other topic stays");
        subscriber.stays_at("/cb", 3).await;
    })
    .await;
}

/// Promise 5: nothing is pushed before its hour, and nothing withdrawn is pushed later, also to who was away.
#[tokio::test]
async fn nothing_is_pushed_early_and_nothing_late() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[("feeds.content", "\"full\"")]).await;
        let (subscriber, away) = (Subscriber::start(), Subscriber::start());
        for format in FORMATS {
            for (who, path) in [(&subscriber, format!("/{format}")), (&away, format!("/{format}"))] {
                hub.subscribe(&format!("all.{format}"), &who.callback(&path)).await;
            }
            away.on_delivery(&format!("/{format}"), Reply::status(503));
        }
        let committed = Instant::now();
        db.sql(&article("5", "10", "2026-03-18 08:00:00", &[("embargo_until", "'2999-01-01 00:00:00'")])).await;
        db.sql(&article("6", "10", "2026-03-18 08:00:00", &[("status", "'draft'")])).await;
        // The hour is a whole second, so it is one second from now at least.
        let soon = ("published_at", "strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+2 seconds')");
        db.sql(&article("7", "10", "", &[soon])).await;
        db.sql(&article("8", "10", "2026-03-18 08:00:00", &[])).await;
        for format in FORMATS {
            let path = format!("/{format}");
            let got = subscriber.has(&path, "Tin số 7").await;
            assert!(got.at - committed > Duration::from_secs(1), "before its hour");
            assert!(got.text().contains("Tin số 8"));
        }
        db.sql("UPDATE articles SET status = 'withdrawn' WHERE id = '8'").await;
        for format in FORMATS {
            until("the withdrawal", async || {
                subscriber.taken(&format!("/{format}")).last().is_some_and(|got| !got.text().contains("Tin số 8"))
            })
            .await;
            away.on_delivery(&format!("/{format}"), Reply::Echo(200));
        }
        for format in FORMATS {
            let got = away.has(&format!("/{format}"), "Tin số 7").await;
            assert!(!got.text().contains("Tin số 8"), "it was withdrawn meanwhile");
        }
        for got in [subscriber.got(), away.got()].concat() {
            let text = got.text();
            assert!(!text.contains("Tin số 5") && !text.contains("Tin số 6"), "{text}");
        }
    })
    .await;
}

/// What is delivered while the process ends is written down at once, whoever else is waited for.
#[tokio::test]
async fn what_is_delivered_at_the_end_is_written_down_at_once() {
    on::<Sqlite>(async |db| {
        let settings = [("push.delivery_timeout_ms", "60000"), ("push.shutdown_grace_ms", "60000")];
        let mut hub = Hub::start(db, &settings).await;
        let subscriber = Subscriber::start();
        let [slow, hangs] = ["/cham", "/treo"].map(|path| subscriber.callback(path));
        hub.subscribe("all.rss", &slow).await;
        hub.subscribe("all.rss", &hangs).await;
        subscriber.on_delivery("/cham", Reply::Late(Duration::from_secs(1)));
        subscriber.on_delivery("/treo", Reply::Hang);
        retitle(db, "1", "Sắp nghỉ").await;
        subscriber.delivered("/cham", 1).await;
        subscriber.delivered("/treo", 1).await;
        hub.terminate();
        until("it to be written down", async || hub.listed(&slow)[0]["waiting"].is_null()).await;
        assert!(hub.listed(&hangs)[0]["waiting"].is_object(), "this one is waited for");
        hub.kill();
    })
    .await;
}
