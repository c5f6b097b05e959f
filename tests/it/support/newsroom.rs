//! A newsroom's store as SQL: the relations of `docs/STORE.md` without any constraint, and the edits that a newsroom makes.

use std::collections::BTreeMap;

/// The relations, in text columns that take anything.
pub(crate) const TABLES: &str = "
CREATE TABLE articles (id text, guid text, url text, slug text, title text, lead text, body_html text, byline text,
    status text, published_at text, updated_at text, embargo_until text, correction text, language text, rights text,
    revision text, published_from text, latitude text, longitude double precision);
CREATE TABLE article_categories (article_id text, category_id text, position integer);
CREATE TABLE article_localities (article_id text, locality text);
CREATE TABLE article_tags (article_id text, tag text, position integer);
CREATE TABLE article_media (article_id text, position integer, url text, type text, length bigint, width integer,
    height integer, duration integer, role text, caption text, credit text, alt text);
CREATE TABLE categories (id text, parent_id text, slug text, name text, position integer)";

/// Three sections, one below another: 10 (Kinh tế) above 11 (Nông nghiệp), and 20 (Văn hóa).
pub(crate) const SECTIONS: &str = "
INSERT INTO categories VALUES ('10', NULL, 'kinh-te', 'Kinh tế', 1);
INSERT INTO categories VALUES ('11', '10', 'nong-nghiep', 'Nông nghiệp', 1);
INSERT INTO categories VALUES ('20', NULL, 'van-hoa', 'Văn hóa', 2)";

/// A good article in a category, changed by `columns`: pairs of a column and its SQL value.
pub(crate) fn article(id: &str, category: &str, published_at: &str, columns: &[(&str, &str)]) -> String {
    let mut values = BTreeMap::from([
        ("id", format!("'{id}'")),
        ("slug", format!("'tin-{id}'")),
        ("title", format!("'Tin số {id}'")),
        ("lead", format!("'Sapo của tin số {id}'")),
        ("body_html", format!("'<p>Nội dung của tin số {id}.</p>'")),
        ("byline", "'Lê Hòa'".to_owned()),
        ("status", "'published'".to_owned()),
        ("published_at", format!("'{published_at}'")),
    ]);
    values.extend(columns.iter().map(|(column, value)| (*column, (*value).to_owned())));
    let (names, values): (Vec<_>, Vec<_>) = values.into_iter().unzip();
    format!(
        "INSERT INTO articles ({}) VALUES ({}); INSERT INTO article_categories VALUES ('{id}', '{category}', 0)",
        names.join(", "),
        values.join(", ")
    )
}

/// A store with four articles: 1 and 3 in 10, 2 in 11, 4 in 20; the highest number is the newest.
pub(crate) fn small() -> String {
    [
        TABLES.to_owned(),
        SECTIONS.to_owned(),
        article("1", "10", "2026-03-17 08:00:00", &[]),
        article("2", "11", "2026-03-17 20:15:00", &[]),
        article("3", "10", "18/03/2026 06:30 GMT+7", &[]),
        article("4", "20", "2026-03-18T07:00:00+07:00", &[]),
    ]
    .join("; ")
}
