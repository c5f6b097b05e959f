-- `loa adopt` asks whose guid one is, as readers know it: without white space around it.
CREATE INDEX articles_guid ON articles (trim(guid, char(9, 10, 13, 32))) WHERE guid IS NOT NULL;
