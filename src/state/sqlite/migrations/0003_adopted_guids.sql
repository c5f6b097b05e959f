-- Guids that articles had in the paper's former feeds, taken over by `loa adopt`: they stand for ever. An article has one,
-- and no two articles have the same.
CREATE TABLE adopted_guids (
    article_id TEXT PRIMARY KEY NOT NULL,
    guid TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
