-- The change log (docs/STORE.md, "How changes are found"): what `loa store install` makes in other stores.
CREATE TABLE loa_log (id TEXT NOT NULL, watched TEXT NOT NULL);
CREATE TABLE loa_changes (line INTEGER PRIMARY KEY AUTOINCREMENT, what INTEGER NOT NULL DEFAULT 0, article TEXT, mark INTEGER NOT NULL DEFAULT (random()));
INSERT INTO loa_log VALUES (lower(hex(randomblob(16))), '[]');
CREATE TRIGGER loa_changes_prune AFTER INSERT ON loa_changes WHEN NEW.line % 1000 = 0 BEGIN
    DELETE FROM loa_changes WHERE line <= NEW.line - 100000;
END;
CREATE TRIGGER loa_articles_insert AFTER INSERT ON articles BEGIN
    INSERT INTO loa_changes (article) VALUES (NEW.id);
END;
CREATE TRIGGER loa_articles_update AFTER UPDATE ON articles BEGIN
    INSERT INTO loa_changes (article) SELECT OLD.id WHERE OLD.id IS NOT NEW.id;
    INSERT INTO loa_changes (article) VALUES (NEW.id);
END;
CREATE TRIGGER loa_articles_delete AFTER DELETE ON articles BEGIN
    INSERT INTO loa_changes (article) VALUES (OLD.id);
END;
CREATE TRIGGER loa_article_categories_insert AFTER INSERT ON article_categories BEGIN
    INSERT INTO loa_changes (article) VALUES (NEW.article_id);
END;
CREATE TRIGGER loa_article_categories_update AFTER UPDATE ON article_categories BEGIN
    INSERT INTO loa_changes (article) SELECT OLD.article_id WHERE OLD.article_id IS NOT NEW.article_id;
    INSERT INTO loa_changes (article) VALUES (NEW.article_id);
END;
CREATE TRIGGER loa_article_categories_delete AFTER DELETE ON article_categories BEGIN
    INSERT INTO loa_changes (article) VALUES (OLD.article_id);
END;
CREATE TRIGGER loa_article_localities_insert AFTER INSERT ON article_localities BEGIN
    INSERT INTO loa_changes (article) VALUES (NEW.article_id);
END;
CREATE TRIGGER loa_article_localities_update AFTER UPDATE ON article_localities BEGIN
    INSERT INTO loa_changes (article) SELECT OLD.article_id WHERE OLD.article_id IS NOT NEW.article_id;
    INSERT INTO loa_changes (article) VALUES (NEW.article_id);
END;
CREATE TRIGGER loa_article_localities_delete AFTER DELETE ON article_localities BEGIN
    INSERT INTO loa_changes (article) VALUES (OLD.article_id);
END;
CREATE TRIGGER loa_article_tags_insert AFTER INSERT ON article_tags BEGIN
    INSERT INTO loa_changes (article) VALUES (NEW.article_id);
END;
CREATE TRIGGER loa_article_tags_update AFTER UPDATE ON article_tags BEGIN
    INSERT INTO loa_changes (article) SELECT OLD.article_id WHERE OLD.article_id IS NOT NEW.article_id;
    INSERT INTO loa_changes (article) VALUES (NEW.article_id);
END;
CREATE TRIGGER loa_article_tags_delete AFTER DELETE ON article_tags BEGIN
    INSERT INTO loa_changes (article) VALUES (OLD.article_id);
END;
CREATE TRIGGER loa_article_media_insert AFTER INSERT ON article_media BEGIN
    INSERT INTO loa_changes (article) VALUES (NEW.article_id);
END;
CREATE TRIGGER loa_article_media_update AFTER UPDATE ON article_media BEGIN
    INSERT INTO loa_changes (article) SELECT OLD.article_id WHERE OLD.article_id IS NOT NEW.article_id;
    INSERT INTO loa_changes (article) VALUES (NEW.article_id);
END;
CREATE TRIGGER loa_article_media_delete AFTER DELETE ON article_media BEGIN
    INSERT INTO loa_changes (article) VALUES (OLD.article_id);
END;
CREATE TRIGGER loa_categories_insert AFTER INSERT ON categories BEGIN
    INSERT INTO loa_changes (what) VALUES (1);
END;
CREATE TRIGGER loa_categories_update AFTER UPDATE ON categories BEGIN
    INSERT INTO loa_changes (what) VALUES (1);
END;
CREATE TRIGGER loa_categories_delete AFTER DELETE ON categories BEGIN
    INSERT INTO loa_changes (what) VALUES (1);
END;
