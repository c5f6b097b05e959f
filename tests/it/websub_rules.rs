//! The project's own rules beyond the Recommendation (`docs/decisions/push.md`): what a hub on the internet has to withstand.
//! Rule 5 on fairness and 6 on what is superseded are also in `websub_deliver`; how soon 10 is, `benches/push` measures.

use std::time::Duration;

use crate::support::http::Answer;
use crate::support::hub::{Hub, retitle};
use crate::support::sqlite::Sqlite;
use crate::support::subscriber::{Reply, Subscriber, post, until};
use crate::support::{Database as _, on};

const RENDERS: &str = "loa_document_renders_total{result=\"ok\"}";
const DROPPED: &str = "loa_push_verifications_total{result=\"dropped\"}";

fn assert_later(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
    assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
}

/// Rules 1 and 2: topics are ours, and nobody but the newsroom publishes. Nothing that a stranger names is asked for.
#[tokio::test]
async fn rule_1_rule_2_strangers_have_nothing_fetched_and_nothing_published() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let (subscriber, stranger) = (Subscriber::start(), Subscriber::start());
        hub.subscribe("all.rss", &subscriber.callback("/cb")).await;
        let theirs = stranger.callback("/feeds/all.rss");
        for mode in ["subscribe", "unsubscribe"] {
            let fields = [("hub.mode", mode), ("hub.topic", theirs.as_str()), ("hub.callback", theirs.as_str())];
            assert_eq!(hub.ask(&fields).await.status, 404);
        }
        let ours = hub.topic("all.rss");
        for url in [&theirs, &ours] {
            for name in ["hub.url", "hub.topic"] {
                assert_eq!(hub.ask(&[("hub.mode", "publish"), (name, url.as_str())]).await.status, 403, "{url}");
            }
        }
        // A commit that changes nothing for readers is no event either.
        db.sql("UPDATE articles SET revision = 'nhập lại', updated_at = '2026-03-18 10:00:00'").await;
        subscriber.stays_at("/cb", 0).await;
        assert_eq!(stranger.connections(), 0);
        retitle(db, "1", "Tin của tòa soạn").await;
        subscriber.has("/cb", "Tin của tòa soạn").await;
    })
    .await;
}

/// Rule 3: a callback that is not on the public internet is refused, however it is written, and never connected to.
#[tokio::test]
async fn rule_3_callbacks_lead_to_the_public_internet_only() {
    on::<Sqlite>(async |db| {
        let neighbour = Subscriber::start();
        let port = neighbour.port();
        let ports = format!("[80, 443, {port}]");
        let settings = [("push.callbacks_may_be_local", "false"), ("push.callback_ports", ports.as_str())];
        let hub = Hub::start(db, &settings).await;
        for host in [
            "127.0.0.1",
            "127.9.9.9",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[fc00::1]",
            "[fe80::1]",
            "[ff02::1]",
        ] {
            let answer = hub.wish("subscribe", "all.rss", &format!("http://{host}:{port}/cb"), &[]).await;
            assert_eq!(answer.status, 403, "{host}: {}", answer.text());
            assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
        }
        // A name tells only when it is looked up.
        for host in ["localhost", "LocalHost"] {
            let dropped = hub.metric(DROPPED).await;
            let answer = hub.wish("subscribe", "all.rss", &format!("http://{host}:{port}/cb"), &[]).await;
            assert!([202, 403].contains(&answer.status), "{host}: {}", answer.text());
            if answer.status == 202 {
                hub.counts(DROPPED, dropped + 1).await;
            }
        }
        assert_eq!(neighbour.connections(), 0);
        assert!(hub.listed("/cb").is_empty());
    })
    .await;
}

/// Rule 3, and 8 on lengths: ports by policy, nobody's password, no line that we did not write, and never ourselves.
#[tokio::test]
async fn rule_3_rule_8_callbacks_are_plain_addresses() {
    on::<Sqlite>(async |db| {
        let public = Hub::start(db, &[("push.callbacks_may_be_local", "false")]).await;
        for callback in
            ["http://a.example:22/", "https://a.example:6379/", "http://a.example:8444/", "https://a.example:25/"]
        {
            let answer = public.wish("subscribe", "all.rss", callback, &[]).await;
            assert_eq!(answer.status, 403, "{callback}: {}", answer.text());
            assert!(answer.text().contains("port"), "{}", answer.text());
        }
    })
    .await;
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        assert_eq!(hub.wish("subscribe", "all.rss", &hub.url("hub"), &[]).await.status, 403, "ourselves");
        for callback in [
            format!("http://ten:matkhau@{}/", subscriber.host()),
            format!("http://@{}/", subscriber.host()),
            subscriber.callback("/a\r\nX-Them: 1"),
            subscriber.callback("/a\0b"),
            subscriber.callback("/a b"),
        ] {
            let answer = hub.wish("subscribe", "all.rss", &callback, &[]).await;
            assert!([400, 403].contains(&answer.status), "{callback:?}: {}", answer.text());
        }
        assert_eq!(subscriber.connections(), 0);
    })
    .await;
}

#[tokio::test]
async fn rule_3_no_proxy_of_the_environment_is_asked() {
    on::<Sqlite>(async |db| {
        let mut hub = Hub::start(db, &[]).await;
        hub.stop();
        let (subscriber, proxy) = (Subscriber::start(), Subscriber::start());
        let address = proxy.callback("");
        let names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
        hub.go_on_with(&names.map(|name| (name, address.as_str()))).await;
        hub.subscribe("all.rss", &subscriber.callback("/cb")).await;
        retitle(db, "1", "Đi thẳng").await;
        subscriber.has("/cb", "Đi thẳng").await;
        assert_eq!(proxy.connections(), 0);
    })
    .await;
}

/// Rule 4: who is silent, or drips, is left after the whole time that one exchange may take.
#[tokio::test]
async fn rule_4_nobody_is_waited_for_longer_than_said() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        for (path, silence) in [("/treo", Reply::Hang), ("/giot", Reply::DripHead)] {
            hub.subscribe("all.rss", &subscriber.callback(path)).await;
            subscriber.on_delivery(path, silence);
        }
        retitle(db, "1", "Chờ dài cổ").await;
        for path in ["/treo", "/giot"] {
            let got = subscriber.delivered(path, 2).await;
            let between = got[1].at - got[0].at;
            assert!(between >= Duration::from_secs(1), "{path}: cut after {between:?}");
        }
        until("both to be left", async || subscriber.hung_up() >= 2).await;
        // A slow answer within the time is one.
        subscriber.on_delivery("/cham", Reply::Late(Duration::from_millis(200)));
        hub.subscribe("all.atom", &subscriber.callback("/cham")).await;
        retitle(db, "1", "Thong thả").await;
        subscriber.has("/cham", "Thong thả").await;
        subscriber.stays_at("/cham", 1).await;
    })
    .await;
}

/// Rule 5: a host has so many connections at most, and two until it answers; however many of them hang, others get everything
/// at once.
#[tokio::test]
async fn rule_5_a_host_that_hangs_delays_nobody_else() {
    on::<Sqlite>(async |db| {
        let settings = [
            ("push.delivery_timeout_ms", "60000"),
            ("push.deliveries_per_host_max", "3"),
            ("push.deliveries_max", "4"),
        ];
        let hub = Hub::start(db, &settings).await;
        let (hanging, well) = (Subscriber::start(), Subscriber::start());
        for number in 0..8 {
            hanging.on_delivery(&format!("/{number}"), Reply::Hang);
            hub.subscribe("all.rss", &hanging.callback(&format!("/{number}"))).await;
        }
        for number in 0..4 {
            hub.subscribe("all.rss", &well.callback(&format!("/{number}"))).await;
        }
        for edition in 1..=3 {
            let title = format!("Bản {edition}.");
            retitle(db, "1", &title).await;
            for number in 0..4 {
                well.has(&format!("/{number}"), &title).await;
            }
        }
        assert_eq!((hanging.under_way(), hanging.under_way_most()), (2, 2), "and it still hangs");
        assert_eq!(hanging.hung_up(), 0);
        until("the rest to wait in state", async || hub.health().await["waiting"] == 8).await;
    })
    .await;
}

/// Rule 5: who has not answered yet has less, each for himself and all together.
#[tokio::test]
async fn rule_5_hosts_that_have_not_answered_share_a_part() {
    on::<Sqlite>(async |db| {
        let settings = [
            ("push.delivery_timeout_ms", "60000"),
            ("push.deliveries_max", "8"),
            ("push.deliveries_per_host_max", "8"),
            ("push.deliveries_per_unproven_host_max", "3"),
            ("push.deliveries_unproven_percent", "50"),
        ];
        let hub = Hub::start(db, &settings).await;
        let hosts = [Subscriber::start(), Subscriber::start()];
        for host in &hosts {
            host.on_delivery("/cb", Reply::Hang);
            for number in 0..4 {
                hub.subscribe("all.rss", &host.callback(&format!("/cb?{number}"))).await;
            }
        }
        retitle(db, "1", "Chưa quen").await;
        let all = || hosts.iter().map(Subscriber::under_way).sum::<usize>();
        until("half of all", async || all() == 4).await;
        hosts[0].stays_at("/cb", hosts[0].deliveries("/cb").len()).await;
        let mut most = hosts.each_ref().map(Subscriber::under_way_most);
        most.sort_unstable();
        assert_eq!((most, all()), ([1, 3], 4));
    })
    .await;
}

/// Rule 6: what waits survives a stop, and what came meanwhile takes its place.
#[tokio::test]
async fn rule_6_what_waits_stands_in_state() {
    on::<Sqlite>(async |db| {
        let mut hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        for format in ["rss", "json"] {
            hub.subscribe(&format!("all.{format}"), &subscriber.callback(&format!("/{format}"))).await;
            subscriber.on_delivery(&format!("/{format}"), Reply::status(500));
        }
        retitle(db, "1", "Trước khi nghỉ").await;
        subscriber.delivered("/rss", 1).await;
        until("the age of what waits", async || hub.health().await["oldest_seconds"].is_number()).await;
        hub.stop();
        let tries = subscriber.deliveries("/json").len();
        retitle(db, "1", "Trong lúc nghỉ").await;
        subscriber.stays_at("/json", tries).await;
        for format in ["rss", "json"] {
            subscriber.on_delivery(&format!("/{format}"), Reply::Echo(200));
        }
        hub.go_on().await;
        for format in ["rss", "json"] {
            subscriber.has(&format!("/{format}"), "Trong lúc nghỉ").await;
            assert!(subscriber.taken(&format!("/{format}")).len() <= 2);
        }
        until("all to be delivered", async || hub.health().await["waiting"] == 0).await;
        until("it to be told", async || hub.health().await["last_delivered"].is_string()).await;
    })
    .await;
}

/// Rule 6: what is under way at a stop has so much time to end; otherwise the next process delivers it.
#[tokio::test]
async fn rule_6_what_is_under_way_may_end_within_the_grace() {
    for (grace_ms, takes, deliveries) in [("20000", Duration::from_secs(1), 1), ("0", Duration::from_secs(20), 2)] {
        on::<Sqlite>(async |db| {
            let settings = [("push.delivery_timeout_ms", "60000"), ("push.shutdown_grace_ms", grace_ms)];
            let mut hub = Hub::start(db, &settings).await;
            let subscriber = Subscriber::start();
            hub.subscribe("all.rss", &subscriber.callback("/cb")).await;
            subscriber.on_delivery("/cb", Reply::Late(takes));
            retitle(db, "1", "Trước giờ nghỉ").await;
            subscriber.delivered("/cb", 1).await;
            hub.stop();
            subscriber.on_delivery("/cb", Reply::Echo(200));
            hub.go_on().await;
            subscriber.delivered("/cb", deliveries).await;
            subscriber.stays_at("/cb", deliveries).await;
        })
        .await;
    }
}

/// Rule 7: what would be tried again too late is given up, but not before it was tried so often.
#[tokio::test]
async fn rule_7_what_comes_too_late_is_given_up_after_so_many_tries() {
    for (tries_min, result, letters) in [("1", "given_up", 1), ("2", "failed", 0)] {
        on::<Sqlite>(async |db| {
            let settings = [
                ("push.give_up_minutes", "1"),
                ("push.give_up_tries_min", tries_min),
                ("push.retry_max_ms", "3600000"),
            ];
            let hub = Hub::start(db, &settings).await;
            let subscriber = Subscriber::start();
            subscriber.on_delivery("/cb", Reply::retry_after(503, "3600"));
            hub.subscribe("all.rss", &subscriber.callback("/cb")).await;
            retitle(db, "1", "Hẹn một giờ nữa").await;
            hub.counts(&format!("loa_push_deliveries_total{{result=\"{result}\"}}"), 1).await;
            let dead = || hub.subscriptions(&["list", "--dead", "--json", "--callback", &subscriber.host()]);
            until("its dead letter", async || dead().lines().count() == letters).await;
            until("it to wait otherwise", async || hub.health().await["waiting"] == 1 - letters).await;
            assert_eq!(hub.listed(&subscriber.host()).len(), 1, "the subscription stays");
            subscriber.stays_at("/cb", 1).await;
        })
        .await;
    }
}

/// Rule 7: a host that fails again and again is left alone for a while, and tried by one delivery then.
#[tokio::test]
async fn rule_7_a_breaker_gives_a_failing_host_rest() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(
            db,
            &[
                ("push.retry_first_ms", "10"),
                ("push.retry_max_ms", "20"),
                ("push.breaker_failures", "3"),
                ("push.breaker_pause_ms", "1500"),
            ],
        )
        .await;
        let (failing, well) = (Subscriber::start(), Subscriber::start());
        hub.subscribe("all.rss", &failing.callback("/cb")).await;
        hub.subscribe("all.rss", &well.callback("/cb")).await;
        failing.on_delivery("/cb", Reply::status(500));
        retitle(db, "1", "Nghỉ một lát").await;
        let got = failing.delivered("/cb", 4).await;
        let rest = got[3].at - got[2].at;
        assert!(rest > Duration::from_millis(1400), "{rest:?} after three failures in a row");
        assert_eq!(well.has("/cb", "Nghỉ một lát").await.target, "/cb");
        until("the metric", async || hub.metric("loa_push_breakers_open").await == 1).await;
        assert_eq!(hub.health().await["breakers_open"], 1);
        failing.on_delivery("/cb", Reply::Echo(200));
        failing.has("/cb", "Nghỉ một lát").await;
        until("the breaker to close", async || hub.metric("loa_push_breakers_open").await == 0).await;
        failing.stays_at("/cb", 5).await;
    })
    .await;
}

/// Rule 8: subscriptions of a host, requests of a host that wait, requests of a client.
#[tokio::test]
async fn rule_8_nobody_gets_more_than_his_share() {
    on::<Sqlite>(async |db| {
        let limits = [
            ("push.subscriptions_per_host_max", "2"),
            ("push.requests_per_host_max", "2"),
            ("push.requests_per_client_hour", "4"),
            ("push.requests_per_client_max", "1"),
            ("push.client_header", "\"X-Client\""),
            ("push.verification_timeout_ms", "60000"),
        ];
        let hub = Hub::start(db, &limits).await;
        let (many, silent, other) = (Subscriber::start(), Subscriber::start(), Subscriber::start());
        for path in ["/1", "/2"] {
            hub.subscribe("all.rss", &many.callback(path)).await;
        }
        until("two", async || hub.listed(&many.host()).len() == 2).await;
        assert_later(&hub.wish("subscribe", "all.rss", &many.callback("/3"), &[]).await);
        // Who is there already may renew.
        hub.subscribe("all.rss", &many.callback("/2")).await;
        for number in 1..=2 {
            silent.on_question(&format!("/{number}"), Reply::Hang);
            let answer = hub.wish("subscribe", "all.rss", &silent.callback(&format!("/{number}")), &[]).await;
            assert_eq!(answer.status, 202, "{}", answer.text());
        }
        assert_later(&hub.wish("subscribe", "all.rss", &silent.callback("/3"), &[]).await);
        hub.subscribe("all.rss", &other.callback("/1")).await;

        // The last address is the one that our own proxy has written.
        let from = async |client: &str, callback: &str| {
            let topic = hub.topic("all.rss");
            let fields = [("hub.mode", "subscribe"), ("hub.topic", topic.as_str()), ("hub.callback", callback)];
            let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            let headers = ["Content-Type: application/x-www-form-urlencoded", &format!("X-Client: {client}")];
            post(hub.address, &headers, form.as_bytes()).await
        };
        let callback = other.callback("/1");
        for number in 0..4 {
            assert_eq!(from(&format!("192.0.2.{number}, 198.51.100.7"), &callback).await.status, 202);
        }
        assert_later(&from("192.0.2.9, 198.51.100.7", &callback).await);
        assert_eq!(from("198.51.100.7, 192.0.2.9", &callback).await.status, 202);
        // One client, hosts that never answer: others are asked meanwhile.
        let (quiet, deaf) = (Subscriber::start(), Subscriber::start());
        quiet.on_question("/cb", Reply::Hang);
        assert_eq!(from("2001:db8::1", &quiet.callback("/cb")).await.status, 202);
        assert_later(&from("2001:db8::2", &deaf.callback("/cb")).await);
        assert_eq!(from("2001:db8:0:1::2", &deaf.callback("/cb")).await.status, 202);
        quiet.asked("/cb", 1).await;
        deaf.asked("/cb", 1).await;
        assert_eq!(quiet.hung_up(), 0, "it is still waited for");
    })
    .await;
}

/// Rule 9, and A12: a secret signs and a callback admits, so neither is in a log; nobody but the one who signs needs the secret.
#[tokio::test]
async fn rule_9_secrets_and_callbacks_are_in_no_log() {
    on::<Sqlite>(async |db| {
        let mut hub = Hub::start(db, &[("log.level", "\"trace\"")]).await;
        let subscriber = Subscriber::start();
        let (secret, key) = ("bi-mat-7f3a91", "khoa-5c02e8");
        let callback = subscriber.callback(&format!("/nhan-{key}?k={key}"));
        let path = format!("/nhan-{key}");
        hub.confirmed("subscribe", "all.rss", &callback, &[("hub.secret", secret)]).await;
        until("a subscription", async || hub.listed(&callback).len() == 1).await;
        subscriber.on_delivery(&path, Reply::status(500));
        retitle(db, "1", "Chuyện kín").await;
        subscriber.delivered(&path, 3).await;
        let number = hub.listed(&callback)[0]["id"].to_string();
        let commands: [&[&str]; 4] = [&["list"], &["list", "--json"], &["show", &number], &["show", &number, "--json"]];
        let shown = commands.map(|args| hub.subscriptions(args));
        assert!(shown.iter().all(|text| text.contains(key) && !text.contains(secret)), "{shown:#?}");
        // Refusals, denials and the end of a lease tell something, too.
        hub.wish("subscribe", "all.rss", &callback, &[("hub.secret", secret.repeat(20).as_str())]).await;
        subscriber.on_question(&path, Reply::Hang);
        hub.subscriptions(&["remove", &number]);
        subscriber.asked(&path, 2).await;
        hub.counts("loa_push_verifications_total{result=\"postponed\"}", 1).await;
        hub.stop();
        let log = hub.log();
        assert!(log.contains(&subscriber.host()), "what happened is told by the host: {log}");
        assert!(!log.contains(secret) && !log.contains(key), "{log}");
    })
    .await;
}

/// Rule 10: the document is made once for an event, and what is served is what is sent.
#[tokio::test]
async fn rule_10_a_document_is_made_once_however_many_get_it() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        let mut renders = Vec::new();
        for (round, title) in ["Cho một người", "Cho mười hai người"].into_iter().enumerate() {
            let paths: Vec<String> = (0..=11 * round).map(|number| format!("/vong-{round}-{number}")).collect();
            for path in &paths {
                hub.subscribe("all.rss", &subscriber.callback(path)).await;
            }
            let before = hub.metric(RENDERS).await;
            retitle(db, "1", title).await;
            let mut bodies = Vec::new();
            for path in &paths {
                bodies.push(subscriber.has(path, title).await.body);
            }
            assert_eq!((bodies.len(), bodies.iter().all(|body| *body == bodies[0])), (1 + 11 * round, true));
            assert_eq!(hub.feed("all.rss").await.body, bodies[0], "what is served");
            renders.push(hub.metric(RENDERS).await - before);
        }
        assert_eq!(renders, [1, 1]);
    })
    .await;
}
