//! How the hub asks whether somebody means it, and how it says no (WebSub 5.2 and 5.3, rows H20 to H35 of the requirements).
//! H36 (asking again by itself) is allowed, not asked for: who wants to stay renews.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::sleep;

use crate::support::hub::{Hub, retitle};
use crate::support::on;
use crate::support::sqlite::Sqlite;
use crate::support::subscriber::{Got, Reply, Subscriber, until};

const DROPPED: &str = "loa_push_verifications_total{result=\"dropped\"}";
const POSTPONED: &str = "loa_push_verifications_total{result=\"postponed\"}";

/// Names and values that the hub has appended to a callback with this target.
fn appended(got: &Got, target: &str) -> Vec<(String, String)> {
    let rest = got.target.strip_prefix(target).unwrap_or_else(|| panic!("{} does not begin with {target}", got.target));
    assert!(rest.starts_with(if target.contains('?') { "&hub." } else { "?hub." }), "{}", got.target);
    url::form_urlencoded::parse(rest.split_at(1).1.as_bytes()).into_owned().collect()
}

#[tokio::test]
async fn s5_2_h20_who_is_denied_is_told_and_gets_nothing_more() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let (subscriber, witness) = (Subscriber::start(), Subscriber::start());
        let callback = subscriber.callback("/cb?k=1");
        hub.subscribe("all.atom", &callback).await;
        hub.subscribe("all.atom", &witness.callback("/cb")).await;
        until("a subscription", async || hub.listed(&callback).len() == 1).await;
        let number = hub.listed(&callback)[0]["id"].to_string();
        hub.subscriptions(&["remove", &number, "--reason", "hết hạn & nợ tiền"]);
        let denial = subscriber.asked("/cb", 2).await.remove(1);
        let topic = hub.topic("all.atom");
        let expected = [("hub.mode", "denied"), ("hub.topic", topic.as_str()), ("hub.reason", "hết hạn & nợ tiền")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(appended(&denial, "/cb?k=1"), expected, "and no challenge");
        retitle(db, "1", "Tin sau khi thôi").await;
        witness.has("/cb", "Tin sau khi thôi").await;
        subscriber.stays_at("/cb", 0).await;
        // It was no ban.
        hub.subscribe("all.atom", &callback).await;
        retitle(db, "1", "Tin khi trở lại").await;
        subscriber.has("/cb", "Tin khi trở lại").await;
    })
    .await;
}

/// H20: a feed that ends is denied to who has subscribed to it.
#[tokio::test]
async fn s5_2_h20_who_has_subscribed_to_a_feed_that_ends_is_told() {
    on::<Sqlite>(async |db| {
        let custom =
            [("feeds.custom.ruong.title", "\"Ruộng đồng\""), ("feeds.custom.ruong.categories", "[\"nong-nghiep\"]")];
        let mut hub = Hub::start(db, &custom).await;
        let subscriber = Subscriber::start();
        let callback = subscriber.callback("/cb");
        hub.shows("custom/ruong.rss", "Tin số 2").await;
        hub.subscribe("custom/ruong.rss", &callback).await;
        until("a subscription", async || hub.listed(&callback).len() == 1).await;
        hub.stop();
        hub.forget("feeds.custom.");
        hub.go_on().await;
        let denial = subscriber.asked("/cb", 2).await.remove(1);
        assert_eq!(denial.parameter("hub.mode").as_deref(), Some("denied"));
        assert_eq!(denial.parameter("hub.topic"), Some(hub.topic("custom/ruong.rss")));
        assert!(hub.listed(&callback).is_empty());
        subscriber.stays_at("/cb", 0).await;
    })
    .await;
}

/// H21: no request is believed without a question. H22: the end of a subscription is not the publisher's business: there is
/// no room for another subscription, but for the end of this one.
#[tokio::test]
async fn s5_2_h21_h22_every_request_is_verified_and_an_end_is_not_refused() {
    on::<Sqlite>(async |db| {
        let limits = [("push.subscriptions_max", "1"), ("push.subscriptions_per_host_max", "1")];
        let hub = Hub::start(db, &limits).await;
        let subscriber = Subscriber::start();
        let callback = subscriber.callback("/cb");
        for (count, mode) in ["subscribe", "subscribe", "unsubscribe", "subscribe"].into_iter().enumerate() {
            if count == 1 {
                assert_eq!(hub.wish("subscribe", "all.rss", &subscriber.callback("/khac"), &[]).await.status, 429);
            }
            hub.confirmed(mode, "all.rss", &callback, &[]).await;
            let standing = usize::from(mode == "subscribe");
            until(mode, async || hub.listed(&callback).len() == standing).await;
            let questions = subscriber.questions("/cb");
            assert_eq!(questions.len(), count + 1);
            assert_eq!(questions[count].parameter("hub.mode").as_deref(), Some(mode));
        }
    })
    .await;
}

/// H30, H32: what a question says, and that its challenge is one that nobody has seen.
#[tokio::test]
async fn s5_3_h30_h32_a_question_says_what_was_asked_with_a_challenge_of_the_alphabet() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[("push.lease_default_seconds", "77777")]).await;
        let subscriber = Subscriber::start();
        let mut challenges = BTreeSet::new();
        // The second is written in another way, which the question must keep.
        for (path, feed, lease) in [("/mot", "all.rss", None), ("/hai", "category/kinh%2dte.json", Some("4000"))] {
            let more: Vec<_> = lease.map(|lease| ("hub.lease_seconds", lease)).into_iter().collect();
            for mode in ["subscribe", "unsubscribe"] {
                hub.confirmed(mode, feed, &subscriber.callback(path), &more).await;
                let question = subscriber.questions(path).pop().unwrap();
                assert!(question.body.is_empty() && question.header("x-hub-signature").is_none());
                assert_eq!(question.header("host"), Some(subscriber.host().as_str()));
                let challenge = question.parameter("hub.challenge").unwrap();
                let allowed = |c: char| c.is_ascii_alphanumeric() || "+-./=_".contains(c);
                assert!(challenge.len() >= 32 && challenge.chars().all(allowed), "{challenge}");
                let mut expected = vec![
                    ("hub.mode".to_owned(), mode.to_owned()),
                    ("hub.topic".to_owned(), hub.topic(feed)),
                    ("hub.challenge".to_owned(), challenge.clone()),
                ];
                if mode == "subscribe" {
                    expected.push(("hub.lease_seconds".to_owned(), lease.unwrap_or("77777").to_owned()));
                }
                assert_eq!(appended(&question, path), expected);
                assert!(challenges.insert(challenge), "twice the same");
            }
        }
    })
    .await;
}

/// H31: a callback is asked, and told, at exactly its address, whatever its query says.
#[tokio::test]
async fn s5_3_h31_the_query_of_a_callback_is_kept() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        let targets = [
            "/api/pshb.php?k=a1b2",
            "/mode?hub.mode=unsubscribe&hub.challenge=cua-ai&x",
            "/Nguoi%20Doc?q=Ph%C3%BA%20Th%E1%BB%8D+%2B",
            "/%7Enguoi/%2e%2E%2f;v=1?a=b?c=d",
        ];
        for target in targets {
            hub.subscribe("all.rss", &subscriber.callback(target)).await;
        }
        let questions = subscriber.got();
        for (question, target) in questions.iter().zip(targets) {
            let names: Vec<_> = appended(question, target).into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["hub.mode", "hub.topic", "hub.challenge", "hub.lease_seconds"], "{target}");
        }
        retitle(db, "1", "Đến đúng chỗ").await;
        until("all deliveries", async || subscriber.got().len() >= 2 * targets.len()).await;
        let told: BTreeSet<_> = subscriber.got().into_iter().skip(targets.len()).map(|got| got.target).collect();
        let expected = BTreeSet::from(targets.map(str::to_owned));
        assert_eq!(told, expected, "H40: nothing is added");
    })
    .await;
}

/// H33: any 2xx with exactly the challenge is a yes, everything else is none.
#[tokio::test]
async fn s5_3_h33_only_2xx_with_exactly_the_challenge_is_a_yes() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let (subscriber, elsewhere) = (Subscriber::start(), Subscriber::start());
        let redirect = |status| Reply::redirect(status, &elsewhere.callback("/"));
        let refusals = [
            ("/404", Reply::Echo(404)),
            ("/403", Reply::Echo(403)),
            ("/429", Reply::Echo(429)),
            ("/500", Reply::Echo(500)),
            ("/301", redirect(301)),
            ("/302", redirect(302)),
            ("/307", redirect(307)),
            ("/308", redirect(308)),
            ("/304", Reply::Echo(304)),
            ("/khac", Reply::status(200)),
            ("/rong", Reply::status(204)),
            ("/dong-moi", Reply::Around("", "\n")),
            ("/trong", Reply::Around(" ", "")),
            ("/duoi", Reply::Around("", "x")),
            ("/trang", Reply::Around("<html>", "</html>")),
            ("/dai", Reply::Huge),
        ];
        for (path, reply) in &refusals {
            subscriber.on_question(path, reply.clone());
            assert_eq!(hub.wish("subscribe", "all.rss", &subscriber.callback(path), &[]).await.status, 202);
        }
        // A server's own fault is asked about again, and counts in the end like the rest.
        hub.counts(DROPPED, u64::try_from(refusals.len()).unwrap()).await;
        for status in [200, 201, 202, 299] {
            let path = format!("/{status}");
            subscriber.on_question(&path, Reply::Echo(status));
            hub.subscribe("all.rss", &subscriber.callback(&path)).await;
        }
        retitle(db, "1", "Chỉ cho ai nhận").await;
        for path in ["/200", "/201", "/202", "/299"] {
            subscriber.has(path, "Chỉ cho ai nhận").await;
        }
        subscriber.stays_at("/404", 0).await;
        for (path, _) in &refusals {
            assert!(subscriber.deliveries(path).is_empty(), "{path}");
        }
        assert_eq!(elsewhere.connections(), 0, "redirects are not followed");
        assert!(subscriber.huge_bytes() < 100_000_000, "nobody reads a gigabyte to see that it is no challenge");
    })
    .await;
}

/// A callback that does not answer in time is asked again: it may have been started anew just then.
#[tokio::test]
async fn s5_3_h33_silence_is_no_answer_and_is_asked_again() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[("push.verification_timeout_ms", "300")]).await;
        let subscriber = Subscriber::start();
        for (path, silence) in [("/treo", Reply::Hang), ("/dau", Reply::DripHead), ("/than", Reply::DripBody)] {
            subscriber.on_question(path, silence);
            let postponed = hub.metric(POSTPONED).await;
            assert_eq!(hub.wish("subscribe", "all.rss", &subscriber.callback(path), &[]).await.status, 202);
            hub.counts(POSTPONED, postponed + 1).await;
            subscriber.on_question(path, Reply::Echo(200));
        }
        until("all to be confirmed", async || hub.listed(&subscriber.host()).len() == 3).await;
        until("nobody to be waited for", async || subscriber.hung_up() >= 3).await;
        for path in ["/treo", "/dau", "/than"] {
            let challenges = subscriber.questions(path).into_iter().map(|got| got.parameter("hub.challenge"));
            let (count, challenges) = (subscriber.questions(path).len(), challenges.collect::<BTreeSet<_>>());
            assert!(count >= 2 && challenges.len() == count, "{path}: a challenge is used once: {challenges:?}");
        }
    })
    .await;
}

/// Who never answers is asked so many times, and then left in peace: nothing has changed for him.
#[tokio::test]
async fn s5_3_h33_who_does_not_answer_is_asked_so_often() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[("push.verification_tries_max", "2")]).await;
        let subscriber = Subscriber::start();
        subscriber.on_question("/cb", Reply::Hang);
        assert_eq!(hub.wish("subscribe", "all.rss", &subscriber.callback("/cb"), &[]).await.status, 202);
        hub.counts(DROPPED, 1).await;
        assert_eq!((subscriber.questions("/cb").len(), hub.metric(POSTPONED).await), (2, 1));
    })
    .await;
}

/// H34: what is not renewed ends, and nobody has a subscription for ever.
#[tokio::test]
async fn s5_3_h34_a_lease_ends() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[("push.lease_max_seconds", "864000")]).await;
        let (subscriber, witness) = (Subscriber::start(), Subscriber::start());
        hub.subscribe("all.rss", &witness.callback("/cb")).await;
        for path in ["/het", "/gia-han"] {
            hub.confirmed("subscribe", "all.rss", &subscriber.callback(path), &[("hub.lease_seconds", "1")]).await;
        }
        hub.confirmed("subscribe", "all.rss", &subscriber.callback("/gia-han"), &[("hub.lease_seconds", "999999999")])
            .await;
        let question = subscriber.questions("/gia-han").pop().unwrap();
        assert_eq!(question.parameter("hub.lease_seconds").as_deref(), Some("864000"));
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        retitle(db, "1", "Tin quá hạn").await;
        witness.has("/cb", "Tin quá hạn").await;
        subscriber.has("/gia-han", "Tin quá hạn").await;
        subscriber.stays_at("/het", 0).await;
        until("it to be forgotten", async || hub.listed(&subscriber.callback("/het")).is_empty()).await;
        assert_eq!(hub.listed(&subscriber.callback("/gia-han")).len(), 1);
    })
    .await;
}

/// H35, and H8 of both modes: what the callback does not confirm changes nothing.
#[tokio::test]
async fn s5_3_h35_s5_1_h8_a_failed_verification_leaves_the_subscription_as_it_was() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[]).await;
        let subscriber = Subscriber::start();
        let callback = subscriber.callback("/cb");
        hub.confirmed("subscribe", "all.rss", &callback, &[("hub.lease_seconds", "5000")]).await;
        until("a subscription", async || hub.listed(&callback).len() == 1).await;
        let before = hub.listed(&callback);
        for (count, (mode, reply)) in [
            ("unsubscribe", Reply::status(404)),
            ("unsubscribe", Reply::Around("", "\n")),
            ("subscribe", Reply::status(410)),
            ("subscribe", Reply::status(200)),
        ]
        .into_iter()
        .enumerate()
        {
            subscriber.on_question("/cb", reply);
            let more = [("hub.lease_seconds", "9000"), ("hub.secret", "x")];
            assert_eq!(hub.wish(mode, "all.rss", &callback, &more).await.status, 202);
            hub.counts(DROPPED, u64::try_from(count).unwrap() + 1).await;
        }
        assert_eq!(hub.listed(&callback), before);
        retitle(db, "1", "Vẫn còn đây").await;
        let got = subscriber.has("/cb", "Vẫn còn đây").await;
        assert_eq!(got.header("x-hub-signature"), None);
    })
    .await;
}

/// H34: what is owed to one whose lease has just ended is not delivered, and the others get theirs.
#[tokio::test]
async fn s5_3_h34_a_lease_that_is_over_puts_nobody_else_off() {
    on::<Sqlite>(async |db| {
        let hub = Hub::start(db, &[("push.lease_min_seconds", "1")]).await;
        let (gone, stays) = (Subscriber::start(), Subscriber::start());
        hub.subscribe("all.rss", &stays.callback("/o-lai")).await;
        hub.confirmed("subscribe", "all.rss", &gone.callback("/di"), &[("hub.lease_seconds", "1")]).await;
        sleep(Duration::from_millis(1_200)).await;
        for title in ["Sau khi hết hạn", "Và sau đó nữa"] {
            retitle(db, "1", title).await;
            stays.has("/o-lai", title).await;
        }
        gone.stays_at("/di", 0).await;
    })
    .await;
}
