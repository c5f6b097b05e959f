-- Places that an article's text names and its row does not: `assigned:08287`, `suggested:227`.
ALTER TABLE loa.articles ADD COLUMN found text[] NOT NULL DEFAULT '{}';

-- What is done about such places for articles that somebody has decided so, whatever the configuration says.
CREATE TABLE loa.find_policies (
    article_id text COLLATE "C" PRIMARY KEY,
    policy text NOT NULL CHECK (policy IN ('off', 'suggest', 'assign'))
);
