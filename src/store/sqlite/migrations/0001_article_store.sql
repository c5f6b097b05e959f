-- The embedded article store: the contract of docs/STORE.md as tables. `loa import` and `loa demo` write it.
-- Stamps are RFC 3339 text in UTC with microseconds, so that they sort as they read.
CREATE TABLE categories (
    id TEXT PRIMARY KEY NOT NULL,
    parent_id TEXT REFERENCES categories (id),
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    position INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE articles (
    id TEXT PRIMARY KEY NOT NULL,
    guid TEXT,
    url TEXT,
    slug TEXT,
    title TEXT NOT NULL,
    lead TEXT,
    body_html TEXT,
    byline TEXT,
    status TEXT NOT NULL DEFAULT 'published' CHECK (status IN ('published', 'draft', 'withdrawn')),
    published_at TEXT,
    updated_at TEXT,
    embargo_until TEXT,
    correction TEXT,
    language TEXT,
    rights TEXT,
    -- A hash of all the columns above and of the joined rows, written by the importer: lets a complete read
    -- leave the bodies alone. NULL makes Loa read the body instead.
    revision TEXT,
    -- Only the importer reads these. Whether the first publication stamp is one, or was taken from an update stamp.
    published_from TEXT NOT NULL DEFAULT 'stated' CHECK (published_from IN ('stated', 'list', 'update'))
) STRICT;

CREATE TABLE article_categories (
    article_id TEXT NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    category_id TEXT NOT NULL,
    position INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (article_id, category_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE article_localities (
    article_id TEXT NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    locality TEXT NOT NULL,
    PRIMARY KEY (article_id, locality)
) STRICT, WITHOUT ROWID;

CREATE TABLE article_tags (
    article_id TEXT NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    position INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (article_id, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE article_media (
    article_id TEXT NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    position INTEGER NOT NULL DEFAULT 0,
    url TEXT NOT NULL,
    type TEXT,
    length INTEGER,
    width INTEGER,
    height INTEGER,
    duration INTEGER,
    role TEXT,
    caption TEXT,
    credit TEXT,
    alt TEXT,
    PRIMARY KEY (article_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX articles_title ON articles (title);

-- Somebody who edits a body by hand need not know of revisions.
CREATE TRIGGER articles_body_edited AFTER UPDATE OF body_html ON articles
WHEN NEW.revision IS OLD.revision AND NEW.body_html IS NOT OLD.body_html
BEGIN
    UPDATE articles SET revision = NULL WHERE id = NEW.id;
END;
