-- `loa adopt` asks whose guid one is, as readers know it: without white space around it. Of hashes, because a store may
-- give a guid that is longer than an ordinary index takes.
CREATE INDEX articles_guid ON loa.articles USING hash (btrim(guid, E'\t\n\r ')) WHERE guid IS NOT NULL;
