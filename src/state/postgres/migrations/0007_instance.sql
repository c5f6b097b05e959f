-- What tells this state from every other, for what is kept beside it. `written` is 0: it is no news to anybody.
INSERT INTO loa.marks (name, value, written) VALUES ('instance', gen_random_uuid()::text, 0);

-- What is new is asked for after every change.
CREATE INDEX feeds_written ON loa.feeds (written);
CREATE INDEX marks_written ON loa.marks (written);
