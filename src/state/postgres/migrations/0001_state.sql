-- Loa's own durable data. Instants are microseconds since 1970-01-01T00:00:00Z. Keys are compared byte by byte, so that
-- every replica sees the same order whatever the database's collation. `written` is the number of the transaction that wrote
-- the row last.

-- One row per article ever published. It is kept for ever: its id must mean the same for ever.
CREATE TABLE loa.articles (
    id text COLLATE "C" PRIMARY KEY,
    guid text,
    published bigint NOT NULL,
    updated bigint NOT NULL,
    -- 32 hexadecimal digits.
    fingerprint text NOT NULL,
    -- 64 bits, as a signed number.
    digest bigint NOT NULL,
    store_updated bigint,
    categories text[] NOT NULL,
    scopes text[] NOT NULL,
    standing text NOT NULL CHECK (standing IN ('public', 'set_aside', 'left', 'vanished', 'withdrawn')),
    gone_at bigint CHECK ((gone_at IS NULL) = (standing IN ('public', 'set_aside'))),
    version bigint NOT NULL CHECK (version > 0),
    written bigint NOT NULL
);

CREATE INDEX articles_written ON loa.articles (written, id);

-- One row per feed that ever held an article.
CREATE TABLE loa.feeds (
    scope text COLLATE "C" PRIMARY KEY,
    sequence bigint NOT NULL CHECK (sequence > 0),
    changed_at bigint NOT NULL,
    removal_sequence bigint NOT NULL CHECK (removal_sequence BETWEEN 0 AND sequence),
    written bigint NOT NULL
);

-- Every address ever published. A path belongs to its scope for ever; a scope's present path is the one claimed last.
CREATE TABLE loa.addresses (
    path text COLLATE "C" PRIMARY KEY,
    scope text NOT NULL,
    claim bigint NOT NULL CHECK (claim > 0),
    written bigint NOT NULL
);

-- The deny list.
CREATE TABLE loa.withdrawals (
    article_id text COLLATE "C" PRIMARY KEY,
    at bigint NOT NULL,
    origin text NOT NULL CHECK (origin IN ('store', 'command')),
    restored_at bigint
);

CREATE TABLE loa.marks (
    name text COLLATE "C" PRIMARY KEY,
    value text NOT NULL,
    written bigint NOT NULL
);

-- The one row that every writer locks first. `sequence` counts what changes the answer of `control`,
-- `written` the transactions that wrote articles, feeds, addresses or marks.
CREATE TABLE loa.control (
    one integer PRIMARY KEY CHECK (one = 1),
    sequence bigint NOT NULL,
    written bigint NOT NULL,
    store_accepted_at bigint,
    authority text,
    since text,
    CHECK ((authority IS NULL) = (since IS NULL))
);

INSERT INTO loa.control (one, sequence, written) VALUES (1, 0, 0);
