//! The contract of `state`, on every backend.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use loa::domain::address::{AddressRecord, Claim};
use loa::domain::article::ArticleId;
use loa::domain::category::CategoryId;
use loa::domain::clock::Timestamp;
use loa::domain::entry_id::Identity;
use loa::domain::found::FindPolicy;
use loa::domain::ledger::{ArticleRecord, ArticleWrite, Batch, Departure, FeedRecord, Standing, Touch};
use loa::domain::scope::Scope;
use loa::state::scratch::Scratch;
use loa::state::{self, Adopted, Adoption, Changes, INSTANCE_MARK, State, StateError, Withdrawal};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use tokio::time::timeout;

use crate::support::http::patiently;
use crate::support::postgres::Postgres;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on};

/// One test on every backend.
macro_rules! contract {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[tokio::test] async fn $test() { super::on::<super::Sqlite>(super::$test).await; })*
        }
        mod postgres {
            $(#[tokio::test] async fn $test() { super::on::<super::Postgres>(super::$test).await; })*
        }
    };
}

contract! {
    every_field_survives_being_written_and_reopened
    the_first_writer_wins
    two_writers_at_once_both_learn_who_was_first
    a_batch_is_written_whole_or_not_at_all
    a_commit_says_what_it_has_written
    sequences_count_touched_batches
    a_combination_counts_from_the_first_question_on
    a_label_once_recorded_stays
    an_address_is_never_given_away
    the_deny_list_is_kept
    the_store_withdraws_by_batch
    a_former_guid_is_adopted_once
    no_guid_of_another_article_is_adopted
    what_is_done_about_places_in_texts_is_kept
    the_first_identity_stays
    marks_are_kept
    two_processes_may_start_at_once
    a_newer_schema_is_refused
    many_records_come_back_in_order
    records_are_found_by_id
    a_scratch_copy_goes_on_from_there_and_writes_nothing_back
    every_change_is_told_once
    what_writes_nothing_is_not_told
    a_commit_whose_answer_was_lost_is_told
    many_changes_are_told_in_order
    changes_are_told_while_others_write
    who_waits_is_woken_by_every_writer
    states_are_told_apart
}

/// One second, in microseconds.
const S: i64 = 1_000_000;

async fn open(database: &impl Database) -> Arc<dyn State> {
    state::open(&database.url()).await.unwrap()
}

/// Microseconds after an instant in 2022.
fn at(micros: i64) -> Timestamp {
    DateTime::from_timestamp_micros(1_647_560_000_000_000 + micros).unwrap()
}

fn claim(id: &str, path: &str) -> Claim {
    Claim { path: path.to_owned(), scope: category(id), label: None }
}

fn category(id: &str) -> Scope {
    Scope::Category(CategoryId::new(id))
}

fn record(id: &str, version: u64) -> ArticleRecord {
    ArticleRecord {
        id: ArticleId::new(id),
        guid: None,
        published: at(0),
        updated: at(0),
        fingerprint: [0; 16],
        digest: 0,
        store_updated: None,
        categories: vec![CategoryId::new("7")],
        scopes: vec![Scope::All, category("7")],
        found: Vec::new(),
        standing: Standing::Public,
        version,
    }
}

fn touch(scope: Scope, micros: i64, removes: bool) -> Touch {
    Touch { scope, at: at(micros), removes }
}

fn write(record: ArticleRecord, touches: Vec<Touch>) -> Batch {
    Batch { writes: vec![ArticleWrite { record, touches }], ..Batch::default() }
}

fn feed(scope: Scope, sequence: u64, micros: i64, removal_sequence: u64) -> FeedRecord {
    FeedRecord { scope, sequence, changed_at: at(micros), removal_sequence, notice_until: None }
}

async fn every_field_survives_being_written_and_reopened(database: &impl Database) {
    let full = ArticleRecord {
        guid: Some("http://cũ.example/?p=1&x=\"y\"\n'z'\\".to_owned()),
        published: DateTime::from_timestamp_micros(-1).unwrap(),
        updated: at(999_999),
        fingerprint: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255],
        digest: u64::MAX,
        store_updated: Some(at(-5)),
        categories: vec![CategoryId::new("mục \"lạ\", [1]\n"), CategoryId::new("7")],
        scopes: vec![Scope::All, category("mục \"lạ\", [1]\n"), category("{7}")],
        found: vec!["assigned:227".parse().unwrap(), "suggested:08287@2006-11-25".parse().unwrap()],
        ..record("tin/đầu \"1\"\n", 0)
    };
    let gone = |id: &str, reason| ArticleRecord { standing: Standing::Gone { at: at(7), reason }, ..record(id, 0) };
    let mut records = vec![
        ArticleRecord { standing: Standing::SetAside, categories: vec![], scopes: vec![], ..record("1", 0) },
        gone("2", Departure::Left),
        gone("3", Departure::Vanished),
        gone("4", Departure::Withdrawn),
        full,
    ];
    let writes = records.iter().map(|record| ArticleWrite { record: record.clone(), touches: vec![] }).collect();
    let batch = Batch { writes, ..Batch::default() };
    let committed = open(database).await.commit(&batch).await.unwrap();
    for record in &mut records {
        record.version = 1;
    }
    assert_eq!(committed.articles, records);
    let ledger = open(database).await.load().await.unwrap();
    assert_eq!(ledger.articles, records, "in the order of ids");
    assert_eq!((ledger.feeds, ledger.addresses), (vec![], vec![]));
}

async fn what_is_done_about_places_in_texts_is_kept(database: &impl Database) {
    let state = open(database).await;
    let ids = |ids: &[&str]| ids.iter().map(|id| ArticleId::new(*id)).collect::<Vec<_>>();
    assert_eq!(state.control().await.unwrap().find, HashMap::new());
    state.set_find_policy(&ids(&["a", "b", "a"]), FindPolicy::Assign).await.unwrap();
    let marker = state.control_marker().await.unwrap();
    state.set_find_policy(&ids(&["b"]), FindPolicy::Assign).await.unwrap();
    assert_eq!(state.control_marker().await.unwrap(), marker, "nothing is new");
    state.set_find_policy(&ids(&["b", "c"]), FindPolicy::Off).await.unwrap();
    assert_ne!(state.control_marker().await.unwrap(), marker);
    state.set_find_policy(&[], FindPolicy::Suggest).await.unwrap();
    let find = open(database).await.control().await.unwrap().find;
    let policies = [FindPolicy::Assign, FindPolicy::Off, FindPolicy::Off];
    assert_eq!(find, ids(&["a", "b", "c"]).into_iter().zip(policies).collect());
    let scratch = Scratch::copy_of(&*open(database).await, &[]).await.unwrap();
    assert_eq!(scratch.control().await.unwrap().find, find);
}

async fn the_first_writer_wins(database: &impl Database) {
    let state = open(database).await;
    let first = ArticleRecord { digest: 1, ..record("a", 0) };
    let late = ArticleRecord { digest: 2, ..record("a", 0) };
    state.commit(&write(first.clone(), vec![touch(Scope::All, 1, false)])).await.unwrap();
    let lost = state.commit(&write(late, vec![touch(Scope::All, 2, true)])).await.unwrap();
    let standing = ArticleRecord { version: 1, ..first };
    assert_eq!(lost.articles, std::slice::from_ref(&standing), "the record as it stands comes back");
    assert_eq!(lost.feeds, [feed(Scope::All, 1, 1, 0)], "its feed was not touched");
    let next = ArticleRecord { digest: 3, ..standing };
    let made = state.commit(&write(next.clone(), vec![])).await.unwrap();
    assert_eq!(made.articles, [ArticleRecord { version: 2, ..next }]);
}

async fn two_writers_at_once_both_learn_who_was_first(database: &impl Database) {
    const ROUNDS: u64 = 10;
    let (one, two) = (open(database).await, open(database).await);
    for round in 0..ROUNDS {
        let batch = |digest, scopes: [Scope; 2]| {
            let touches = scopes.map(|scope| touch(scope, round.cast_signed() * S, false)).to_vec();
            write(ArticleRecord { digest, ..record("a", round) }, touches)
        };
        // Each names the feeds in another order: they must not wait for each other for ever.
        let (of_one, of_two) = (batch(1, [Scope::All, category("7")]), batch(2, [category("7"), Scope::All]));
        let (said_one, said_two) = tokio::join!(one.commit(&of_one), two.commit(&of_two));
        let (said_one, said_two) = (said_one.unwrap(), said_two.unwrap());
        assert_eq!(said_one.articles, said_two.articles);
        assert_eq!(said_one.articles[0].version, round + 1);
        assert_eq!(said_one.feeds, said_two.feeds);
    }
    let last = |scope| feed(scope, ROUNDS, (ROUNDS.cast_signed() - 1) * S, 0);
    assert_eq!(one.load().await.unwrap().feeds, [last(Scope::All), last(category("7"))]);
}

async fn a_batch_is_written_whole_or_not_at_all(database: &impl Database) {
    let state = open(database).await;
    // The last thing that a batch writes is refused.
    database.sql(&format!("DROP TABLE {}withdrawals", schema(database))).await;
    let mut batch = write(record("a", 0), vec![touch(Scope::All, 1, false)]);
    batch.withdrawals.push((ArticleId::new("b"), at(0)));
    assert!(matches!(state.commit(&batch).await, Err(StateError::Database(_))));
    let ledger = state.load().await.unwrap();
    assert_eq!((ledger.articles, ledger.feeds), (vec![], vec![]));
}

/// The same as who looks for it finds.
async fn a_commit_says_what_it_has_written(database: &impl Database) {
    let state = open(database).await;
    let both = vec![touch(Scope::All, 5 * S, false), touch(category("7"), 5 * S, true)];
    let mut partly = fresh(&["b", "a"], 7 * S);
    partly.begins.push("combination:25+7".parse().unwrap());
    let touches = Batch { touches: both.clone(), ..Batch::default() };
    let batches = [write(record("a", 0), both), partly, touches, fresh(&["a", "b"], 9 * S), Batch::default()];
    let mut written = 0;
    for batch in batches {
        let before = state.load().await.unwrap().cursor;
        let said = state.commit(&batch).await.unwrap().written;
        let mut told = state.since(before).await.unwrap();
        let Some(mut said) = said else {
            assert_eq!(told.cursor, before, "nothing was written");
            continue;
        };
        written += 1;
        assert_eq!((said.number, told.cursor), (before + 1, before + 1));
        said.feeds.sort_by(|a, b| a.scope.cmp(&b.scope));
        told.feeds.sort_by(|a, b| a.scope.cmp(&b.scope));
        assert_eq!((said.articles, said.feeds), (told.articles, told.feeds));
    }
    assert_eq!(written, 3);
}

async fn sequences_count_touched_batches(database: &impl Database) {
    let state = open(database).await;
    let check = async |batch: Batch, expect: &[FeedRecord]| {
        assert_eq!(state.commit(&batch).await.unwrap().feeds, expect);
    };
    let both = vec![touch(Scope::All, 5 * S, false), touch(category("7"), 5 * S, false)];
    check(write(record("a", 0), both), &[feed(Scope::All, 1, 5 * S, 0), feed(category("7"), 1, 5 * S, 0)]).await;
    let mut many = write(record("b", 0), vec![touch(Scope::All, 9 * S, true)]);
    many.writes.push(ArticleWrite { record: record("c", 0), touches: vec![touch(Scope::All, 8 * S, false)] });
    many.touches.push(touch(Scope::All, 7 * S, false));
    check(many, &[feed(Scope::All, 2, 9 * S, 2)]).await;
    let earlier = write(record("a", 1), vec![touch(Scope::All, 3 * S, false)]);
    check(earlier, &[feed(Scope::All, 3, 10 * S, 2)]).await;
    let renamed = Batch { touches: vec![touch(category("7"), 11 * S, false)], ..Batch::default() };
    check(renamed, &[feed(category("7"), 2, 11 * S, 0)]).await;
    let filled = Batch { filling: true, ..write(record("d", 0), vec![touch(Scope::All, S, false)]) };
    check(filled, &[feed(Scope::All, 4, 10 * S, 2)]).await;
    check(Batch::default(), &[]).await;
    let feeds = state.load().await.unwrap().feeds;
    assert_eq!(feeds, [feed(Scope::All, 4, 10 * S, 2), feed(category("7"), 2, 11 * S, 0)]);
}

async fn a_combination_counts_from_the_first_question_on(database: &impl Database) {
    let state = open(database).await;
    let place: Scope = "locality:25".parse().unwrap();
    let both: Scope = "combination:25+7".parse().unwrap();
    let touches =
        |micros| [category("7"), place.clone(), both.clone()].map(|scope| touch(scope, micros, true)).to_vec();
    let begin = Batch { begins: vec![both.clone(), both.clone()], ..Batch::default() };
    assert_eq!(state.commit(&begin).await.unwrap().feeds, [], "neither of its feeds has ever held anything");
    let first = state.commit(&write(record("a", 0), touches(S))).await.unwrap();
    assert_eq!(first.feeds, [feed(category("7"), 1, S, 1), feed(place.clone(), 1, S, 1)], "nobody has asked for it");
    let later = Batch { touches: vec![touch(place.clone(), 5 * S, false)], ..Batch::default() };
    state.commit(&later).await.unwrap();
    let found = state.commit(&begin).await.unwrap().feeds;
    assert!(found.contains(&feed(both.clone(), 1, 5 * S, 0)), "changed with the later of the two: {found:?}");
    let next = state.commit(&write(record("b", 0), touches(9 * S))).await.unwrap().feeds;
    assert!(next.contains(&feed(both.clone(), 2, 9 * S, 2)), "{next:?}");
    let again = state.commit(&begin).await.unwrap().feeds;
    assert!(again.contains(&feed(both, 2, 9 * S, 2)), "it begins once: {again:?}");
}

async fn a_label_once_recorded_stays(database: &impl Database) {
    let state = open(database).await;
    let tag: Scope = "tag:ocop".parse().unwrap();
    let claim =
        |path: &str, label: &str| Claim { path: path.to_owned(), scope: tag.clone(), label: Some(label.to_owned()) };
    for (path, label) in [("tag/ocop", "OCOP"), ("tag/ocop-2", "ocop")] {
        let standing = state.claim_addresses(&[claim(path, label)]).await.unwrap();
        assert_eq!(standing.len(), 1);
        assert_eq!((standing[0].path.as_str(), standing[0].label.as_deref()), (path, Some("OCOP")));
    }
    let addresses = state.load().await.unwrap().addresses;
    assert!(addresses.iter().all(|record| record.label.as_deref() == Some("OCOP")), "{addresses:?}");
}

async fn an_address_is_never_given_away(database: &impl Database) {
    let state = open(database).await;
    let check = async |claims: &[(&str, &str)], expect: &[(&str, &str, u64)]| {
        let claims: Vec<_> = claims.iter().map(|(id, path)| claim(id, path)).collect();
        let address = |(path, id, claim): &(&str, &str, u64)| AddressRecord {
            path: (*path).to_owned(),
            scope: category(id),
            claim: *claim,
            label: None,
        };
        let expect: Vec<_> = expect.iter().map(address).collect();
        let standing = state.claim_addresses(&claims).await.unwrap();
        let claimed = |record: &&AddressRecord| claims.iter().any(|claim| claim.path == record.path);
        assert_eq!(standing, expect.iter().filter(claimed).cloned().collect::<Vec<_>>());
        assert_eq!(state.load().await.unwrap().addresses, expect);
    };
    check(&[("1", "category/doi-song")], &[("category/doi-song", "1", 1)]).await;
    check(&[("2", "category/doi-song")], &[("category/doi-song", "1", 1)]).await;
    check(&[("1", "category/doi-song")], &[("category/doi-song", "1", 1)]).await;
    let moved = [("category/doi-song", "1", 1), ("category/net-dep", "1", 2)];
    check(&[("1", "category/net-dep"), ("2", "category/net-dep")], &moved).await;
    check(&[("2", "category/doi-song")], &moved).await;
    let back = [("category/doi-song", "1", 3), ("category/net-dep", "1", 2)];
    check(&[("1", "category/doi-song")], &back).await;
    check(&[], &back).await;
}

async fn the_deny_list_is_kept(database: &impl Database) {
    let state = open(database).await;
    let id = ArticleId::new("bài/1");
    let mut marker = state.control_marker().await.unwrap();
    let mut check = async |expect: &[&str], changed: bool| {
        let control = state.control().await.unwrap();
        assert_eq!(control.withdrawn.iter().map(|line| line.id.as_str()).collect::<Vec<_>>(), expect);
        assert!(control.withdrawn.iter().all(|line| !line.by_store), "a command did it");
        let now = state.control_marker().await.unwrap();
        assert_eq!(now != marker, changed);
        marker = now;
    };
    assert!(!state.restore(&id, at(0)).await.unwrap(), "was not on it");
    check(&[], false).await;
    state.withdraw(&id, at(1)).await.unwrap();
    check(&["bài/1"], true).await;
    state.withdraw(&id, at(2)).await.unwrap();
    check(&["bài/1"], false).await;
    assert!(state.restore(&id, at(3)).await.unwrap());
    check(&[], true).await;
    state.withdraw(&id, at(4)).await.unwrap();
    check(&["bài/1"], true).await;
    state.accept_store(at(5)).await.unwrap();
    check(&["bài/1"], true).await;
    assert_eq!(open(database).await.control().await.unwrap().store_accepted_at, Some(at(5)));
}

async fn the_store_withdraws_by_batch(database: &impl Database) {
    let state = open(database).await;
    let id = ArticleId::new("a");
    let on_the_list = [Withdrawal { id: id.clone(), by_store: true }];
    let batch = Batch { withdrawals: vec![(id.clone(), at(1)), (id.clone(), at(2))], ..Batch::default() };
    let marker = state.control_marker().await.unwrap();
    state.commit(&batch).await.unwrap();
    assert_eq!(state.control().await.unwrap().withdrawn, on_the_list);
    assert_eq!(state.control_marker().await.unwrap(), marker + 1);
    state.commit(&batch).await.unwrap();
    assert_eq!(state.control_marker().await.unwrap(), marker + 1, "nothing new");
    state.restore(&id, at(3)).await.unwrap();
    state.commit(&batch).await.unwrap();
    assert_eq!(state.control().await.unwrap().withdrawn, on_the_list, "withdrawn again");
}

fn wish(id: &str, guid: &str) -> (ArticleId, String) {
    (ArticleId::new(id), guid.to_owned())
}

fn adoption(guids: &[(ArticleId, String)], also_published: bool) -> Adoption {
    let identity = Identity::new("baovidu.example", "2022").unwrap();
    Adoption { guids: guids.to_vec(), also_published, identity }
}

async fn a_former_guid_is_adopted_once(database: &impl Database) {
    let state = open(database).await;
    let published = ArticleRecord { guid: Some("của kho".to_owned()), ..record("đã đăng", 0) };
    state.commit(&write(published, vec![])).await.unwrap();
    state.commit(&write(record("đăng rồi", 0), vec![])).await.unwrap();
    let mut marker = state.control_marker().await.unwrap();
    let mut check = async |guids: &[(ArticleId, String)], also_published: bool, expect: &[Adopted], changed: bool| {
        let adoption = adoption(guids, also_published);
        assert_eq!(state.adopt(&adoption, at(1)).await.unwrap(), expect);
        let now = state.control_marker().await.unwrap();
        assert_eq!(now != marker, changed, "{guids:?}");
        marker = now;
    };
    let all = [
        wish("1", "cũ \"1\"\n'\\"),
        wish("2", "cũ 2"),
        wish("1", "khác"),
        wish("3", "cũ 2"),
        wish("đã đăng", "của kho"),
        wish("đã đăng", "cũ 4"),
        wish("đăng rồi", "cũ 5"),
    ];
    let refused = [
        Adopted::OtherGuid("cũ \"1\"\n'\\".to_owned()),
        Adopted::OtherArticle(ArticleId::new("2")),
        Adopted::Known,
        Adopted::Published(Some("của kho".to_owned())),
        Adopted::Published(None),
    ];
    check(&[], false, &[], false).await;
    check(&all, false, &[&[Adopted::Recorded, Adopted::Recorded], &refused[..]].concat(), true).await;
    check(&all, false, &[&[Adopted::Known, Adopted::Known], &refused[..]].concat(), false).await;
    let also = [Adopted::Recorded, Adopted::Recorded];
    check(&all[5..], true, &also, true).await;
    check(&all[5..], false, &[Adopted::Known, Adopted::Known], false).await;

    let expect = [0, 1, 5, 6].map(|at| all[at].clone()).into();
    let reopened = open(database).await;
    assert_eq!(reopened.control().await.unwrap().adopted, expect);
    let scratch = Scratch::copy_of(&*reopened, &[]).await.unwrap();
    let more = adoption(&[wish("9", "cũ 9"), wish("8", "cũ 2")], false);
    let answers = [Adopted::Recorded, Adopted::OtherArticle(ArticleId::new("2"))];
    assert_eq!(scratch.adopt(&more, at(2)).await.unwrap(), answers);
    assert_eq!(scratch.control().await.unwrap().adopted.len(), 5);
    assert_eq!(reopened.control().await.unwrap().adopted, expect, "what is forgotten writes nothing back");
}

async fn no_guid_of_another_article_is_adopted(database: &impl Database) {
    adopts_no_guid_of_another(&*open(database).await).await;
}

#[tokio::test]
async fn scratch_adopts_no_guid_of_another_article() {
    adopts_no_guid_of_another(&Scratch::default()).await;
}

async fn adopts_no_guid_of_another(state: &dyn State) {
    // Longer than an index of PostgreSQL takes, and nothing that it could press.
    let long = (0..2000_u64).map(|n| (n * n * 7919 % 104_729).to_string()).collect::<Vec<_>>().concat();
    let with = |id: &str, guid: &str| ArticleRecord { guid: Some(guid.to_owned()), ..record(id, 0) };
    let records =
        [with("1", "g1"), with("2", "\n g2\t"), record("3", 0), with("4", "đôi"), with("5", "đôi"), with("6", &long)];
    let writes = records.map(|record| ArticleWrite { record, touches: vec![] }).to_vec();
    state.commit(&Batch { writes, ..Batch::default() }).await.unwrap();
    let check = async |id: &str, guid: &str, also_published: bool, expect: Adopted| {
        let before = state.control().await.unwrap().adopted.len();
        let answers = state.adopt(&adoption(&[wish(id, guid)], also_published), at(1)).await.unwrap();
        let recorded = usize::from(expect == Adopted::Recorded);
        assert_eq!(answers, [expect], "{id} {guid}");
        assert_eq!(state.control().await.unwrap().adopted.len() - before, recorded, "{id} {guid}");
    };
    let other = |id: &str| Adopted::OtherArticle(ArticleId::new(id));
    let made_for = |id: &str| Identity::new("baovidu.example", "2022").unwrap().entry_id(&ArticleId::new(id));
    // An article that is not published yet, and one that is.
    for (id, also_published) in [("7", false), ("3", true)] {
        check(id, "g1", also_published, other("1")).await;
        check(id, "g2", also_published, other("2")).await;
        check(id, "đôi", also_published, other("4")).await;
        check(id, &made_for("1"), also_published, other("1")).await;
        check(id, &made_for("chưa có"), also_published, other("chưa có")).await;
        check(id, &long, also_published, other("6")).await;
        check(id, &made_for(id), also_published, Adopted::Known).await;
    }
    check("2", "g2", true, Adopted::Known).await;
    check("5", "đôi", false, Adopted::Known).await;
    check("1", &made_for("1"), false, Adopted::Published(Some("g1".to_owned()))).await;
    check("1", "khác", true, Adopted::Recorded).await;
    check("7", "khác", true, other("1")).await;
    // The recorded identity is the one that counts.
    let recorded = Identity::new("baovidu.example", "2014").unwrap();
    state.claim_identity(&recorded).await.unwrap();
    check("7", &recorded.entry_id(&ArticleId::new("3")), false, other("3")).await;
    check("7", &made_for("3"), false, Adopted::Recorded).await;
}

async fn the_first_identity_stays(database: &impl Database) {
    let first = Identity::new("baovidu.example", "2022-03-18").unwrap();
    let other = Identity::new("tinvidu.example", "2023").unwrap();
    assert_eq!(open(database).await.claim_identity(&first).await.unwrap(), first);
    assert_eq!(open(database).await.claim_identity(&other).await.unwrap(), first);
}

async fn marks_are_kept(database: &impl Database) {
    let state = open(database).await;
    assert_eq!(state.mark("cây").await.unwrap(), None);
    for value in ["một", "hai"] {
        state.set_mark("cây", value).await.unwrap();
        assert_eq!(state.mark("cây").await.unwrap().as_deref(), Some(value));
    }
}

async fn two_processes_may_start_at_once(database: &impl Database) {
    let url = database.url();
    let opened = futures_util::future::join_all((0..8).map(|_| state::open(&url))).await;
    for state in opened {
        state.unwrap().load().await.unwrap();
    }
}

/// A writer that hangs costs the others their turn, and not their connections.
#[tokio::test]
async fn who_waits_in_vain_for_the_ledger_can_go_on() {
    on::<Postgres>(async |database| {
        let state = open(database).await;
        let mut hangs = database.url().parse::<PgConnectOptions>().unwrap().connect().await.unwrap();
        sqlx::raw_sql("BEGIN; SELECT FROM loa.control FOR UPDATE").execute(&mut hangs).await.unwrap();
        let batches = ["a", "b", "c", "d"].map(|id| fresh(&[id], S));
        let refused = futures_util::future::join_all(batches.iter().map(|batch| state.commit(batch))).await;
        assert!(refused.iter().all(Result::is_err), "{refused:?}");
        sqlx::raw_sql("ROLLBACK").execute(&mut hangs).await.unwrap();
        // More at once than there are connections.
        let (batches, of) = (batches.iter().chain(&batches), [ArticleId::new("a")]);
        for committed in futures_util::future::join_all(batches.map(|batch| state.commit(batch))).await {
            committed.unwrap();
        }
        let read = futures_util::future::join_all((0..8).map(|_| state.records(&of))).await;
        assert!(read.iter().all(|records| records.as_ref().is_ok_and(|records| records.len() == 1)), "{read:?}");
    })
    .await;
}

async fn a_newer_schema_is_refused(database: &impl Database) {
    drop(open(database).await);
    let table = format!("{}migrations", schema(database));
    let copy = format!("SELECT 999, description, success, checksum, 0 FROM {table} WHERE version = 1");
    database
        .sql(&format!("INSERT INTO {table} (version, description, success, checksum, execution_time) {copy}"))
        .await;
    let error = state::open(&database.url()).await.unwrap_err();
    assert!(matches!(error, StateError::TooNew { found: 999, .. }), "{error}");
}

async fn many_records_come_back_in_order(database: &impl Database) {
    const RECORDS: usize = 100_000;
    const BATCH: usize = 10_000;
    let state = open(database).await;
    for start in (0..RECORDS).step_by(BATCH) {
        let one =
            |n| ArticleWrite { record: record(&format!("{n:06}"), 0), touches: vec![touch(Scope::All, 0, false)] };
        let writes = (start..start + BATCH).map(one).collect();
        state.commit(&Batch { writes, ..Batch::default() }).await.unwrap();
    }
    let ledger = state.load().await.unwrap();
    assert_eq!(ledger.articles.len(), RECORDS);
    assert!(ledger.articles.is_sorted_by(|a, b| a.id < b.id));
    assert_eq!(ledger.feeds[0].sequence, u64::try_from(RECORDS / BATCH).unwrap());
}

/// Where a backend has its tables.
fn schema(database: &impl Database) -> &'static str {
    if database.url().starts_with("sqlite:") { "" } else { "loa." }
}

async fn records_are_found_by_id(database: &impl Database) {
    let state = open(database).await;
    let writes = ["a", "b'c", "đ"].map(|id| ArticleWrite { record: record(id, 0), touches: Vec::new() });
    state.commit(&Batch { writes: writes.to_vec(), ..Batch::default() }).await.unwrap();
    let check = async |ids: &[&str], expect: &[&str]| {
        let ids: Vec<ArticleId> = ids.iter().map(|id| ArticleId::new(*id)).collect();
        let mut found = state.records(&ids).await.unwrap();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(found.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), expect);
    };
    check(&[], &[]).await;
    check(&["đ", "nowhere", "b'c"], &["b'c", "đ"]).await;
}

async fn a_scratch_copy_goes_on_from_there_and_writes_nothing_back(database: &impl Database) {
    let state = open(database).await;
    let touch = Touch { scope: Scope::All, at: at(1), removes: false };
    let write = |id: &str| ArticleWrite { record: record(id, 0), touches: vec![touch.clone()] };
    state.commit(&Batch { writes: vec![write("a")], ..Batch::default() }).await.unwrap();
    state.set_mark("names", "x").await.unwrap();

    let scratch = Scratch::copy_of(&*state, &["names"]).await.unwrap();
    assert_eq!(scratch.mark("names").await.unwrap().as_deref(), Some("x"));
    let batch = Batch { writes: vec![write("a"), write("b")], ..Batch::default() };
    let committed = scratch.commit(&batch).await.unwrap();
    assert_eq!(committed.articles.len(), 2, "a as it stands, b as written");
    assert_eq!(committed.feeds.iter().map(|feed| feed.sequence).collect::<Vec<_>>(), [2]);
    scratch.withdraw(&ArticleId::new("a"), at(2)).await.unwrap();
    assert_eq!(scratch.load().await.unwrap().articles.len(), 2);

    assert_eq!(state.load().await.unwrap().articles.len(), 1, "the original is as it was");
    assert_eq!(state.control().await.unwrap().withdrawn, []);
}

async fn every_change_is_told_once(database: &impl Database) {
    tells_every_change_once(&*open(database).await, &*open(database).await).await;
}

#[tokio::test]
async fn scratch_tells_every_change_once() {
    let scratch = Scratch::default();
    tells_every_change_once(&scratch, &scratch).await;
}

async fn what_writes_nothing_is_not_told(database: &impl Database) {
    does_not_tell_what_wrote_nothing(&*open(database).await, &*open(database).await).await;
}

#[tokio::test]
async fn scratch_does_not_tell_what_wrote_nothing() {
    let scratch = Scratch::default();
    does_not_tell_what_wrote_nothing(&scratch, &scratch).await;
}

/// A batch of new articles that touches the front page.
fn fresh(ids: &[&str], micros: i64) -> Batch {
    let one = |id: &&str| ArticleWrite { record: record(id, 0), touches: vec![touch(Scope::All, micros, false)] };
    Batch { writes: ids.iter().map(one).collect(), ..Batch::default() }
}

async fn tells_every_change_once(writer: &dyn State, reader: &dyn State) {
    let mut cursor = reader.load().await.unwrap().cursor;
    let mut check = async |articles: &[(&str, u64)], feeds: &[FeedRecord], names_changed: bool| {
        let changes = reader.since(cursor).await.unwrap();
        let told = changes.articles.iter().map(|article| (article.id.as_str(), article.version)).collect::<Vec<_>>();
        assert_eq!(
            (&*told, &*changes.feeds, changes.marks_changed || !changes.addresses.is_empty()),
            (articles, feeds, names_changed)
        );
        cursor = changes.cursor;
        let nothing = Changes { cursor, ..Changes::default() };
        assert_eq!(reader.since(cursor).await.unwrap(), nothing, "nothing is told twice");
        assert_eq!(reader.load().await.unwrap().cursor, cursor);
    };
    check(&[], &[], false).await;
    writer.commit(&fresh(&["c", "b"], S)).await.unwrap();
    check(&[("b", 1), ("c", 1)], &[feed(Scope::All, 1, S, 0)], false).await;
    // Of two commits, the later state, in the order of the commits.
    writer.commit(&write(record("c", 1), vec![touch(category("7"), 2 * S, true)])).await.unwrap();
    writer.commit(&fresh(&["a"], 3 * S)).await.unwrap();
    check(&[("c", 2), ("a", 1)], &[feed(Scope::All, 2, 3 * S, 0), feed(category("7"), 1, 2 * S, 1)], false).await;
    writer.commit(&Batch { touches: vec![touch(Scope::All, 4 * S, false)], ..Batch::default() }).await.unwrap();
    check(&[], &[feed(Scope::All, 3, 4 * S, 0)], false).await;
    writer.claim_addresses(&[claim("7", "category/doi-song")]).await.unwrap();
    check(&[], &[], true).await;
    writer.set_mark("cây", "một").await.unwrap();
    check(&[], &[], true).await;
    writer.set_mark("cây", "hai").await.unwrap();
    writer.commit(&fresh(&["d"], 5 * S)).await.unwrap();
    check(&[("d", 1)], &[feed(Scope::All, 4, 5 * S, 0)], true).await;
    let all = reader.since(0).await.unwrap();
    assert_eq!(all.articles.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["b", "c", "a", "d"]);
    assert_eq!((all.feeds.len(), all.addresses.len(), all.marks_changed, all.cursor), (2, 1, true, cursor));
}

async fn does_not_tell_what_wrote_nothing(writer: &dyn State, reader: &dyn State) {
    let claims = [claim("7", "category/doi-song")];
    writer.commit(&fresh(&["a"], S)).await.unwrap();
    writer.claim_addresses(&claims).await.unwrap();
    writer.set_mark("cây", "một").await.unwrap();
    let before = reader.load().await.unwrap().cursor;

    writer.commit(&fresh(&["a"], 2 * S)).await.unwrap();
    writer.commit(&Batch::default()).await.unwrap();
    writer.claim_addresses(&claims).await.unwrap();
    writer.claim_addresses(&[claim("8", "category/doi-song")]).await.unwrap();
    writer.set_mark("cây", "một").await.unwrap();
    writer.withdraw(&ArticleId::new("a"), at(0)).await.unwrap();
    assert_eq!(reader.since(before).await.unwrap(), Changes { cursor: before, ..Changes::default() });

    let half = fresh(&["a", "b"], 3 * S);
    writer.commit(&half).await.unwrap();
    let changes = reader.since(before).await.unwrap();
    assert_eq!(changes.articles, [record("b", 1)], "only the write that was made");
    assert_eq!(changes.cursor, before + 1);
}

async fn a_commit_whose_answer_was_lost_is_told(database: &impl Database) {
    /// Between two steps of the commit: enough for the step to reach the database.
    const LOOKS: usize = 50;
    let (writer, reader) = (open(database).await, open(database).await);
    let cursor = reader.load().await.unwrap().cursor;
    let batch = fresh(&["a"], S);
    let mut commit = Some(writer.commit(&batch));
    // It is dropped as soon as another sees what it wrote. Here and there the answer is faster: then it is not heard.
    while let Some(running) = &mut commit {
        let answered = futures_util::poll!(running).is_ready();
        let mut told = false;
        for _ in 0..LOOKS {
            told |= reader.since(cursor).await.unwrap().cursor > cursor;
        }
        if answered || told {
            commit = None;
        }
    }
    let changes = reader.since(cursor).await.unwrap();
    assert_eq!((changes.articles, changes.feeds), (vec![record("a", 1)], vec![feed(Scope::All, 1, S, 0)]));
    let repeated = writer.commit(&batch).await.unwrap();
    assert_eq!(repeated.articles, [record("a", 1)]);
    assert_eq!(reader.since(changes.cursor).await.unwrap().articles, []);
}

async fn many_changes_are_told_in_order(database: &impl Database) {
    const RECORDS: usize = 2500;
    let state = open(database).await;
    // Each commit fills more than a block, and the later one has the earlier ids.
    for prefix in ["đ", "a"] {
        let ids: Vec<String> = (0..RECORDS).map(|n| format!("{prefix}{n:04}")).collect();
        state.commit(&fresh(&ids.iter().map(String::as_str).collect::<Vec<_>>(), S)).await.unwrap();
    }
    let expect = |prefix: &str| (0..RECORDS).map(|n| format!("{prefix}{n:04}")).collect::<Vec<_>>();
    let check = async |cursor: u64, expect: Vec<String>| {
        let told = state.since(cursor).await.unwrap().articles;
        assert_eq!(told.iter().map(|article| article.id.to_string()).collect::<Vec<_>>(), expect);
    };
    check(0, [expect("đ"), expect("a")].concat()).await;
    check(1, expect("a")).await;
    check(2, Vec::new()).await;
}

/// Two writers at once, and a reader that goes on from cursor to cursor: it misses nothing.
async fn changes_are_told_while_others_write(database: &impl Database) {
    const COMMITS: usize = 20;
    let (one, two, reader) = (open(database).await, open(database).await, open(database).await);
    let write = async |state: &dyn State, prefix: &str| {
        for n in 0..COMMITS {
            state.commit(&fresh(&[&format!("{prefix}{n:02}")], S)).await.unwrap();
        }
    };
    let read = async {
        let (mut cursor, mut told) = (0, Vec::new());
        while told.len() < 2 * COMMITS {
            let changes = reader.since(cursor).await.unwrap();
            assert_eq!(changes.articles.len(), usize::try_from(changes.cursor - cursor).unwrap());
            cursor = changes.cursor;
            told.extend(changes.articles.into_iter().map(|article| article.id));
        }
        told.sort();
        told
    };
    let ((), (), told) = tokio::join!(write(&*one, "a"), write(&*two, "b"), read);
    let all = one.load().await.unwrap().articles;
    assert_eq!(told, all.into_iter().map(|article| article.id).collect::<Vec<_>>());
}

/// Whether it waits while something is written, or begins to afterwards.
async fn who_waits_is_woken_by_every_writer(database: &impl Database) {
    let (reader, writer) = (open(database).await, open(database).await);
    reader.woken().await;
    let id = ArticleId::new("a");
    let batch = write(record("a", 0), vec![touch(Scope::All, 1, false)]);
    for turn in 0..5 {
        drop(timeout(Duration::from_millis(1), reader.woken()).await);
        match turn {
            0 => drop(writer.commit(&batch).await.unwrap()),
            1 => drop(writer.claim_addresses(&[claim("7", "category/7")]).await.unwrap()),
            2 => writer.set_mark("names", "x").await.unwrap(),
            3 => writer.withdraw(&id, at(2)).await.unwrap(),
            _ => writer.accept_store(at(3)).await.unwrap(),
        }
        patiently("the one who waits", reader.woken()).await;
    }
}

async fn states_are_told_apart(database: &impl Database) {
    let (one, again) = (open(database).await, open(database).await);
    let instance = one.mark(INSTANCE_MARK).await.unwrap().unwrap();
    assert_eq!(again.mark(INSTANCE_MARK).await.unwrap().as_ref(), Some(&instance));
    let other = tempfile::tempdir().unwrap();
    let other = state::open(&format!("sqlite:{}", other.path().join("state.sqlite").display())).await.unwrap();
    assert_ne!(other.mark(INSTANCE_MARK).await.unwrap(), Some(instance));
}
