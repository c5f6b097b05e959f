//! Titles, leads and bodies: sentences of the section's grammar, put together to the lengths of a real newspaper.

use crate::domain::article::Media;

use super::grammar::{Given, Grammar};
use super::random::Random;

/// Characters of a title.
pub(super) const TITLE_CHARS: std::ops::RangeInclusive<usize> = 30..=90;
/// Characters of a lead (*sapo*).
pub(super) const LEAD_CHARS: std::ops::RangeInclusive<usize> = 250..=450;
/// Tries for a text of a wished length before the last one is taken.
const TRIES: usize = 64;

/// How long an article is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Genre {
    /// *Tin*: what happened, in a few paragraphs.
    Brief,
    /// *Bài*: with sub-heads and several pictures.
    Feature,
}

/// Writes one article.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    grammar: &'a Grammar,
    given: Given,
    random: &'a mut Random,
}

impl<'a> Writer<'a> {
    pub(super) fn new(grammar: &'a Grammar, given: Given, random: &'a mut Random) -> Self {
        Self { grammar, given, random }
    }

    /// An expansion of a rule, its sentences beginning with capitals.
    pub(super) fn text(&mut self, rule: &str) -> String {
        capitalised(&self.grammar.expand(rule, &self.given, self.random))
    }

    /// An expansion of a rule as it is: a name, a tag.
    pub(super) fn words(&mut self, rule: &str) -> String {
        self.grammar.expand(rule, &self.given, self.random)
    }

    /// A number from `from` to `to`, both included.
    pub(super) fn between(&mut self, from: u64, to: u64) -> u64 {
        self.random.between(from, to)
    }

    /// One of the items.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        self.random.pick(items).copied()
    }

    /// A headline, with room left for a prefix of so many characters.
    pub(super) fn title(&mut self, prefix_chars: usize) -> String {
        let mut title = String::new();
        for _ in 0..TRIES {
            title = self.text("title");
            if TITLE_CHARS.contains(&(title.chars().count() + prefix_chars)) {
                break;
            }
        }
        title
    }

    /// A lead.
    pub(super) fn lead(&mut self) -> String {
        let mut lead = String::new();
        let mut chars = 0;
        for _ in 0..TRIES {
            let sentence = self.text("lead");
            if chars + 1 + sentence.chars().count() > *LEAD_CHARS.end() {
                lead.clear();
            }
            join(&mut lead, &sentence);
            chars = lead.chars().count();
            if LEAD_CHARS.contains(&chars) {
                break;
            }
        }
        lead
    }

    /// A body as HTML. The lists hold no character that HTML would need escaped.
    pub(super) fn body(&mut self, genre: Genre, pictures: &[Media]) -> String {
        let (paragraphs, heading_every) = match genre {
            Genre::Brief => (self.random.between(3, 5), u64::MAX),
            Genre::Feature => (self.random.between(10, 16), self.random.between(4, 5)),
        };
        let mut pictures = pictures.iter();
        let mut body = String::new();
        for number in 0..paragraphs {
            if number > 0 && number.is_multiple_of(heading_every) {
                body.extend(["<h3>", &self.text("heading"), "</h3>\n"]);
            }
            body.extend(["<p>", &self.paragraph(genre), "</p>\n"]);
            if number.is_multiple_of(3) {
                body.push_str(&pictures.next().map(figure).unwrap_or_default());
            }
        }
        body
    }

    fn paragraph(&mut self, genre: Genre) -> String {
        let chars_min = match genre {
            Genre::Brief => self.random.between(150, 420),
            Genre::Feature => self.random.between(150, 950),
        };
        let mut paragraph = String::new();
        while u64::try_from(paragraph.chars().count()).is_ok_and(|chars| chars < chars_min) {
            let rule = if self.random.chance(150) { "quote" } else { "sentence" };
            let sentence = self.text(rule);
            join(&mut paragraph, &sentence);
            if sentence.is_empty() {
                break;
            }
        }
        paragraph
    }
}

fn figure(picture: &Media) -> String {
    let (url, alt) = (&picture.url, picture.alt.as_deref().unwrap_or_default());
    let caption = picture.caption.as_deref().unwrap_or_default();
    format!("<figure><img src=\"{url}\" alt=\"{alt}\"><figcaption>{caption}</figcaption></figure>\n")
}

fn join(text: &mut String, sentence: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(sentence);
}

/// The text with a capital at its start, after a full stop and after an opening quotation mark.
fn capitalised(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut starts = true;
    for c in text.chars() {
        if starts && c.is_alphabetic() {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        starts = matches!(c, '.' | '“') || (starts && !c.is_alphanumeric());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_begin_with_capitals() {
        assert_eq!(capitalised("đến nay. “trồng chè. bán chè”, ông nói"), "Đến nay. “Trồng chè. Bán chè”, ông nói");
        assert_eq!(capitalised("3 ha chè"), "3 ha chè");
    }
}
