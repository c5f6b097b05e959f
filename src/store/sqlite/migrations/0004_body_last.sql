-- The body stands last: whatever stands behind a long text lies on its pages, which a complete read then has to read.
-- Nothing that anybody sees changes, so the triggers that tell of changes wait.
DROP TRIGGER articles_body_edited;
DROP TRIGGER loa_articles_update;
ALTER TABLE articles RENAME COLUMN body_html TO body_before;
ALTER TABLE articles ADD COLUMN body_html TEXT;
UPDATE articles SET body_html = body_before WHERE body_before IS NOT NULL;
ALTER TABLE articles DROP COLUMN body_before;
CREATE TRIGGER articles_body_edited AFTER UPDATE OF body_html ON articles
WHEN NEW.revision IS OLD.revision AND NEW.body_html IS NOT OLD.body_html
BEGIN
    UPDATE articles SET revision = NULL WHERE id = NEW.id;
END;
CREATE TRIGGER loa_articles_update AFTER UPDATE ON articles BEGIN
    INSERT INTO loa_changes (article) SELECT OLD.id WHERE OLD.id IS NOT NEW.id;
    INSERT INTO loa_changes (article) VALUES (NEW.id);
END;
