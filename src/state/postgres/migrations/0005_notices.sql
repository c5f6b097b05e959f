-- Until when the feed of a unit that is no more announces so, fixed by its first request since. NULL: it never began.
ALTER TABLE loa.feeds ADD COLUMN notice_until bigint;
