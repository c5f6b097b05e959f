-- Loa's own durable data. Instants are microseconds since 1970-01-01T00:00:00Z; lists are JSON arrays of text.
-- `written` is the number of the transaction that wrote the row last.

-- One row per article ever published. It is kept for ever: its id must mean the same for ever.
CREATE TABLE articles (
    id TEXT PRIMARY KEY NOT NULL,
    guid TEXT,
    published INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    -- 32 hexadecimal digits.
    fingerprint TEXT NOT NULL,
    -- 64 bits, as a signed number.
    digest INTEGER NOT NULL,
    store_updated INTEGER,
    categories TEXT NOT NULL,
    scopes TEXT NOT NULL,
    standing TEXT NOT NULL CHECK (standing IN ('public', 'set_aside', 'left', 'vanished', 'withdrawn')),
    gone_at INTEGER CHECK ((gone_at IS NULL) = (standing IN ('public', 'set_aside'))),
    version INTEGER NOT NULL CHECK (version > 0),
    written INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX articles_written ON articles (written, id);

-- One row per feed that ever held an article.
CREATE TABLE feeds (
    scope TEXT PRIMARY KEY NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    changed_at INTEGER NOT NULL,
    removal_sequence INTEGER NOT NULL CHECK (removal_sequence BETWEEN 0 AND sequence),
    written INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every address ever published. A path belongs to its scope for ever; a scope's present path is the one claimed last.
CREATE TABLE addresses (
    path TEXT PRIMARY KEY NOT NULL,
    scope TEXT NOT NULL,
    claim INTEGER NOT NULL CHECK (claim > 0),
    written INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The deny list.
CREATE TABLE withdrawals (
    article_id TEXT PRIMARY KEY NOT NULL,
    at INTEGER NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('store', 'command')),
    restored_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE marks (
    name TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL,
    written INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The one row that every writer touches first. `sequence` counts what changes the answer of `control`,
-- `written` the transactions that wrote articles, feeds, addresses or marks.
CREATE TABLE control (
    one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    sequence INTEGER NOT NULL,
    written INTEGER NOT NULL,
    store_accepted_at INTEGER,
    authority TEXT,
    since TEXT,
    CHECK ((authority IS NULL) = (since IS NULL))
) STRICT;

INSERT INTO control (one, sequence, written) VALUES (1, 0, 0);
