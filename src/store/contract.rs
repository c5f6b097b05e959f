//! The relational contract of `docs/STORE.md` as data, and what of it a store really has.

use std::collections::HashMap;

use super::StoreError;

/// A relation of the contract.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Relation {
    /// Its name, without schema and prefix.
    pub(super) name: &'static str,
    /// Its columns: the one that names the row (or the article that a joined row belongs to) first, a body last.
    pub(super) columns: &'static [Column],
    /// May it be absent? Then it counts as empty.
    pub(super) optional: bool,
}

/// A column of the contract.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// Its name.
    pub(super) name: &'static str,
    /// May it be absent? Then it counts as NULL.
    pub(super) optional: bool,
}

const fn required(name: &'static str) -> Column {
    Column { name, optional: false }
}

const fn optional(name: &'static str) -> Column {
    Column { name, optional: true }
}

/// The articles. `body_html` stands last: a complete read leaves it out.
pub(super) const ARTICLES: Relation = Relation {
    name: "articles",
    optional: false,
    columns: &[
        required("id"),
        optional("guid"),
        optional("url"),
        optional("slug"),
        required("title"),
        optional("lead"),
        optional("byline"),
        required("status"),
        required("published_at"),
        optional("updated_at"),
        optional("embargo_until"),
        optional("correction"),
        optional("language"),
        optional("rights"),
        optional("revision"),
        optional("published_from"),
        optional("latitude"),
        optional("longitude"),
        required("body_html"),
    ],
};

/// Which categories an article is in.
pub(super) const ARTICLE_CATEGORIES: Relation = Relation {
    name: "article_categories",
    optional: true,
    columns: &[required("article_id"), required("category_id"), optional("position")],
};

/// Which localities an article tells of.
pub(super) const ARTICLE_LOCALITIES: Relation =
    Relation { name: "article_localities", optional: true, columns: &[required("article_id"), required("locality")] };

/// An article's tags.
pub(super) const ARTICLE_TAGS: Relation = Relation {
    name: "article_tags",
    optional: true,
    columns: &[required("article_id"), required("tag"), optional("position")],
};

/// An article's pictures, sound and film.
pub(super) const ARTICLE_MEDIA: Relation = Relation {
    name: "article_media",
    optional: true,
    columns: &[
        required("article_id"),
        required("url"),
        optional("position"),
        optional("type"),
        optional("length"),
        optional("width"),
        optional("height"),
        optional("duration"),
        optional("role"),
        optional("caption"),
        optional("credit"),
        optional("alt"),
    ],
};

/// The newsroom's sections.
pub(super) const CATEGORIES: Relation = Relation {
    name: "categories",
    optional: true,
    columns: &[required("id"), optional("parent_id"), required("slug"), required("name"), optional("position")],
};

/// The relations that hang on an article.
pub(super) const JOINED: [&Relation; 4] = [&ARTICLE_CATEGORIES, &ARTICLE_LOCALITIES, &ARTICLE_TAGS, &ARTICLE_MEDIA];

/// Every relation.
pub(super) const ALL: [&Relation; 6] =
    [&ARTICLES, &ARTICLE_CATEGORIES, &ARTICLE_LOCALITIES, &ARTICLE_TAGS, &ARTICLE_MEDIA, &CATEGORIES];

/// Where the relations are: a schema, and a prefix of every name.
#[derive(Debug, Clone)]
pub(super) struct Place {
    schema: Option<String>,
    prefix: String,
}

impl Place {
    /// Takes a schema and a prefix, if both are plain identifiers.
    pub(super) fn new(schema: Option<&str>, prefix: &str) -> Result<Self, StoreError> {
        if let Some(schema) = schema {
            check_identifier("store.schema", schema)?;
        }
        if !prefix.is_empty() {
            check_identifier("store.prefix", prefix)?;
        }
        Ok(Self { schema: schema.map(ToOwned::to_owned), prefix: prefix.to_owned() })
    }

    /// The schema, if one is set.
    pub(super) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// What stands before every name.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The name of something that stands beside the relations, as it stands in SQL.
    pub(super) fn beside(&self, name: &str) -> String {
        let name = quote(&format!("{}{name}", self.prefix));
        self.schema().map_or_else(|| name.clone(), |schema| format!("{}.{name}", quote(schema)))
    }

    /// The relation's name with the prefix.
    pub(super) fn name(&self, relation: &Relation) -> String {
        format!("{}{}", self.prefix, relation.name)
    }

    /// The relation's name as it stands in SQL, quoted.
    pub(super) fn quoted(&self, relation: &Relation) -> String {
        self.beside(relation.name)
    }
}

/// What of the contract a store has: the columns of each relation, by the relation's contract name, with their types.
#[derive(Debug, Default)]
pub(super) struct Layout {
    relations: HashMap<&'static str, HashMap<String, String>>,
}

impl Layout {
    /// Notes a column that is there, with the database's name of its type.
    pub(super) fn add(&mut self, relation: &'static Relation, column: &str, type_name: &str) {
        self.relations.entry(relation.name).or_default().insert(column.to_ascii_lowercase(), type_name.to_owned());
    }

    /// Is the relation there?
    pub(super) fn has(&self, relation: &Relation) -> bool {
        self.relations.contains_key(relation.name)
    }

    /// The database's name of a column's type; `None` if the column is not there.
    pub(super) fn type_of(&self, relation: &Relation, column: &str) -> Option<&str> {
        self.relations.get(relation.name)?.get(column).map(String::as_str)
    }

    /// Refuses a store that lacks something required.
    pub(super) fn check(self, place: &Place) -> Result<Self, StoreError> {
        for relation in ALL {
            let name = place.name(relation);
            if !self.has(relation) {
                if relation.optional {
                    continue;
                }
                let wher = place.schema().map_or_else(String::new, |schema| format!(" in schema `{schema}`"));
                let what = format!("relation `{name}` is missing{wher}");
                return Err(missing(what, "make it as docs/STORE.md says, or set store.schema and store.prefix"));
            }
            for column in relation.columns {
                if !column.optional && self.type_of(relation, column.name).is_none() {
                    let what = format!("relation `{name}` has no column `{}`", column.name);
                    return Err(missing(what, "add it, or make a view as docs/STORE.md says"));
                }
            }
        }
        if self.type_of(&ARTICLES, "url").or(self.type_of(&ARTICLES, "slug")).is_none() {
            let what = format!("relation `{}` has neither a column `url` nor `slug`", place.name(&ARTICLES));
            return Err(missing(what, "add one of them, or make a view as docs/STORE.md says"));
        }
        Ok(self)
    }
}

/// Quotes an identifier; what is quoted has passed [`Place::new`] or is ours.
pub(super) fn quote(identifier: &str) -> String {
    format!("\"{identifier}\"")
}

fn missing(what: String, way_out: &str) -> StoreError {
    StoreError::Contract { what, way_out: way_out.to_owned() }
}

fn check_identifier(key: &str, value: &str) -> Result<(), StoreError> {
    let begins_well = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins_well && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    let what = format!("{key} `{value}` is no plain identifier");
    Err(missing(what, "use letters A-Z, a-z, digits and _, not beginning with a digit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(columns: &[(&'static Relation, &str)]) -> Layout {
        let mut layout = Layout::default();
        for (relation, names) in columns {
            for name in names.split(' ') {
                layout.add(relation, name, "text");
            }
        }
        layout
    }

    #[test]
    fn what_is_missing_is_named_with_the_way_out() {
        let place = Place::new(Some("loa"), "v_").unwrap();
        let check = |columns: &[(&'static Relation, &str)], expect: &str| {
            let said = layout(columns).check(&place).map_or_else(|error| error.to_string(), |_| String::new());
            assert_eq!(said, expect);
        };
        let least = "id slug title status published_at body_html";
        check(&[(&ARTICLES, least)], "");
        check(
            &[],
            "store: relation `v_articles` is missing in schema `loa`; make it as docs/STORE.md says, or set \
             store.schema and store.prefix",
        );
        check(
            &[(&ARTICLES, "id slug title status published_at")],
            "store: relation `v_articles` has no column `body_html`; add it, or make a view as docs/STORE.md says",
        );
        check(
            &[(&ARTICLES, "id title status published_at body_html")],
            "store: relation `v_articles` has neither a column `url` nor `slug`; add one of them, or make a view as \
             docs/STORE.md says",
        );
        check(
            &[(&ARTICLES, least), (&ARTICLE_TAGS, "article_id")],
            "store: relation `v_article_tags` has no column `tag`; add it, or make a view as docs/STORE.md says",
        );
    }

    #[test]
    fn only_plain_identifiers_reach_the_sql() {
        assert_eq!(Place::new(Some("Loa_1"), "v_").unwrap().quoted(&ARTICLES), "\"Loa_1\".\"v_articles\"");
        assert_eq!(Place::new(None, "").unwrap().quoted(&ARTICLES), "\"articles\"");
        for bad in ["", "1a", "a-b", "a\"b", "a b", "ả", "a.b"] {
            assert!(Place::new(Some(bad), "").is_err(), "schema {bad}");
        }
        assert!(Place::new(None, "a;").is_err());
    }
}
