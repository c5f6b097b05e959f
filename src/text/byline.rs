//! Author lines as Vietnamese newspapers print them, told apart into names: "Bài, ảnh: Hà My - Lê Nam".

use super::xml_chars::XmlText;

/// Words before the names that say what they did, lower case, without the colon.
const ROLES: [&str; 12] = [
    "bài",
    "ảnh",
    "bài, ảnh",
    "bài - ảnh",
    "bài và ảnh",
    "ảnh, bài",
    "tin, ảnh",
    "tin, bài",
    "tin, bài, ảnh",
    "thực hiện",
    "tác giả",
    "nhóm phóng viên",
];

/// What stands between two names.
const SEPARATORS: [&str; 6] = [" - ", " – ", " — ", ",", ";", " và "];

/// Lines that name a source and not people: they stay as printed.
const SOURCE_PREFIX: &str = "theo ";

/// Longest line that is told apart, in bytes, and most names in it: a longer one is no author line.
const LINE_BYTES_MAX: usize = 500;
const NAMES_MAX: usize = 20;

/// The names in an author line (plain text), each once, in the order printed. `PV` and `Theo TTXVN` stay as they are.
#[must_use]
pub fn authors(line: &str) -> Vec<XmlText> {
    if line.len() > LINE_BYTES_MAX || is_source(line) {
        return name(line).into_iter().collect();
    }
    let mut names: Vec<XmlText> = Vec::new();
    for name in split(without_role(line)).into_iter().filter_map(|part| name(without_role(part))) {
        if !names.contains(&name) && names.len() < NAMES_MAX {
            names.push(name);
        }
    }
    names
}

/// Does a name in an author line name a source (`Theo TTXVN`) and nobody who wrote?
#[must_use]
pub fn is_source(name: &str) -> bool {
    name.to_lowercase().starts_with(SOURCE_PREFIX)
}

/// What stands after `Bài, ảnh:`.
fn without_role(line: &str) -> &str {
    let role = |words: &str| ROLES.contains(&words.trim().to_lowercase().as_str());
    line.split_once(':').filter(|(words, _)| role(words)).map_or(line, |(_, names)| names)
}

fn split(line: &str) -> Vec<&str> {
    SEPARATORS
        .iter()
        .fold(vec![line], |parts, separator| parts.into_iter().flat_map(|part| part.split(separator)).collect())
}

fn name(part: &str) -> Option<XmlText> {
    let name = part.trim_matches(|c: char| c.is_whitespace() || matches!(c, '.' | '-' | '(' | ')' | '*'));
    let name = if name.contains(['(', ')']) { part.trim() } else { name };
    name.contains(char::is_alphanumeric).then(|| XmlText::new(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_author_lines() {
        let check = |line: &str, expect: &[&str]| {
            let names: Vec<_> = authors(line).into_iter().map(XmlText::into_string).collect();
            assert_eq!(names, expect, "{line}");
        };
        check("Hà My", &["Hà My"]);
        check("Bài, ảnh: Hà My", &["Hà My"]);
        check("Bài: Hà My; Ảnh: Lê Nam", &["Hà My", "Lê Nam"]);
        check("Hà My - Lê Nam", &["Hà My", "Lê Nam"]);
        check("Hà My – Lê Nam, Trần Vũ và Đỗ An", &["Hà My", "Lê Nam", "Trần Vũ", "Đỗ An"]);
        check("Hà My, Hà My", &["Hà My"]);
        check("Nguyễn Thu-Hà", &["Nguyễn Thu-Hà"]);
        check("PV", &["PV"]);
        check("Theo TTXVN, Báo Nhân Dân", &["Theo TTXVN, Báo Nhân Dân"]);
        check("Hà My (TTXVN)", &["Hà My (TTXVN)"]);
        check("(Hà My)", &["Hà My"]);
        check("H. My.", &["H. My"]);
        check(", ; - ", &[]);
        check("", &[]);
        check("Ảnh:", &[]);
    }

    #[test]
    fn a_line_that_is_no_author_line_is_one_name() {
        assert_eq!(authors(&"a, ".repeat(LINE_BYTES_MAX)).len(), 1);
        let many: Vec<_> = (0..=NAMES_MAX).map(|at| at.to_string()).collect();
        assert_eq!(authors(&many.join(",")).len(), NAMES_MAX);
    }
}
