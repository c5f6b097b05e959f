//! One row as every backend sends it: a JSON array of texts and nulls, one cell for each column of the contract, each
//! row on a line of its own. So a row that cannot be read costs itself and no other.

use std::borrow::Cow;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::contract::Relation;

/// What separates packed rows. JSON writes a newline inside a text as `\n`, so it never stands in a row.
pub(super) const ROW_SEPARATOR: u8 = b'\n';

/// Bytes of the hash that make a digest.
const DIGEST_BYTES: usize = 8;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell<'a> {
    /// No value, or no such column.
    Null,
    /// A text, or a number or date as text.
    Text(Cow<'a, str>),
    /// A value that cannot be a text, and why. Holds what could be read of it, so that the digest moves with it.
    Unreadable(&'static str, Cow<'a, str>),
}

/// A text of a packed row: copied only if JSON had to escape something in it.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A row of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row<'a> {
    relation: &'static Relation,
    /// The cells of a complete read.
    cells: Vec<Cell<'a>>,
    /// An article's body, when it is loaded.
    body: Option<Cell<'a>>,
}

impl<'a> Row<'a> {
    /// Reads a row; behind its columns may stand the body of an article. The error is the reason, for a row whose cells
    /// cannot even be told apart.
    pub(super) fn parse(relation: &'static Relation, line: &'a [u8]) -> Result<Self, String> {
        let mut cells = match text(line) {
            Cow::Borrowed(text) => cells(text, false)?,
            Cow::Owned(text) => cells(&text, true)?.into_iter().map(Cell::into_owned).collect(),
        };
        let body = if cells.len() > relation.columns.len() { cells.pop() } else { None };
        Ok(Self { relation, cells, body })
    }

    /// The row with its body, which travels beside it, for JSON would have to escape it; unless it came with the row. It
    /// counts for no digest.
    pub(super) fn with_body(mut self, body: Option<&'a [u8]>) -> Self {
        self.body.get_or_insert_with(|| {
            body.map_or(Cell::Null, |body| {
                let text = text(body);
                let mended = matches!(text, Cow::Owned(_));
                cell(text, mended)
            })
        });
        self
    }

    /// The row by itself, when what it was read from is gone.
    pub(super) fn into_owned(self) -> Row<'static> {
        let cells = self.cells.into_iter().map(Cell::into_owned).collect();
        Row { relation: self.relation, cells, body: self.body.map(Cell::into_owned) }
    }

    /// The first cell as a text: the row's id, or that of the article it belongs to. `None` if it has none.
    pub(super) fn id(&self) -> Option<&str> {
        match self.cells.first() {
            Some(Cell::Text(id)) if !id.trim().is_empty() => Some(id),
            _ => None,
        }
    }

    /// The text of a column, blank counting as none.
    pub(super) fn text(&self, column: &str) -> Option<&str> {
        match self.cell(column) {
            Some(Cell::Text(text)) if !text.trim().is_empty() => Some(text),
            _ => None,
        }
    }

    /// The text of a column as the article has it.
    pub(super) fn owned(&self, column: &str) -> Option<String> {
        self.text(column).map(ToOwned::to_owned)
    }

    /// The first column that holds no text though something stands there, with the reason.
    pub(super) fn unreadable(&self) -> Option<(&'static str, &'static str)> {
        self.relation.columns.iter().find_map(|column| match self.cell(column.name) {
            Some(Cell::Unreadable(why, _)) => Some((column.name, *why)),
            _ => None,
        })
    }

    /// A value that changes when the row does, the body (whose mark is among the cells) aside: 64 bits of a SHA-256,
    /// the same in every process and release.
    pub(super) fn digest(&self) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.relation.name);
        for cell in &self.cells {
            let (kind, text) = match cell {
                Cell::Null => (0, ""),
                Cell::Text(text) => (1, text.as_ref()),
                Cell::Unreadable(_, text) => (2, text.as_ref()),
            };
            hash.update([kind]);
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(text);
        }
        hash.finalize().iter().take(DIGEST_BYTES).fold(0, |digest, byte| digest << 8 | u64::from(*byte))
    }

    fn cell(&self, column: &str) -> Option<&Cell<'a>> {
        let last = self.relation.columns.last()?;
        if column == last.name && self.body.is_some() {
            return self.body.as_ref();
        }
        self.cells.get(self.relation.columns.iter().position(|known| known.name == column)?)
    }
}

/// What is not UTF-8 is mended. The standard library takes longer to look for that than reading takes.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    simdutf8::basic::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Calls `take` with every row of a block.
pub(super) fn for_each_row(block: &[u8], mut take: impl FnMut(&[u8])) {
    block.split(|byte| *byte == ROW_SEPARATOR).filter(|line| !line.is_empty()).for_each(&mut take);
}

impl Cell<'_> {
    fn into_owned(self) -> Cell<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Cell::Null => Cell::Null,
            Cell::Text(text) => Cell::Text(owned(text)),
            Cell::Unreadable(why, text) => Cell::Unreadable(why, owned(text)),
        }
    }
}

/// The cells of a packed row.
fn cells(line: &str, mended: bool) -> Result<Vec<Cell<'_>>, String> {
    let values: Vec<Option<Text<'_>>> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    Ok(values.into_iter().map(|value| value.map_or(Cell::Null, |Text(text)| cell(text, mended))).collect())
}

fn cell(text: Cow<'_, str>, mended: bool) -> Cell<'_> {
    if text.contains('\0') {
        Cell::Unreadable("a BLOB, or a text with a NUL character", text)
    } else if mended && text.contains(char::REPLACEMENT_CHARACTER) {
        Cell::Unreadable("not UTF-8", text)
    } else {
        Cell::Text(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::{ARTICLE_TAGS, ARTICLES};

    fn tag(line: &[u8]) -> Row<'_> {
        Row::parse(&ARTICLE_TAGS, line).unwrap()
    }

    #[test]
    fn cells_are_found_by_name_and_a_bad_one_names_its_column() {
        let check = |line: &[u8], tag_text: Option<&str>, bad: Option<&str>| {
            let row = tag(line);
            assert_eq!(row.text("tag"), tag_text);
            assert_eq!(row.unreadable().map(|(column, _)| column), bad);
        };
        check("[\"7\",\"lễ hội\\nĐền Hùng\",\"0\"]".as_bytes(), Some("lễ hội\nĐền Hùng"), None);
        check(b"[\"7\",null,null]", None, None);
        check(b"[\"7\",\"  \",null]", None, None);
        check(b"[\"7\",\"a\\u0000b\",null]", None, Some("tag"));
        check(b"[\"7\",\"a\xffb\",null]", None, Some("tag"));
        check("[\"7\",\"a\u{fffd}b\",null]".as_bytes(), Some("a\u{fffd}b"), None);
        assert_eq!(tag(b"[null,\"x\",null]").id(), None);
        assert!(Row::parse(&ARTICLE_TAGS, b"[\"7\",").is_err());
    }

    #[test]
    fn the_digest_knows_every_cell_and_never_the_body() {
        let rows = [
            "[\"7\",\"a\",null]",
            "[\"7\",null,\"a\"]",
            "[\"7\",\"\",\"a\"]",
            "[\"7a\",\"\",\"\"]",
            "[\"7\",\"a\\u0000\",null]",
        ];
        let mut digests: Vec<u64> = rows.iter().map(|line| tag(line.as_bytes()).digest()).collect();
        assert_eq!(digests.first(), Some(&16_800_434_298_484_088_716), "the same in every release");
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), rows.len());
        let head = Row::parse(&ARTICLES, b"[\"7\",\"mark\"]").unwrap();
        let whole = head.clone().with_body(Some(b"<p>x</p>"));
        assert_eq!(head.digest(), whole.digest());
        assert_eq!(whole.text("body_html"), Some("<p>x</p>"));
        for (body, bad) in [(&b"a\xff"[..], true), (b"a\0", true), ("\u{fffd}".as_bytes(), false)] {
            let row = head.clone().with_body(Some(body));
            assert_eq!(row.unreadable().is_some(), bad, "{body:?}");
            assert_eq!(row.digest(), head.digest(), "whatever stands in the body");
        }
    }
}
