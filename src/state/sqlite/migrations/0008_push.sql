-- What the hub (WebSub) keeps. A subscription is of a feed in a format and a callback. Numbers are never given twice: what was
-- under way for one that has ended is not taken for another.

-- One row per subscription that was verified, to the end of its lease.
CREATE TABLE subscriptions (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    scope TEXT NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('rss', 'atom', 'json')),
    topic TEXT NOT NULL,
    callback TEXT NOT NULL,
    -- Host and port of the callback.
    host TEXT NOT NULL,
    secret TEXT,
    verified_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- Of the feed: the subscriber has this.
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    delivered_at INTEGER,
    UNIQUE (scope, format, callback)
) STRICT;

CREATE INDEX subscriptions_host ON subscriptions (host, expires_at);
CREATE INDEX subscriptions_expires ON subscriptions (expires_at);

-- What waits for the callback to say that it means it, or to be told that it gets nothing any more.
CREATE TABLE subscription_requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    scope TEXT NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('rss', 'atom', 'json')),
    topic TEXT NOT NULL,
    callback TEXT NOT NULL,
    host TEXT NOT NULL,
    wish TEXT NOT NULL CHECK (wish IN ('subscribe', 'unsubscribe', 'deny')),
    lease_s INTEGER CHECK ((lease_s IS NOT NULL) = (wish = 'subscribe')),
    secret TEXT,
    reason TEXT CHECK ((reason IS NOT NULL) = (wish = 'deny')),
    client TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL,
    claimed_until INTEGER,
    UNIQUE (scope, format, callback)
) STRICT;

CREATE INDEX subscription_requests_host ON subscription_requests (host);
CREATE INDEX subscription_requests_next ON subscription_requests (next_at);
CREATE INDEX subscription_requests_claimed ON subscription_requests (claimed_until) WHERE claimed_until IS NOT NULL;

-- What subscribers are owed: the document, of this sequence at least. Hosts take turns, each with what is due longest.
CREATE TABLE deliveries (
    subscription INTEGER PRIMARY KEY NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    host TEXT NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    -- When the oldest event was recorded that the subscriber has not got.
    since INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL,
    -- When it was taken last.
    claimed_at INTEGER,
    claimed_until INTEGER,
    failure TEXT
) STRICT;

CREATE INDEX deliveries_host ON deliveries (host, next_at);
CREATE INDEX deliveries_next ON deliveries (next_at);
CREATE INDEX deliveries_since ON deliveries (since);
CREATE INDEX deliveries_claimed ON deliveries (claimed_until) WHERE claimed_until IS NOT NULL;

-- What was given up. Its subscription may have ended since.
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY NOT NULL,
    subscription INTEGER NOT NULL,
    scope TEXT NOT NULL,
    format TEXT NOT NULL CHECK (format IN ('rss', 'atom', 'json')),
    callback TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    since INTEGER NOT NULL,
    given_up_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    failure TEXT NOT NULL
) STRICT;

CREATE INDEX dead_letters_given_up ON dead_letters (given_up_at);

-- One row: the number of the transaction up to which the ledger's changes are enqueued, and the last delivery that succeeded.
CREATE TABLE push_place (
    one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    written INTEGER NOT NULL,
    delivered_at INTEGER
) STRICT;

INSERT INTO push_place (one, written) SELECT 1, written FROM control;
