//! Stories with their places labelled by hand, as plain text: what the finder is measured with.
//!
//! ```text
//! ## 12 what is hard here
//! date: 2022-03-18
//! home: 25
//! assign: 08287 227
//! title: Thành phố [Việt Trì|227] làm đường mới
//! lead: UBND xã [Hùng Lô|08287] ...
//! body: ... huyện [Lâm Thao|237@2025-06-30] (cũ) ... cầu [Việt Trì|?] ...
//! ```
//! A label is the bare name with its unit: the code on the story's day, a code on another day, or `?` where reasonable
//! people differ. `home` and `assign` are lists of codes, and may be empty.

use std::ops::Range;

use chrono::NaiveDate;

use super::super::Gazetteer;
use super::super::unit::Unit;
use super::{Part, Role};
use crate::domain::place::UnitCode;

/// Why a text is no labelled story.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {problem}")]
pub struct LabelError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what was expected.
    pub problem: String,
}

/// A labelled story.
#[derive(Debug, Clone)]
pub struct Story<'g> {
    /// Its file.
    pub file: String,
    /// Line of its head, from 1.
    pub line: usize,
    /// Its number and remark.
    pub head: String,
    /// The day of the story.
    pub day: NaiveDate,
    /// The newspaper's own provinces.
    pub home: Vec<UnitCode>,
    /// The units to file it under.
    pub assign: Vec<&'g Unit>,
    /// Its paragraphs.
    pub paragraphs: Vec<Paragraph<'g>>,
}

/// A paragraph with its labels.
#[derive(Debug, Clone)]
pub struct Paragraph<'g> {
    /// What it is.
    pub role: Role,
    /// Its line in the file, from 1.
    pub line: usize,
    /// The text without the labels.
    pub text: String,
    /// The labels in the order of the text.
    pub labels: Vec<Label<'g>>,
}

/// A name that somebody labelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label<'g> {
    /// Bytes of the bare name in the paragraph's text.
    pub name: Range<usize>,
    /// The unit; `None` where reasonable people differ.
    pub unit: Option<&'g Unit>,
}

impl Story<'_> {
    /// The story as the finder takes it.
    #[must_use]
    pub fn parts(&self) -> Vec<Part<'_>> {
        self.paragraphs.iter().map(|paragraph| Part { role: paragraph.role, text: &paragraph.text }).collect()
    }
}

/// Reads the stories of a file.
///
/// # Errors
/// [`LabelError`] names the line.
pub fn stories<'g>(file: &str, text: &str, gazetteer: &'g Gazetteer) -> Result<Vec<Story<'g>>, LabelError> {
    let mut reader = Reader { file, gazetteer, line: 0, stories: Vec::new(), open: None };
    for (line, text) in (1..).zip(text.lines()) {
        reader.line = line;
        reader.read(text.trim_end())?;
    }
    reader.close()?;
    Ok(reader.stories)
}

/// A story while it is read.
struct Open<'g> {
    line: usize,
    head: String,
    day: Option<NaiveDate>,
    home: Option<Vec<UnitCode>>,
    assign: Option<Vec<&'g Unit>>,
    paragraphs: Vec<Paragraph<'g>>,
}

struct Reader<'a, 'g> {
    file: &'a str,
    gazetteer: &'g Gazetteer,
    line: usize,
    stories: Vec<Story<'g>>,
    open: Option<Open<'g>>,
}

impl<'g> Reader<'_, 'g> {
    fn wrong(&self, problem: impl Into<String>) -> LabelError {
        LabelError { file: self.file.to_owned(), line: self.line, problem: problem.into() }
    }

    fn read(&mut self, text: &str) -> Result<(), LabelError> {
        if let Some(head) = text.strip_prefix("## ") {
            self.close()?;
            return self.begin(head);
        }
        if text.is_empty() || text.starts_with('#') && self.open.is_none() {
            return Ok(());
        }
        let (key, value) = text.split_once(':').unwrap_or((text, ""));
        let value = value.trim();
        match key {
            "date" => {
                let day = value.parse().map_err(|_error| self.wrong("`date` expects a date such as 2022-03-18"))?;
                self.open()?.day = Some(day);
            }
            "home" => {
                let codes = value.split_whitespace().map(str::parse).collect::<Result<Vec<UnitCode>, _>>();
                let codes = codes.map_err(|error| self.wrong(error.to_string()))?;
                self.open()?.home = Some(codes);
            }
            "assign" => {
                let units = value.split_whitespace().map(|target| self.unit(target)).collect::<Result<_, _>>()?;
                self.open()?.assign = Some(units);
            }
            "title" => self.paragraph(Role::Title, value)?,
            "lead" => self.paragraph(Role::Lead, value)?,
            "caption" => self.paragraph(Role::Caption, value)?,
            "body" => self.paragraph(Role::Body, value)?,
            _ => {
                let expected = "expected `## number remark`, date, home, assign, title, lead, caption or body";
                return Err(self.wrong(expected));
            }
        }
        Ok(())
    }

    fn begin(&mut self, head: &str) -> Result<(), LabelError> {
        let number = head.split(' ').next().unwrap_or_default();
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.wrong("a story begins with `## number remark`"));
        }
        let is_same = |story: &Story<'_>| story.head.split(' ').next() == Some(number);
        if self.stories.iter().any(is_same) {
            return Err(self.wrong(format!("there is a story {number} already")));
        }
        let (line, head) = (self.line, head.to_owned());
        self.open = Some(Open { line, head, day: None, home: None, assign: None, paragraphs: Vec::new() });
        Ok(())
    }

    fn open(&mut self) -> Result<&mut Open<'g>, LabelError> {
        let outside = self.wrong("stands in no story: one begins with `## number remark`");
        self.open.as_mut().ok_or(outside)
    }

    fn close(&mut self) -> Result<(), LabelError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let missing = |key: &str| LabelError {
            file: self.file.to_owned(),
            line: open.line,
            problem: format!("the story has no `{key}:`"),
        };
        let titles = open.paragraphs.iter().filter(|paragraph| paragraph.role == Role::Title).count();
        if titles != 1 {
            return Err(missing("title"));
        }
        self.stories.push(Story {
            file: self.file.to_owned(),
            line: open.line,
            day: open.day.ok_or_else(|| missing("date"))?,
            home: open.home.ok_or_else(|| missing("home"))?,
            assign: open.assign.ok_or_else(|| missing("assign"))?,
            head: open.head,
            paragraphs: open.paragraphs,
        });
        Ok(())
    }

    /// `CODE`, or `CODE@DATE`.
    fn unit(&self, target: &str) -> Result<&'g Unit, LabelError> {
        let day = self.open.as_ref().and_then(|open| open.day);
        let day = day.ok_or_else(|| self.wrong("`date` has to stand before labels and `assign`"))?;
        let (code, day) = match target.split_once('@') {
            Some((code, day)) => {
                let day = day.parse().map_err(|_error| self.wrong(format!("`{target}` has no date after @")))?;
                (code, day)
            }
            None => (target, day),
        };
        let parsed: UnitCode = code.parse().map_err(|error| self.wrong(format!("{error}")))?;
        self.gazetteer.at(parsed, day).ok_or_else(|| self.wrong(format!("{code} is no unit on {day}")))
    }

    fn paragraph(&mut self, role: Role, value: &str) -> Result<(), LabelError> {
        let (mut text, mut labels, mut rest) = (String::with_capacity(value.len()), Vec::new(), value);
        while let Some((before, after)) = rest.split_once('[') {
            text.push_str(before);
            let Some((label, after)) = after.split_once(']') else {
                return Err(self.wrong("a label is not closed: expected [name|unit]"));
            };
            let Some((name, target)) = label.split_once('|').filter(|(name, _)| !name.is_empty()) else {
                return Err(self.wrong(format!("`[{label}]` is no label: expected [name|unit]")));
            };
            let unit = if target == "?" { None } else { Some(self.unit(target)?) };
            labels.push(Label { name: text.len()..text.len() + name.len(), unit });
            text.push_str(name);
            rest = after;
        }
        text.push_str(rest);
        let line = self.line;
        self.open()?.paragraphs.push(Paragraph { role, line, text, labels });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORY: &str = "\
## 3 a remark
date: 2022-03-18
home: 25
assign: 08287 227
title: Xã [Hùng Lô|08287] đổi mới
body: Ở TP. [Việt Trì|227], cầu [Việt Trì|?]
";

    #[test]
    fn labels_are_cut_out_of_the_text() {
        let gazetteer = Gazetteer::built_in();
        let stories = stories("a.txt", STORY, &gazetteer).unwrap();
        let [story] = stories.as_slice() else { panic!("{stories:?}") };
        assert_eq!(story.parts()[0].text, "Xã Hùng Lô đổi mới");
        assert_eq!(story.paragraphs[1].text, "Ở TP. Việt Trì, cầu Việt Trì");
        let labels = &story.paragraphs[1].labels;
        let named: Vec<_> = labels
            .iter()
            .map(|label| {
                let name = story.paragraphs[1].text.get(label.name.clone()).unwrap();
                (name, label.unit.map(Unit::full_name))
            })
            .collect();
        assert_eq!(named, [("Việt Trì", Some("Thành phố Việt Trì".to_owned())), ("Việt Trì", None)]);
        assert_eq!(story.assign.len(), 2);
    }

    #[test]
    fn errors_name_file_and_line() {
        let gazetteer = Gazetteer::built_in();
        let check = |from: &str, to: &str, expect: &str| {
            let text = STORY.replace(from, to);
            let error = stories("a.txt", &text, &gazetteer).unwrap_err().to_string();
            assert_eq!(error, expect, "{text}");
        };
        check("|227]", "|99999]", "a.txt, line 6: 99999 is no unit on 2022-03-18");
        check("|227]", "|227@x]", "a.txt, line 6: `227@x` has no date after @");
        check(
            "|227]",
            "|x]",
            "a.txt, line 6: `x` is no official code: a province has two digits, a district three, a commune five",
        );
        check("[Việt Trì|?]", "[Việt Trì]", "a.txt, line 6: `[Việt Trì]` is no label: expected [name|unit]");
        check("[Việt Trì|?]", "[Việt Trì|?", "a.txt, line 6: a label is not closed: expected [name|unit]");
        check("2022-03-18", "18/3", "a.txt, line 2: `date` expects a date such as 2022-03-18");
        check("home: 25\n", "", "a.txt, line 1: the story has no `home:`");
        check(
            "body",
            "text",
            "a.txt, line 6: expected `## number remark`, date, home, assign, title, lead, caption or body",
        );
        check("## 3", "## x", "a.txt, line 1: a story begins with `## number remark`");
        let twice = format!("{STORY}{STORY}");
        let error = stories("a.txt", &twice, &gazetteer).unwrap_err().to_string();
        assert_eq!(error, "a.txt, line 7: there is a story 3 already");
    }
}
