-- How an author or a tag was spelled when it was first published.
ALTER TABLE addresses ADD COLUMN label TEXT;

-- Authors and tags are many, and come one by one.
CREATE INDEX addresses_scope ON addresses (scope);
CREATE INDEX addresses_claim ON addresses (claim);
CREATE INDEX addresses_written ON addresses (written);
