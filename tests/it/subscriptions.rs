//! `loa subscriptions`: the real program beside a state that holds some.

use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Asia::Ho_Chi_Minh;
use loa::domain::category::CategoryId;
use loa::domain::clock::{Clock as _, SystemClock, Timestamp};
use loa::domain::feed_key::FeedKey;
use loa::domain::format::Format;
use loa::domain::ledger::{Batch, Touch};
use loa::domain::scope::Scope;
use loa::domain::secret::Secret;
use loa::state::push::{
    Accepted, Delivery, NewRequest, Outcome, Request, RequestLimits, Subscription, Subscriptions, Verdict, Wish,
};
use loa::state::{self, State};
use loa::text::stamp::rfc3339;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::process::run;

const STATE: &str = "sqlite:state.sqlite";
const READER: &str = "https://reader.example/push?k=1";
const OTHER: &str = "https://other.example/hook";
const HOST: &str = "reader.example:443";
const SECRET: &str = "geheim-9f3c";
const HOUR: Duration = Duration::from_hours(1);
const LIMITS: RequestLimits = RequestLimits {
    subscriptions_max: 1000,
    subscriptions_per_host_max: 1000,
    requests_per_host_max: 1000,
    requests_per_client_max: 1000,
    requests_max: 1000,
};

fn all() -> FeedKey {
    FeedKey::new(Scope::All, Format::Rss)
}

fn now() -> Timestamp {
    SystemClock.now()
}

/// A directory with a state, whose front page feed and category 11 have changed once.
struct Newsroom {
    directory: TempDir,
    ledger: Arc<dyn State>,
    subscriptions: Arc<dyn Subscriptions>,
}

impl Newsroom {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("state.sqlite").display());
        let ledger = state::open(&url).await.unwrap();
        let subscriptions = state::open_subscriptions(&url).await.unwrap();
        let newsroom = Self { directory, ledger, subscriptions };
        newsroom.changed().await;
        newsroom
    }

    async fn changed(&self) {
        let touch = |scope| Touch { scope, at: now(), removes: false };
        let touches = [Scope::All, Scope::Category(CategoryId::new("11"))].map(touch).to_vec();
        self.ledger.commit(&Batch { touches, ..Batch::default() }).await.unwrap();
    }

    /// Exit status, standard output, standard error.
    fn loa(&self, args: &[&str]) -> (i32, String, String) {
        let mut line = vec!["subscriptions"];
        line.extend(args);
        line.extend(["--state", STATE]);
        run(self.directory.path(), &line)
    }

    /// What a command without faults prints.
    fn said(&self, args: &[&str]) -> String {
        let (status, said, errors) = self.loa(args);
        assert_eq!((status, errors.as_str()), (0, ""), "{args:?}");
        assert!(!said.contains(SECRET) && !said.contains('\u{1b}'), "{said}");
        said
    }

    async fn request(&self, key: FeedKey, callback: &str, secret: Option<&str>) {
        let topic = format!("https://tin.example/feeds/{}.{}", key.scope, key.format);
        let wish = Wish::Subscribe { lease_s: 864_000, secret: secret.map(Secret::new) };
        let (callback, host) = (callback.to_owned(), HOST.to_owned());
        let request = NewRequest { key, topic, callback, host, wish, client: None };
        assert_eq!(self.subscriptions.request(&request, &LIMITS, now()).await.unwrap(), Accepted::Recorded);
    }

    async fn requests(&self) -> Vec<Request> {
        self.subscriptions.claim_requests(1000, 1000, now(), now() + HOUR).await.unwrap()
    }

    /// Every callback that was asked for has confirmed.
    async fn confirm(&self) {
        for request in self.requests().await {
            let verdict = Verdict::Confirmed { asked_at: now(), sequence: 1 };
            self.subscriptions.settle_request(&request, &verdict, now()).await.unwrap();
        }
    }

    /// The signed one of the front page feed at [`READER`].
    async fn subscribed(&self) -> Subscription {
        self.request(all(), READER, Some(SECRET)).await;
        self.confirm().await;
        self.subscriptions.list(Some(READER), 0, 2).await.unwrap().remove(0)
    }

    /// What is due, taken.
    async fn claim(&self) -> Vec<Delivery> {
        self.subscriptions.claim(&[(HOST.to_owned(), 10)], now(), now() + HOUR).await.unwrap()
    }

    /// Takes the one delivery that is due: this became of it.
    async fn settle(&self, outcome: Outcome) {
        let taken = self.claim().await;
        assert_eq!(taken.len(), 1);
        self.subscriptions.settle(&[taken[0].settled(outcome)], now()).await.unwrap();
    }
}

fn in_vietnam(at: Timestamp) -> String {
    rfc3339(at, Ho_Chi_Minh)
}

#[tokio::test]
async fn who_has_subscribed_is_listed_without_secrets() {
    let newsroom = Newsroom::new().await;
    assert_eq!(newsroom.said(&["list"]), "subscriptions: 0, of these with a delivery that waits: 0\n");
    let reader = newsroom.subscribed().await;
    let category = FeedKey::new(Scope::Category(CategoryId::new("11")), Format::Atom);
    newsroom.request(category, OTHER, None).await;
    newsroom.confirm().await;

    let listed = newsroom.said(&["list"]);
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["id", "feed", "ends", "delivered", "waiting", "callback"]);
    let (id, ends) = (reader.id.to_string(), in_vietnam(reader.expires_at));
    assert_eq!(lines[1], [id.as_str(), "all.rss", &ends, "never", "no", READER]);
    assert_eq!((lines[2][1], lines[2][5]), ("category:11.atom", OTHER));
    assert!(listed.ends_with("\nsubscriptions: 2, of these with a delivery that waits: 0\n"), "{listed}");

    let found = newsroom.said(&["list", "--callback", "other.example"]);
    assert!(found.contains(OTHER) && !found.contains(READER), "{found}");
    let lines = newsroom.said(&["list", "--json"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["callback"], &lines[0]["signed"]), (&READER.into(), &true.into()));
    assert_eq!((&lines[1]["feed"], &lines[1]["signed"]), (&"category:11.atom".into(), &false.into()));
    assert_eq!(lines[1]["waiting"], Value::Null);
}

#[tokio::test]
async fn many_are_listed_page_by_page() {
    let newsroom = Newsroom::new().await;
    for number in 0..201 {
        newsroom.request(all(), &format!("{OTHER}?n={number}"), None).await;
    }
    newsroom.confirm().await;
    let listed = newsroom.said(&["list"]);
    assert_eq!(listed.lines().filter(|line| line.contains(" all.rss ")).count(), 201);
    assert!(listed.ends_with("subscriptions: 201, of these with a delivery that waits: 0\n"));
    assert_eq!(newsroom.said(&["list", "--json"]).lines().count(), 201);
}

#[tokio::test]
async fn a_subscription_is_shown_with_what_waits() {
    let newsroom = Newsroom::new().await;
    let reader = newsroom.subscribed().await;
    let id = reader.id.to_string();
    let shown = newsroom.said(&["show", &id]);
    for line in [
        format!("id         {id}"),
        "feed       all.rss".to_owned(),
        "topic      https://tin.example/feeds/all.rss".to_owned(),
        format!("callback   {READER}"),
        "signed     yes".to_owned(),
        format!("ends       {}", in_vietnam(reader.expires_at)),
        "delivered  never; has the feed up to its change 1".to_owned(),
        "waiting    nothing".to_owned(),
    ] {
        assert!(shown.lines().any(|shown| shown == line), "`{line}` is not in\n{shown}");
    }

    newsroom.changed().await;
    assert_eq!(newsroom.subscriptions.enqueue(now()).await.unwrap(), 1);
    let (until, failure) = (now() + HOUR, "answers 500\u{1b}[2J".to_owned());
    newsroom.settle(Outcome::Failed { until, failure }).await;
    let shown = newsroom.said(&["show", &id]);
    for part in [
        "\nwaiting    since ",
        ", for the feed up to its change 2\n",
        "\nattempts   1\n",
        "\nfailed     answers 500\u{fffd}[2J\n",
        &format!("\nnext try   not before {}\n", in_vietnam(until)),
        "only the running service knows: `loa_push_breakers_open`",
    ] {
        assert!(shown.contains(part), "`{part}` is not in\n{shown}");
    }
    let shown: Value = serde_json::from_str(&newsroom.said(&["show", &id, "--json"])).unwrap();
    assert_eq!((&shown["waiting"]["attempts"], &shown["waiting"]["sequence"]), (&1.into(), &2.into()));
    assert!(newsroom.said(&["list"]).contains("  1 failed   "));
}

#[tokio::test]
async fn what_waits_is_due_at_once_when_it_is_retried() {
    let newsroom = Newsroom::new().await;
    let reader = newsroom.subscribed().await;
    let id = reader.id.to_string();
    let due = format!("subscription {id} is due now; a running service delivers\n");
    assert_eq!(newsroom.said(&["retry", &id]), due, "nothing waits: the present document");
    newsroom.settle(Outcome::Failed { until: now() + HOUR, failure: "answers 500".to_owned() }).await;
    assert_eq!(newsroom.claim().await, []);

    assert_eq!(newsroom.said(&["retry", &id]), due);
    let shown = newsroom.said(&["show", &id]);
    assert!(shown.contains("\nattempts   0\n") && !shown.contains("answers 500"), "{shown}");
    let claimed = newsroom.claim().await;
    assert_eq!(claimed.iter().map(|delivery| delivery.attempts).collect::<Vec<_>>(), [0]);
}

#[tokio::test]
async fn what_was_given_up_is_listed() {
    let newsroom = Newsroom::new().await;
    assert_eq!(newsroom.said(&["list", "--dead"]), "dead letters: 0\n");
    let reader = newsroom.subscribed().await;
    newsroom.changed().await;
    newsroom.subscriptions.enqueue(now()).await.unwrap();
    newsroom.settle(Outcome::GivenUp { failure: "cannot be reached".to_owned() }).await;

    let dead = newsroom.said(&["list", "--dead"]);
    assert!(dead.starts_with(&format!("subscription {}, all.rss, to {READER}\n    owed since ", reader.id)), "{dead}");
    assert!(dead.ends_with("\n    cannot be reached\ndead letters: 1\n"), "{dead}");
    assert_eq!(newsroom.said(&["list", "--dead", "--callback", OTHER]), "dead letters: 0\n");
    let dead: Value = serde_json::from_str(&newsroom.said(&["list", "--dead", "--json"])).unwrap();
    assert_eq!((&dead["subscription"], &dead["feed"]), (&reader.id.into(), &"all.rss".into()));
    assert!(newsroom.said(&["show", &reader.id.to_string()]).contains("\nwaiting    nothing\n"), "it stays");
}

#[tokio::test]
async fn a_subscription_is_ended_and_its_subscriber_told_why() {
    let newsroom = Newsroom::new().await;
    let id = newsroom.subscribed().await.id.to_string();
    let told = newsroom.said(&["remove", &id, "--reason", "please take Atom"]);
    assert_eq!(told, format!("subscription {id} is ended; a running service tells the subscriber\n"));
    assert!(!newsroom.said(&["list"]).contains(READER));
    let requests = newsroom.requests().await;
    let asked: Vec<_> = requests.iter().map(|request| (request.asked.callback.as_str(), &request.asked.wish)).collect();
    assert_eq!(asked, [(READER, &Wish::Deny { reason: "please take Atom".to_owned() })]);

    for command in ["show", "remove", "retry"] {
        let (status, said, error) = newsroom.loa(&[command, &id]);
        assert_eq!((status, said.as_str()), (2, ""), "{command}");
        let expect =
            format!("there is no subscription {id}, or it has ended; `loa subscriptions list` has the numbers");
        assert!(error.contains(&expect), "{error}");
    }
}

#[test]
fn a_state_that_is_not_there_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let (status, said, error) = run(directory.path(), &["subscriptions", "list", "--state", STATE]);
    assert_eq!((status, said.as_str()), (2, ""));
    assert!(error.contains("there is no state where `state.url` says"), "{error}");
    assert!(!directory.path().join("state.sqlite").exists());
}

#[test]
fn the_help_teaches() {
    let directory = tempfile::tempdir().unwrap();
    let help = |args: &[&str]| {
        let (status, help, error) = run(directory.path(), &[args, &["--help"]].concat());
        assert_eq!((status, error.as_str()), (0, ""), "{args:?}");
        help
    };
    assert!(help(&[]).contains("loa subscriptions list"));
    for (args, expect) in [
        (&["subscriptions"][..], "loa subscriptions remove 12 --reason"),
        (&["subscriptions", "list"], "loa subscriptions list --dead --json"),
        (&["subscriptions", "show"], "loa subscriptions show 12"),
        (&["subscriptions", "remove"], "ended by the newsroom"),
        (&["subscriptions", "retry"], "What waits is due now, and its failures are forgotten"),
    ] {
        let help = help(args);
        assert!(help.contains(expect), "`{expect}` is not in\n{help}");
    }
}
