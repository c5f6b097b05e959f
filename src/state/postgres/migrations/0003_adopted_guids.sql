-- Guids that articles had in the paper's former feeds, taken over by `loa adopt`: they stand for ever. An article has one,
-- and no two articles have the same.
CREATE TABLE loa.adopted_guids (
    article_id text COLLATE "C" PRIMARY KEY,
    guid text COLLATE "C" NOT NULL UNIQUE,
    at bigint NOT NULL
);
