//! The embedded article store: an SQLite file of our own, the only store that Loa writes (`loa import`, `loa demo`).
//! Many rows go in with one statement: row by row it would take several times as long.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::query_builder::Separated;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, QueryBuilder, Row as _, SqlSafeStr as _, Sqlite};

use crate::domain::article::{Article, ArticleId, Media, Status};
use crate::domain::category::{Category, CategoryId};
use crate::domain::point::Point;
use crate::store::StoreError;
use crate::text::stamp::stored;

/// Rows of one statement: with 19 columns far below SQLite's limit of 32766 values.
const STATEMENT_ROWS: usize = 100;
/// How long we wait for another writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Is the body not the last column, of a table that has no rows, in a file where nothing but ours is made of it?
const MAY_MOVE_BODY: &str = "
    SELECT NOT EXISTS (SELECT 1 FROM articles)
        AND (SELECT name FROM pragma_table_info('articles') ORDER BY cid DESC LIMIT 1) <> 'body_html'
        AND NOT EXISTS (SELECT 1 FROM sqlite_master
            WHERE type = 'view' OR sql LIKE '%body_html%' AND name NOT IN ('articles', 'articles_body_edited'))";
/// SQLite lays a long text over further pages, and what stands behind it as well: a complete read would read them all.
const MOVE_BODY: &str = "
    DROP TRIGGER IF EXISTS articles_body_edited;
    ALTER TABLE articles DROP COLUMN body_html;
    ALTER TABLE articles ADD COLUMN body_html TEXT;
    CREATE TRIGGER articles_body_edited AFTER UPDATE OF body_html ON articles
    WHEN NEW.revision IS OLD.revision AND NEW.body_html IS NOT OLD.body_html
    BEGIN
        UPDATE articles SET revision = NULL WHERE id = NEW.id;
    END";

const REVISIONS: &str = "SELECT id, revision FROM articles WHERE id IN (SELECT value FROM json_each(?1))";

const PUT_ARTICLES: Put = Put {
    into: "
    INSERT INTO articles (id, guid, url, slug, title, lead, body_html, byline, status, published_at, updated_at,
        embargo_until, correction, language, rights, revision, published_from, latitude, longitude) ",
    on_conflict: "
    ON CONFLICT (id) DO UPDATE SET guid = excluded.guid, url = excluded.url, slug = excluded.slug,
        title = excluded.title, lead = excluded.lead, body_html = excluded.body_html, byline = excluded.byline,
        status = excluded.status, published_at = excluded.published_at, updated_at = excluded.updated_at,
        embargo_until = excluded.embargo_until, correction = excluded.correction, language = excluded.language,
        rights = excluded.rights, revision = excluded.revision, published_from = excluded.published_from,
        latitude = excluded.latitude, longitude = excluded.longitude",
};
/// What hangs on an article is written anew, relation by relation.
const DROP_JOINED: [&str; 4] = [
    "DELETE FROM article_categories WHERE article_id IN (SELECT value FROM json_each(?1))",
    "DELETE FROM article_localities WHERE article_id IN (SELECT value FROM json_each(?1))",
    "DELETE FROM article_tags WHERE article_id IN (SELECT value FROM json_each(?1))",
    "DELETE FROM article_media WHERE article_id IN (SELECT value FROM json_each(?1))",
];
const PUT_CATEGORIES_OF: Put =
    Put { into: "INSERT OR IGNORE INTO article_categories (article_id, category_id, position) ", on_conflict: "" };
const PUT_LOCALITIES_OF: Put =
    Put { into: "INSERT OR IGNORE INTO article_localities (article_id, locality) ", on_conflict: "" };
const PUT_TAGS_OF: Put =
    Put { into: "INSERT OR IGNORE INTO article_tags (article_id, tag, position) ", on_conflict: "" };
const PUT_MEDIA_OF: Put = Put {
    into: "
    INSERT INTO article_media (article_id, position, url, type, length, width, height, duration, role, caption, credit,
        alt) ",
    on_conflict: "",
};

/// Articles in the form of the NDJSON import, with `published_from` besides.
const FIND: &str = "
    SELECT json_object('id', id, 'guid', guid, 'url', url, 'slug', slug, 'title', title, 'lead', lead,
        'body_html', body_html, 'byline', byline, 'status', status, 'published_at', published_at,
        'updated_at', updated_at, 'embargo_until', embargo_until, 'correction', correction, 'language', language,
        'rights', rights, 'published_from', published_from, 'latitude', latitude, 'longitude', longitude,
        'categories', (SELECT json_group_array(category_id ORDER BY position, category_id) FROM article_categories
            WHERE article_id = id),
        'localities', (SELECT json_group_array(locality ORDER BY locality) FROM article_localities
            WHERE article_id = id),
        'tags', (SELECT json_group_array(tag ORDER BY position, tag) FROM article_tags WHERE article_id = id),
        'media', (SELECT json_group_array(json_object('url', m.url, 'type', m.type, 'length', m.length,
            'width', m.width, 'height', m.height, 'duration', m.duration, 'role', m.role, 'caption', m.caption,
            'credit', m.credit, 'alt', m.alt) ORDER BY m.position) FROM article_media m WHERE m.article_id = id))
    FROM articles
    WHERE id IN (SELECT id FROM articles WHERE title = ?1 UNION SELECT ?2 WHERE ?2 IS NOT NULL
        UNION SELECT id FROM articles WHERE ?3 IS NOT NULL AND url = ?3)
    ORDER BY id";

const CATEGORIES: &str = "SELECT id, parent_id, slug, name, position FROM categories";
const PUT_CATEGORIES: Put = Put {
    into: "INSERT INTO categories (id, parent_id, slug, name, position) ",
    on_conflict: "
    ON CONFLICT (id) DO UPDATE SET parent_id = excluded.parent_id, slug = excluded.slug, name = excluded.name,
        position = excluded.position",
};

/// A statement that puts many rows: the parts before and after `VALUES`.
struct Put {
    into: &'static str,
    on_conflict: &'static str,
}

/// An article to write.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The article.
    pub article: &'a Article,
    /// A value that differs whenever anything of the row or its joined rows does.
    pub revision: &'a str,
    /// `stated`, `list` or `update`: where the first publication stamp comes from.
    pub published_from: &'a str,
}

/// The embedded store, open for writing.
#[derive(Debug)]
pub struct Embedded {
    connection: SqliteConnection,
}

impl Embedded {
    /// Opens the file, which is made with its directory if it is missing, and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError::Database`] if the file cannot be opened, is no database, or has newer tables than ours.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(sqlx::Error::Io)?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        Self::connect(options).await
    }

    /// The file that an address `sqlite:PATH` names.
    ///
    /// # Errors
    /// [`StoreError::Contract`] for any other address: only an embedded store is ever written.
    pub fn path_of(url: &str) -> Result<PathBuf, StoreError> {
        let options = url.strip_prefix("sqlite:").and_then(|_| url.parse::<SqliteConnectOptions>().ok());
        let options = options.ok_or_else(|| StoreError::Contract {
            what: "only an embedded store can be written, and the address is not `sqlite:PATH`".to_owned(),
            way_out: "name one with --store sqlite:PATH".to_owned(),
        })?;
        Ok(options.get_filename().to_owned())
    }

    /// An empty store in memory, for a dry run.
    ///
    /// # Errors
    /// [`StoreError::Database`] if there is no memory.
    pub async fn in_memory() -> Result<Self, StoreError> {
        Self::connect(SqliteConnectOptions::new().in_memory(true)).await
    }

    async fn connect(options: SqliteConnectOptions) -> Result<Self, StoreError> {
        let options = options.busy_timeout(BUSY_TIMEOUT).foreign_keys(true).disable_statement_logging();
        let mut connection = options.connect().await?;
        migrations().run_direct(None, &mut connection, false).await.map_err(sqlx::Error::from)?;
        let mut embedded = Self { connection };
        embedded.put_body_last().await?;
        Ok(embedded)
    }

    /// While nothing is there yet: a file that somebody uses, and has perhaps made views of, stays as it is.
    async fn put_body_last(&mut self) -> Result<(), StoreError> {
        if !self.may_move_body().await? {
            return Ok(());
        }
        self.begin().await?;
        // Somebody else may have been quicker.
        if self.may_move_body().await? {
            sqlx::raw_sql(MOVE_BODY).execute(&mut self.connection).await?;
        }
        self.commit().await
    }

    async fn may_move_body(&mut self) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(MAY_MOVE_BODY).fetch_one(&mut self.connection).await?)
    }

    /// Begins a transaction that may write. Broken links between categories count at its end only.
    ///
    /// # Errors
    /// [`StoreError::Database`], also where another writer does not end.
    pub async fn begin(&mut self) -> Result<(), StoreError> {
        self.run("BEGIN IMMEDIATE").await?;
        self.run("PRAGMA defer_foreign_keys = ON").await
    }

    /// Ends the transaction: all of it counts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn commit(&mut self) -> Result<(), StoreError> {
        self.run("COMMIT").await
    }

    /// Ends the transaction: nothing of it counts.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn rollback(&mut self) -> Result<(), StoreError> {
        self.run("ROLLBACK").await
    }

    /// Closes the file in order, so that no side file of it stays.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }

    /// The revisions of those of the articles that the store has.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn revisions(&mut self, ids: &[&str]) -> Result<HashMap<String, Option<String>>, StoreError> {
        let ids = json!(ids).to_string();
        let rows = sqlx::query(REVISIONS).bind(ids).fetch_all(&mut self.connection).await?;
        Ok(rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Writes articles, each id at most once, with all that hangs on them. To be called within a transaction.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put(&mut self, rows: &[Row<'_>]) -> Result<(), StoreError> {
        let articles: Vec<&Article> = rows.iter().map(|row| row.article).collect();
        let ids: Vec<&str> = articles.iter().map(|article| article.id.as_str()).collect();
        self.put_rows(&PUT_ARTICLES, rows.iter().map(article_row)).await?;
        let ids = json!(ids).to_string();
        for statement in DROP_JOINED {
            sqlx::query(statement).bind(&ids).execute(&mut self.connection).await?;
        }
        let categories = articles.iter().flat_map(|a| numbered(&a.id, a.categories.iter().map(CategoryId::as_str)));
        self.put_rows(&PUT_CATEGORIES_OF, categories).await?;
        let localities =
            articles.iter().flat_map(|a| a.localities.iter().map(|name| vec![json!(a.id.as_str()), json!(name)]));
        self.put_rows(&PUT_LOCALITIES_OF, localities).await?;
        let tags = articles.iter().flat_map(|a| numbered(&a.id, a.tags.iter().map(String::as_str)));
        self.put_rows(&PUT_TAGS_OF, tags).await?;
        let media =
            articles.iter().flat_map(|a| (0_u32..).zip(&a.media).map(|(at, media)| media_row(&a.id, at, media)));
        self.put_rows(&PUT_MEDIA_OF, media).await
    }

    /// Articles of this title, this id or this address, each as a JSON object in the form of the NDJSON import (the
    /// categories by their ids) with `published_from` besides.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn find(
        &mut self,
        title: Option<&str>,
        id: Option<&str>,
        url: Option<&str>,
    ) -> Result<Vec<String>, StoreError> {
        let query = sqlx::query_scalar(FIND).bind(title).bind(id).bind(url);
        Ok(query.fetch_all(&mut self.connection).await?)
    }

    /// All categories.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn categories(&mut self) -> Result<Vec<Category>, StoreError> {
        let rows = sqlx::query(CATEGORIES).fetch_all(&mut self.connection).await?;
        let category = |row: &sqlx::sqlite::SqliteRow| {
            Ok(Category {
                id: CategoryId::new(row.try_get::<String, _>(0)?),
                parent_id: row.try_get::<Option<String>, _>(1)?.map(CategoryId::new),
                slug: row.try_get(2)?,
                name: row.try_get(3)?,
                position: row.try_get(4)?,
            })
        };
        Ok(rows.iter().map(category).collect::<Result<_, sqlx::Error>>()?)
    }

    /// Writes categories, new ones and changed ones. To be called within a transaction.
    ///
    /// # Errors
    /// [`StoreError::Database`], also where two categories would have one slug.
    pub async fn put_categories(&mut self, categories: &[Category]) -> Result<(), StoreError> {
        let row = |c: &Category| {
            let parent_id = c.parent_id.as_ref().map(CategoryId::as_str);
            vec![json!(c.id.as_str()), json!(parent_id), json!(c.slug), json!(c.name), json!(c.position)]
        };
        self.put_rows(&PUT_CATEGORIES, categories.iter().map(row)).await
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), StoreError> {
        sqlx::query(statement).execute(&mut self.connection).await?;
        Ok(())
    }

    async fn put_rows(&mut self, put: &Put, rows: impl Iterator<Item = Vec<Value>>) -> Result<(), StoreError> {
        let mut rows = rows.peekable();
        while rows.peek().is_some() {
            let mut statement = QueryBuilder::<Sqlite>::new(put.into);
            statement.push_values(rows.by_ref().take(STATEMENT_ROWS), |mut values, row| {
                for value in row {
                    bind(&mut values, value);
                }
            });
            statement.push(put.on_conflict).build().execute(&mut self.connection).await?;
        }
        Ok(())
    }
}

/// Binds a value as SQLite has it: text, integer or null.
fn bind(values: &mut Separated<'_, Sqlite, &'static str>, value: Value) {
    match value {
        Value::String(text) => values.push_bind(text),
        Value::Number(number) => values.push_bind(number.as_i64()),
        _ => values.push_bind(None::<String>),
    };
}

fn migrations() -> Migrator {
    let migration = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        migration(1, "article store", include_str!("migrations/0001_article_store.sql")),
        migration(2, "points", include_str!("migrations/0002_points.sql")),
        migration(3, "change log", include_str!("migrations/0003_change_log.sql")),
    ])
}

fn article_row(row: &Row<'_>) -> Vec<Value> {
    let a = row.article;
    let stamp = |instant: Option<_>| instant.map(stored);
    let degrees = |of: fn(Point) -> f64| a.point.map(|point| of(point).to_string());
    let status = match a.status {
        Status::Published => "published",
        Status::Draft => "draft",
        Status::Withdrawn => "withdrawn",
    };
    vec![
        json!(a.id.as_str()),
        json!(a.guid),
        json!(a.url),
        json!(a.slug),
        json!(a.title),
        json!(a.lead),
        json!(a.body_html),
        json!(a.byline),
        json!(status),
        json!(stamp(a.published_at)),
        json!(stamp(a.updated_at)),
        json!(stamp(a.embargo_until)),
        json!(a.correction),
        json!(a.language),
        json!(a.rights),
        json!(row.revision),
        json!(row.published_from),
        json!(degrees(Point::latitude)),
        json!(degrees(Point::longitude)),
    ]
}

fn media_row(id: &ArticleId, position: u32, m: &Media) -> Vec<Value> {
    vec![
        json!(id.as_str()),
        json!(position),
        json!(m.url),
        json!(m.mime_type),
        json!(m.length),
        json!(m.width),
        json!(m.height),
        json!(m.duration),
        json!(m.role),
        json!(m.caption),
        json!(m.credit),
        json!(m.alt),
    ]
}

fn numbered<'a>(id: &ArticleId, values: impl Iterator<Item = &'a str>) -> impl Iterator<Item = Vec<Value>> {
    (0_u32..).zip(values).map(move |(position, value)| vec![json!(id.as_str()), json!(value), json!(position)])
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn columns(connection: &mut SqliteConnection) -> Vec<String> {
        let columns = "SELECT name FROM pragma_table_info('articles') ORDER BY cid";
        sqlx::query_scalar(columns).fetch_all(connection).await.unwrap()
    }

    async fn run(connection: &mut SqliteConnection, sql: &'static str) {
        sqlx::raw_sql(sql).execute(connection).await.unwrap();
    }

    #[tokio::test]
    async fn the_body_is_the_last_column_of_a_new_file_and_edits_of_it_are_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("articles.sqlite");
        for _ in 0..2 {
            let mut connection = Embedded::open(&path).await.unwrap().connection;
            assert_eq!(columns(&mut connection).await.last().map(String::as_str), Some("body_html"));
            run(
                &mut connection,
                "INSERT OR REPLACE INTO articles (id, title, body_html, revision) VALUES ('1', 'Một', 'x', 'r')",
            )
            .await;
            run(&mut connection, "UPDATE articles SET body_html = 'y'").await;
            let found: (String, Option<String>) =
                sqlx::query_as("SELECT body_html, revision FROM articles").fetch_one(&mut connection).await.unwrap();
            assert_eq!(found, ("y".to_owned(), None));
        }
    }

    #[tokio::test]
    async fn a_file_of_before_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        for (name, used) in [
            ("rows.sqlite", "INSERT INTO articles (id, title, body_html) VALUES ('1', 'Một', 'x')"),
            ("view.sqlite", "CREATE VIEW news AS SELECT id, body_html FROM articles"),
            ("index.sqlite", "CREATE INDEX bodies ON articles (body_html)"),
        ] {
            let path = directory.path().join(name);
            let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
            let mut before = options.connect().await.unwrap();
            migrations().run_direct(None, &mut before, false).await.unwrap();
            run(&mut before, used).await;
            let expected = columns(&mut before).await;
            before.close().await.unwrap();
            assert_eq!(columns(&mut Embedded::open(&path).await.unwrap().connection).await, expected, "{name}");
        }
    }
}
