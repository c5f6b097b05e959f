-- What tells this state from every other, for what is kept beside it. `written` is 0: it is no news to anybody.
INSERT INTO marks (name, value, written) VALUES ('instance', lower(hex(randomblob(16))), 0);

-- What is new is asked for after every change.
CREATE INDEX feeds_written ON feeds (written);
CREATE INDEX marks_written ON marks (written);
