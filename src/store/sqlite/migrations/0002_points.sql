-- Where an article happens: decimal degrees as text, so that the number comes back with the digits it was given.
ALTER TABLE articles ADD COLUMN latitude TEXT;
ALTER TABLE articles ADD COLUMN longitude TEXT;
