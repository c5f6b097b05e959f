//! `loa subscriptions`: who gets changed feeds pushed, and what could not be delivered.

use std::fmt::{Arguments, Write as _};

use chrono_tz::Tz;
use clap::Subcommand;
use serde::Serialize;

use super::{Global, Outcome, output};
use crate::domain::clock::{Clock as _, SystemClock, Timestamp};
use crate::domain::feed_key::FeedKey;
use crate::state;
use crate::state::push::{DeadLetter, Subscription, Subscriptions, Waiting};
use crate::text::stamp::rfc3339;

/// Subscriptions that are read at a time: there may be a hundred thousand.
const PAGE_MAX: usize = 200;
/// Dead letters that are read.
const DEAD_LETTERS_MAX: usize = 10_000;
/// What the subscriber is told where nobody says why.
const REASON: &str = "ended by the newsroom";

/// Show and end subscriptions: who gets changed feeds pushed (WebSub), and what could not be delivered.
///
/// A subscription is of one feed in one format, and of one callback: the address to which changed documents are posted.
/// Whoever knows a callback may be able to post there, too, so keep these lists to yourself. Secrets are never shown.
///
/// Examples:
///   loa subscriptions list --callback reader.example
///   loa subscriptions list --dead
///   loa subscriptions show 12
///   loa subscriptions remove 12 --reason 'please subscribe to /feeds/all.atom'
///   loa subscriptions retry 12
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Show(Show),
    Remove(Remove),
    Retry(Retry),
}

/// List the subscriptions, or what could not be delivered.
///
/// `waiting` says whether a delivery waits or is under way, and how often it has failed. What failed for too long
/// (`push.give_up_minutes`) is a dead letter: the subscription stays, and gets the next change. Dead letters are kept for
/// `push.dead_letters_days`.
///
/// Examples:
///   loa subscriptions list --callback reader.example --config loa.toml
///   loa subscriptions list --dead --json --config loa.toml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
struct List {
    /// Only those whose callback contains this text.
    #[arg(long, value_name = "TEXT")]
    callback: Option<String>,
    /// Dead letters instead, the newest first.
    #[arg(long)]
    dead: bool,
    /// Write a JSON object for each, one a line.
    #[arg(long)]
    json: bool,
}

/// Show one subscription with the delivery that waits: how often it was tried, when it is tried next, and why it failed.
///
/// Example: loa subscriptions show 12 --config loa.toml
#[derive(Debug, clap::Args)]
struct Show {
    /// Number of the subscription, as `list` has it.
    id: i64,
    /// Write a JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// End a subscription. A running service tells the subscriber so (WebSub's `denied`), who may subscribe again.
///
/// Example: loa subscriptions remove 12 --reason 'please subscribe to /feeds/all.atom' --config loa.toml
#[derive(Debug, clap::Args)]
struct Remove {
    /// Number of the subscription, as `list` has it.
    id: i64,
    /// Why, in the words that the subscriber gets.
    #[arg(long, value_name = "TEXT", default_value = REASON)]
    reason: String,
}

/// Have a running service deliver the present document at once.
///
/// What waits is due now, and its failures are forgotten; if nothing waits, the subscriber gets the document once more.
///
/// Example: loa subscriptions retry 12 --config loa.toml
#[derive(Debug, clap::Args)]
struct Retry {
    /// Number of the subscription, as `list` has it.
    id: i64,
}

/// A subscription, for scripts.
#[derive(Debug, Serialize)]
struct Line<'a> {
    id: i64,
    feed: String,
    topic: &'a str,
    callback: &'a str,
    signed: bool,
    verified_at: Timestamp,
    expires_at: Timestamp,
    /// Of the feed: the subscriber has this.
    sequence: u64,
    delivered_at: Option<Timestamp>,
    waiting: Option<WaitingLine<'a>>,
}

/// A delivery that waits or is under way, for scripts.
#[derive(Debug, Serialize)]
struct WaitingLine<'a> {
    sequence: u64,
    since: Timestamp,
    attempts: u32,
    next_at: Timestamp,
    failure: Option<&'a str>,
}

/// A dead letter, for scripts.
#[derive(Debug, Serialize)]
struct DeadLine<'a> {
    subscription: i64,
    feed: String,
    callback: &'a str,
    sequence: u64,
    since: Timestamp,
    given_up_at: Timestamp,
    attempts: u32,
    failure: &'a str,
}

/// Runs the command.
pub(crate) async fn run(args: Args, global: &Global) -> anyhow::Result<Outcome> {
    let config = global.start()?;
    let (url, zone, now) = (config.state.url.expose(), config.site.timezone, SystemClock.now());
    if state::open_existing(url).await?.is_none() {
        anyhow::bail!("there is no state where `state.url` says; `loa serve` makes it, so check --config and --state");
    }
    let subscriptions = state::open_subscriptions(url).await?;
    let subscriptions = &*subscriptions;
    match args.action {
        Action::List(args) if args.dead => list_dead(subscriptions, &args, zone).await?,
        Action::List(args) => list(subscriptions, &args, zone).await?,
        Action::Show(Show { id, json }) => {
            let found = subscriptions.subscription(id).await?.ok_or_else(|| unknown(id))?;
            output::print(&if json { as_json(&line(&found))? } else { told(&found, now, zone) })?;
        }
        Action::Remove(Remove { id, reason }) => {
            known(id, subscriptions.remove(id, &reason, now).await?)?;
            output::print(&format!("subscription {id} is ended; a running service tells the subscriber\n"))?;
        }
        Action::Retry(Retry { id }) => {
            known(id, subscriptions.retry(id, now).await?)?;
            output::print(&format!("subscription {id} is due now; a running service delivers\n"))?;
        }
    }
    Ok(Outcome::Clean)
}

fn known(id: i64, is_known: bool) -> anyhow::Result<()> {
    if is_known { Ok(()) } else { Err(unknown(id)) }
}

fn unknown(id: i64) -> anyhow::Error {
    anyhow::anyhow!("there is no subscription {id}, or it has ended; `loa subscriptions list` has the numbers")
}

/// Page by page, so that neither memory nor the first line waits for the last one.
async fn list(subscriptions: &dyn Subscriptions, args: &List, zone: Tz) -> anyhow::Result<()> {
    let (mut after, mut count, mut waiting) = (0, 0, 0);
    loop {
        let page = subscriptions.list(args.callback.as_deref(), after, PAGE_MAX).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let mut text = String::new();
        if !args.json && count == 0 {
            text += &row(["id", "feed", "ends", "delivered", "waiting", "callback"]);
        }
        for subscription in &page {
            text += &if args.json { as_json(&line(subscription))? } else { listed(subscription, zone) };
        }
        output::print(&text)?;
        count += page.len();
        waiting += page.iter().filter(|subscription| subscription.waiting.is_some()).count();
    }
    if !args.json {
        output::print(&format!("subscriptions: {count}, of these with a delivery that waits: {waiting}\n"))?;
    }
    Ok(())
}

async fn list_dead(subscriptions: &dyn Subscriptions, args: &List, zone: Tz) -> anyhow::Result<()> {
    let letters = subscriptions.dead_letters(DEAD_LETTERS_MAX).await?;
    let wanted = args.callback.as_deref().unwrap_or_default();
    let mut text = String::new();
    let mut count = 0;
    for letter in letters.iter().filter(|letter| letter.callback.contains(wanted)) {
        text += &if args.json { as_json(&dead_line(letter))? } else { listed_dead(letter, zone) };
        count += 1;
    }
    if !args.json {
        writeln!(text, "dead letters: {count}").unwrap_or_default();
    }
    output::print(&text)?;
    if letters.len() == DEAD_LETTERS_MAX {
        output::note(&format!("only the newest {DEAD_LETTERS_MAX} dead letters were read"));
    }
    Ok(())
}

fn row([id, feed, ends, delivered, waiting, callback]: [&str; 6]) -> String {
    format!("{id:>6}  {feed:24}  {ends:25}  {delivered:25}  {waiting:9}  {callback}\n")
}

fn listed(it: &Subscription, zone: Tz) -> String {
    let delivered = it.delivered_at.map_or_else(|| "never".to_owned(), |at| rfc3339(at, zone));
    let waiting = match &it.waiting {
        None => "no".to_owned(),
        Some(Waiting { attempts: 0, .. }) => "yes".to_owned(),
        Some(Waiting { attempts, .. }) => format!("{attempts} failed"),
    };
    let (id, ends) = (it.id.to_string(), rfc3339(it.expires_at, zone));
    row([&id, &feed(&it.key), &ends, &delivered, &waiting, &visible(&it.callback)])
}

fn listed_dead(it: &DeadLetter, zone: Tz) -> String {
    let mut text = String::new();
    let mut add = |args: Arguments<'_>| writeln!(text, "{args}").unwrap_or_default();
    add(format_args!("subscription {}, {}, to {}", it.subscription, feed(&it.key), visible(&it.callback)));
    let (since, given_up_at) = (rfc3339(it.since, zone), rfc3339(it.given_up_at, zone));
    add(format_args!("    owed since {since}, given up {given_up_at}, attempts: {}", it.attempts));
    add(format_args!("    {}", visible(&it.failure)));
    text
}

fn told(it: &Subscription, now: Timestamp, zone: Tz) -> String {
    let mut text = String::new();
    let mut add = |name: &str, args: Arguments<'_>| writeln!(text, "{name:11}{args}").unwrap_or_default();
    let at = |at| rfc3339(at, zone);
    add("id", format_args!("{}", it.id));
    add("feed", format_args!("{}", feed(&it.key)));
    add("topic", format_args!("{}", visible(&it.topic)));
    add("callback", format_args!("{}", visible(&it.callback)));
    add("signed", format_args!("{}", if it.signed { "yes" } else { "no" }));
    add("verified", format_args!("{}", at(it.verified_at)));
    add("ends", format_args!("{}", at(it.expires_at)));
    let delivered = it.delivered_at.map_or_else(|| "never".to_owned(), at);
    add("delivered", format_args!("{delivered}; has the feed up to its change {}", it.sequence));
    let Some(waiting) = &it.waiting else {
        add("waiting", format_args!("nothing"));
        return text;
    };
    add("waiting", format_args!("since {}, for the feed up to its change {}", at(waiting.since), waiting.sequence));
    add("attempts", format_args!("{}", waiting.attempts));
    if let Some(failure) = &waiting.failure {
        add("failed", format_args!("{}", visible(failure)));
    }
    let due = if waiting.next_at <= now { ", which is now" } else { "" };
    add("next try", format_args!("not before {}{due}", at(waiting.next_at)));
    text += "(whether its host is left alone for a while, only the running service knows: `loa_push_breakers_open`)\n";
    text
}

/// As it stands in state, and with its format: `category:11.rss`.
fn feed(key: &FeedKey) -> String {
    visible(&format!("{}.{}", key.scope, key.format))
}

/// What strangers wrote must not steer a terminal.
fn visible(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

fn as_json(line: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string(line)? + "\n")
}

fn line(it: &Subscription) -> Line<'_> {
    Line {
        id: it.id,
        feed: feed(&it.key),
        topic: &it.topic,
        callback: &it.callback,
        signed: it.signed,
        verified_at: it.verified_at,
        expires_at: it.expires_at,
        sequence: it.sequence,
        delivered_at: it.delivered_at,
        waiting: it.waiting.as_ref().map(|waiting| WaitingLine {
            sequence: waiting.sequence,
            since: waiting.since,
            attempts: waiting.attempts,
            next_at: waiting.next_at,
            failure: waiting.failure.as_deref(),
        }),
    }
}

fn dead_line(it: &DeadLetter) -> DeadLine<'_> {
    DeadLine {
        subscription: it.subscription,
        feed: feed(&it.key),
        callback: &it.callback,
        sequence: it.sequence,
        since: it.since,
        given_up_at: it.given_up_at,
        attempts: it.attempts,
        failure: &it.failure,
    }
}
