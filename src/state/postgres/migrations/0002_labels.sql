-- How an author or a tag was spelled when it was first published.
ALTER TABLE loa.addresses ADD COLUMN label text;

-- Authors and tags are many, and come one by one.
CREATE INDEX addresses_scope ON loa.addresses (scope);
CREATE INDEX addresses_claim ON loa.addresses (claim);
CREATE INDEX addresses_written ON loa.addresses (written);
