//! The change log under real concurrent transactions: whatever order they commit in, nothing is lost, nothing is told early,
//! and no transaction in halves. `tests/rounds 200` runs each 200 times.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loa::store::install::{self, Wishes};
use loa::store::log::{LogCursor, LogRead};
use loa::store::{ArticleStore, Options, open};
use loa::text::stamp::Zones;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _};

use crate::support::newsroom::TABLES;
use crate::support::postgres::Postgres;
use crate::support::sqlite::Sqlite;
use crate::support::{Database, on, rounds};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn options() -> Options {
    Options { schema: None, prefix: String::new(), zones: Zones::default(), query_timeout_ms: 60_000 }
}

async fn install(db: &impl Database, id: &str) {
    let wishes = Wishes { id: id.to_owned(), ..Wishes::default() };
    let script = install::script(&db.url(), &options(), &wishes).await.unwrap();
    install::run(&db.url(), &script).await.unwrap();
}

/// Who follows the log.
struct Reader {
    store: Arc<dyn ArticleStore>,
    cursor: LogCursor,
}

impl Reader {
    async fn new(db: &impl Database) -> Self {
        let store = open(&db.url(), &options()).unwrap();
        let cursor = store.log_end().await.unwrap().expect("the log is installed");
        Self { store, cursor }
    }

    /// On a newsroom with an empty log.
    async fn installed(db: &impl Database) -> Self {
        db.sql(TABLES).await;
        install(db, "first").await;
        Self::new(db).await
    }

    async fn read(&mut self) -> LogRead {
        let read = self.store.log_since(&self.cursor).await.unwrap();
        if let LogRead::Changes(changes) = &read {
            // As after a restart.
            let json = serde_json::to_string(&changes.cursor).unwrap();
            self.cursor = serde_json::from_str(&json).unwrap();
        }
        read
    }

    async fn told(&mut self) -> Vec<String> {
        match self.read().await {
            LogRead::Changes(changes) => changes.articles.iter().map(|id| id.as_str().to_owned()).collect(),
            LogRead::Lost { why } => panic!("lost: {why}"),
        }
    }

    async fn lost(&mut self) -> String {
        match self.read().await {
            LogRead::Lost { why } => why,
            LogRead::Changes(changes) => panic!("told {changes:?}"),
        }
    }
}

/// A connection that writes.
enum Writer {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Writer {
    async fn new(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            let options: SqliteConnectOptions = url.parse().unwrap();
            Self::Sqlite(options.busy_timeout(PATIENCE).connect().await.unwrap())
        } else {
            Self::Postgres(url.parse::<PgConnectOptions>().unwrap().connect().await.unwrap())
        }
    }

    async fn run(&mut self, sql: &str) {
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Postgres(connection) => query.execute(connection).await.map(drop),
            Self::Sqlite(connection) => query.execute(connection).await.map(drop),
        }
        .unwrap();
    }
}

fn insert(id: &str) -> String {
    format!("INSERT INTO articles (id, title) VALUES ('{id}', 'Tin')")
}

/// Runs a test as often as is wished, each time on a database of its own.
async fn often<D: Database>(test: impl AsyncFn(&D)) {
    for _ in 0..rounds() {
        on::<D>(&test).await;
    }
}

#[tokio::test]
async fn concurrent_transactions_that_commit_out_of_order_are_all_told() {
    often(async |db: &Postgres| {
        let mut reader = Reader::installed(db).await;
        let (mut early, mut late) = (Writer::new(&db.url()).await, Writer::new(&db.url()).await);
        early.run(&format!("BEGIN; {}", insert("early"))).await;
        late.run(&format!("BEGIN; {}; COMMIT", insert("late"))).await;
        assert_eq!(reader.told().await, ["late"], "nobody waits for the transaction that is open");
        assert!(reader.told().await.is_empty(), "nothing twice");
        early.run("COMMIT").await;
        assert_eq!(reader.told().await, ["early"]);
        assert!(reader.told().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn concurrent_long_transaction_hides_nothing_and_is_not_lost() {
    often(async |db: &Postgres| {
        let mut reader = Reader::installed(db).await;
        let (mut long, mut short) = (Writer::new(&db.url()).await, Writer::new(&db.url()).await);
        long.run(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ; {}", insert("long-1"))).await;
        for number in 0..40 {
            short.run(&insert(&format!("short-{number}"))).await;
            assert_eq!(reader.told().await, [format!("short-{number}")]);
        }
        long.run(&insert("long-2")).await;
        assert_eq!(reader.cursor.beyond.len(), 40);
        long.run("COMMIT").await;
        assert_eq!(reader.told().await, ["long-1", "long-2"]);
        // What is complete need not be remembered; transactions of other databases hold the horizon, too.
        while !reader.cursor.beyond.is_empty() {
            assert!(reader.told().await.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn concurrent_writers_with_wrong_clocks_and_equal_stamps_are_told() {
    often(async |db: &Postgres| {
        let mut reader = Reader::installed(db).await;
        let mut writers = [Writer::new(&db.url()).await, Writer::new(&db.url()).await, Writer::new(&db.url()).await];
        let stamps = ["2031-01-01 00:00:00", "2001-01-01 00:00:00", "2001-01-01 00:00:00"];
        let ids = ["a", "b", "c"];
        for ((writer, id), stamp) in writers.iter_mut().zip(ids).zip(stamps) {
            writer
                .run(&format!("BEGIN; {}; UPDATE articles SET updated_at = '{stamp}' WHERE id = '{id}'", insert(id)))
                .await;
        }
        for (at, id) in [(2, "c"), (0, "a"), (1, "b")] {
            writers[at].run("COMMIT").await;
            assert_eq!(reader.told().await, [id]);
        }
        // The log's own stamps are not read either.
        db.sql("UPDATE loa_changes SET at = '2001-01-01' WHERE line < (SELECT max(line) FROM loa_changes)").await;
        db.sql("UPDATE articles SET title = 'Tin mới' WHERE id = 'b'").await;
        assert_eq!(reader.told().await, ["b"]);
    })
    .await;
}

#[tokio::test]
async fn concurrent_commits_wake_and_a_dropped_connection_is_made_anew() {
    often(async |db: &Postgres| {
        let mut reader = Reader::installed(db).await;
        let store = Arc::clone(&reader.store);
        let woken = async || tokio::time::timeout(PATIENCE, store.woken()).await.expect("woken in time");
        woken().await;
        db.sql(&insert("1")).await;
        woken().await;
        assert_eq!(reader.told().await, ["1"]);
        db.sql(&insert("2")).await;
        // Dropped half way and asked for again: what came in between counts.
        drop(tokio::time::timeout(Duration::from_millis(1), store.woken()).await);
        db.sql(&insert("3")).await;
        woken().await;
        let name = db.name();
        db.sql(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = '{name}' AND application_name = 'loa' AND query LIKE 'LISTEN%'"
        ))
        .await;
        woken().await;
        woken().await;
        db.sql(&insert("4")).await;
        woken().await;
        assert_eq!(reader.told().await, ["2", "3", "4"], "nothing hangs on being woken");
    })
    .await;
}

#[tokio::test]
async fn concurrent_restore_of_an_older_backup_is_noticed() {
    often(async |db: &Postgres| {
        let mut reader = Reader::installed(db).await;
        for number in 0..5 {
            db.sql(&insert(&number.to_string())).await;
        }
        assert_eq!(reader.told().await.len(), 5);
        // The log as it was two lines ago, and then as many lines as there were, and more.
        db.sql(
            "DELETE FROM loa_changes WHERE line > 3; SELECT setval(pg_get_serial_sequence('loa_changes', 'line'), 3)",
        )
        .await;
        assert!(reader.lost().await.contains("back in time"));
        for number in 0..5 {
            db.sql(&insert(&format!("new-{number}"))).await;
        }
        assert!(reader.lost().await.contains("back in time"), "another line of the same number is another line");
        // Dropped and made anew from a dump: the same name, other tables.
        reader = Reader::new(db).await;
        db.sql(
            "CREATE TABLE kept AS SELECT * FROM loa_log; DROP TABLE loa_log;
             CREATE TABLE loa_log (id text, pruned bigint); INSERT INTO loa_log SELECT * FROM kept",
        )
        .await;
        assert!(reader.lost().await.contains("another one"));
        db.sql("DROP TABLE loa_log").await;
        reader.lost().await;
    })
    .await;
}

#[tokio::test]
async fn concurrent_truncate_is_told_as_everything() {
    often(async |db: &Postgres| {
        let mut reader = Reader::installed(db).await;
        let mut writer = Writer::new(&db.url()).await;
        writer.run(&format!("BEGIN; {}; TRUNCATE articles", insert("1"))).await;
        assert!(reader.told().await.is_empty());
        writer.run("COMMIT").await;
        assert!(reader.lost().await.contains("TRUNCATE"));
        reader = Reader::new(db).await;
        assert!(reader.told().await.is_empty(), "and the next cursor goes on after it");
    })
    .await;
}

#[tokio::test]
async fn concurrent_writes_without_triggers_are_found_by_the_complete_read() {
    often(async |db: &Postgres| {
        let mut reader = Reader::installed(db).await;
        let mut writer = Writer::new(&db.url()).await;
        writer.run(&format!("BEGIN; SET LOCAL session_replication_role = replica; {}; COMMIT", insert("1"))).await;
        assert!(reader.told().await.is_empty(), "the log cannot know");
        let mut rows = 0;
        reader.store.scan(&mut |piece| rows += u32::from(piece.of_article)).await.unwrap();
        assert_eq!(rows, 1);
        db.sql("ALTER TABLE article_tags DISABLE TRIGGER USER").await;
        assert_eq!(reader.store.log_end().await.unwrap(), None, "what is not covered is looked for as without a log");
        assert!(reader.store.change_detection().starts_with("C:"));
    })
    .await;
}

#[tokio::test]
async fn concurrent_mass_edit_is_told_whole_beside_small_ones() {
    often(async |db: &Postgres| {
        let mut reader = Reader::installed(db).await;
        db.sql("INSERT INTO articles (id) SELECT i FROM generate_series(1, 3000) i").await;
        assert_eq!(reader.told().await.len(), 3000);
        let (mut mass, mut small) = (Writer::new(&db.url()).await, Writer::new(&db.url()).await);
        mass.run("BEGIN").await;
        // More lines than a block has, by one transaction; and more than a block of others.
        for id in 0..300 {
            mass.run(&format!("UPDATE articles SET title = 'x' WHERE id = '{}'", id + 1)).await;
            small.run(&format!("UPDATE articles SET title = 'y' WHERE id = '{}'", id + 1001)).await;
        }
        mass.run("COMMIT").await;
        let mut told = BTreeSet::new();
        loop {
            let some = reader.told().await;
            let of_mass = some.iter().filter(|id| id.parse::<u32>().unwrap() <= 300).count();
            assert!(of_mass == 0 || of_mass == 300, "a transaction is told whole: {of_mass}");
            if some.is_empty() {
                break;
            }
            assert!(some.into_iter().all(|id| told.insert(id)), "nothing twice");
        }
        assert_eq!(told.len(), 600);
    })
    .await;
}

#[tokio::test]
async fn concurrent_older_sqlite_file_copied_in_place_is_noticed() {
    often(async |db: &Sqlite| {
        let mut reader = Reader::installed(db).await;
        db.sql(&insert("1")).await;
        db.plain("PRAGMA wal_checkpoint(TRUNCATE)").await;
        let backup = std::fs::read(db.path()).unwrap();
        db.sql(&insert("2")).await;
        assert_eq!(reader.told().await, ["1", "2"]);
        db.plain("PRAGMA wal_checkpoint(TRUNCATE)").await;
        std::fs::write(db.path(), &backup).unwrap();
        assert!(reader.lost().await.contains("back in time"));
        let mut writer = Writer::new(&db.url()).await;
        for number in 0..5 {
            writer.run(&insert(&format!("new-{number}"))).await;
        }
        assert!(reader.lost().await.contains("back in time"), "another line of the same number is another line");
    })
    .await;
}

#[tokio::test]
async fn concurrent_sqlite_commits_wake_whoever_waits() {
    often(async |db: &Sqlite| {
        let mut reader = Reader::installed(db).await;
        let store = Arc::clone(&reader.store);
        let woken = async || tokio::time::timeout(PATIENCE, store.woken()).await.expect("woken in time");
        woken().await;
        db.sql(&insert("1")).await;
        woken().await;
        assert_eq!(reader.told().await, ["1"]);
        let waiting = async {
            woken().await;
            reader.told().await
        };
        let statement = insert("2");
        let (told, ()) = tokio::join!(waiting, db.sql(&statement));
        assert_eq!(told, ["2"]);
    })
    .await;
}

#[tokio::test]
async fn concurrent_random_transactions_are_told_once_committed_and_whole() {
    for round in 0..rounds() {
        on::<Postgres>(async |db| random_stream(db, round).await).await;
    }
}

#[tokio::test]
async fn concurrent_random_sqlite_transactions_are_told_once_committed_and_whole() {
    for round in 0..rounds() {
        on::<Sqlite>(async |db| random_stream(db, round).await).await;
    }
}

/// Chance that can be repeated.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

const WRITERS: u64 = 5;
const TRANSACTIONS: u64 = 12;

/// What the transactions did: their ids, and which of them have been told to commit.
#[derive(Default)]
struct Ledger {
    /// By transaction: the articles that it has written if it is committed.
    wrote: BTreeMap<String, BTreeSet<String>>,
    committing: BTreeSet<String>,
}

async fn random_stream(db: &impl Database, round: u64) {
    db.sql(TABLES).await;
    let names = (0..WRITERS).flat_map(|writer| (0..TRANSACTIONS).map(move |number| format!("t{writer}-{number}")));
    for name in names {
        db.sql(&format!("{}; {}", insert(&format!("{name}/changed")), insert(&format!("{name}/deleted")))).await;
    }
    install(db, "first").await;
    let mut reader = Reader::new(db).await;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let url = db.url();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write_randomly(url.clone(), writer, round, Arc::clone(&ledger)));
    }
    let mut told = BTreeSet::new();
    let mut working = true;
    loop {
        // What is read after the last commit is the end.
        let ended = !working;
        follow(&mut reader, &ledger, &mut told).await;
        if ended {
            break;
        }
        while let Some(done) = writers.try_join_next() {
            done.unwrap();
        }
        working = !writers.is_empty();
    }
    let ledger = ledger.lock().unwrap();
    let committed: BTreeSet<String> =
        ledger.committing.iter().flat_map(|name| ledger.wrote[name].iter().cloned()).collect();
    assert_eq!(told, committed, "round {round}");
}

async fn follow(reader: &mut Reader, ledger: &Mutex<Ledger>, told: &mut BTreeSet<String>) {
    let some: BTreeSet<String> = reader.told().await.into_iter().collect();
    let ledger = ledger.lock().unwrap();
    let transactions: BTreeSet<&str> = some.iter().map(|id| id.split('/').next().unwrap()).collect();
    for name in transactions {
        assert!(ledger.committing.contains(name), "{name} was told before it was committed, or was rolled back");
        assert!(ledger.wrote[name].is_subset(&some), "{name} was told in halves");
    }
    for id in some {
        assert!(told.insert(id.clone()), "{id} was told twice");
    }
}

async fn write_randomly(url: String, writer: u64, round: u64, ledger: Arc<Mutex<Ledger>>) {
    let postgres = !url.starts_with("sqlite:");
    let mut chance = Chance(round * WRITERS + writer);
    let mut connection = Writer::new(&url).await;
    for number in 0..TRANSACTIONS {
        let name = format!("t{writer}-{number}");
        let mut wrote = BTreeSet::new();
        connection.run(if postgres { "BEGIN" } else { "BEGIN IMMEDIATE" }).await;
        for step in 0..=chance.below(5) {
            let id = format!("{name}/{step}");
            match chance.below(6) {
                0 => {
                    connection.run(&format!("SAVEPOINT s; {}; ROLLBACK TO s", insert(&format!("{name}/never")))).await;
                }
                1 => {
                    connection.run(&format!("UPDATE articles SET title = 'x' WHERE id = '{name}/changed'")).await;
                    wrote.insert(format!("{name}/changed"));
                }
                2 if !wrote.contains(&format!("{name}/deleted")) => {
                    connection.run(&format!("DELETE FROM articles WHERE id = '{name}/deleted'")).await;
                    wrote.insert(format!("{name}/deleted"));
                }
                3 => {
                    connection.run(&format!("INSERT INTO article_tags VALUES ('{id}', 'x', 0)")).await;
                    wrote.insert(id);
                }
                // Transactions that hold one another up commit in another order than they began.
                4 if postgres && step == 0 => {
                    connection.run(&format!("SELECT pg_advisory_xact_lock({})", chance.below(2))).await;
                }
                _ => {
                    connection.run(&format!("SAVEPOINT s; {}; RELEASE s", insert(&id))).await;
                    wrote.insert(id);
                }
            }
        }
        if chance.below(4) == 0 {
            connection.run("ROLLBACK").await;
            continue;
        }
        {
            let mut ledger = ledger.lock().unwrap();
            ledger.wrote.insert(name.clone(), wrote);
            ledger.committing.insert(name);
        }
        connection.run("COMMIT").await;
    }
}
