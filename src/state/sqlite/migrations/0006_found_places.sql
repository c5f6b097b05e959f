-- Places that an article's text names and its row does not, as JSON: `assigned:08287`, `suggested:227`.
ALTER TABLE articles ADD COLUMN found TEXT NOT NULL DEFAULT '[]';

-- What is done about such places for articles that somebody has decided so, whatever the configuration says.
CREATE TABLE find_policies (
    article_id TEXT PRIMARY KEY NOT NULL,
    policy TEXT NOT NULL CHECK (policy IN ('off', 'suggest', 'assign'))
) STRICT, WITHOUT ROWID;
