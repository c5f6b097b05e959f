//! A kind and the names that it introduces: what may stand between them, and which numbers are names.

use super::super::unit::Kind;
use super::line::Line;
use super::mention::{How, Looks, Mention, Past};
use super::scan::{List, Scan};
use super::tokens::Shape;
use super::words::{Class, Kinds};

/// Most tokens between `các xã` and which they are.
const WHICH_TOKENS_MAX: usize = 8;

impl Scan<'_> {
    /// A kind, and what it introduces; where to read on, if it introduces anything.
    pub(super) fn kind(&mut self, at: usize, end: usize, mut kinds: Kinds) -> Option<usize> {
        let line = self.line;
        let is_initial = matches!(line.phrase(at)?.class, Class::Initial(_));
        let mut end = end;
        // `các xã, phường`
        while let Some(next) = self.joined_kind(end) {
            kinds = kinds.and(next.0);
            end = next.1;
        }
        let (mut start, past) = self.adjectives(end);
        let is_plural = is_plural(line, at);
        let mut from = at;
        if is_plural && !is_initial {
            let named = self.which(start);
            from = if named == start { at } else { named };
            start = named;
        }
        let Some(named) = self.lexicon.name(line.from(start)).filter(|_| self.is_named(at, end, start)) else {
            // `ba tỉnh trước đây: Phú Thọ, ...`
            self.past = if past == Past::Former { Past::Before } else { self.past };
            return None;
        };
        let name_end = start + named.tokens;
        if self.is_initial(start, name_end) {
            return None;
        }
        let is_number = name_end == start + 1 && line.token(start)?.shape == Shape::Number;
        if is_number && !(is_numbered(kinds) && self.is_plain_number(start, name_end)) {
            return None;
        }
        let is_team =
            at.checked_sub(1).and_then(|at| line.phrase(at)).is_some_and(|phrase| phrase.class == Class::Team);
        let number = self.continued(at, kinds).unwrap_or_else(|| self.new_list());
        self.push(Mention {
            from,
            kinds,
            how: How::Kind,
            list: number,
            past: past.max(self.past()),
            looks: if is_team || self.goes_on(name_end) { Looks::Other } else { Looks::Open },
            ..self.mention(start, name_end, named.name)
        });
        let former_end = self.former(name_end);
        self.list =
            Some(List { kinds, is_plural, number, end: former_end, is_parted: false, past: past.max(self.past()) });
        self.is_once = false;
        Some(former_end)
    }

    /// Passes over what may stand between a kind and a name.
    fn adjectives(&self, at: usize) -> (usize, Past) {
        let (mut at, mut past) = (at, Past::No);
        while let Some((class, count)) = self.lexicon.phrase_after(self.line.from(at)) {
            match class {
                Class::Adjective if self.lexicon.name(self.line.from(at)).is_none() => {}
                Class::Former => past = Past::Former,
                _ => break,
            }
            at += count;
        }
        (at, past)
    }

    /// A kind of one letter stands right before a number, or has a dot.
    fn is_named(&self, at: usize, end: usize, start: usize) -> bool {
        let is_letter =
            end == at + 1 && self.line.phrase(at).is_some_and(|phrase| matches!(phrase.class, Class::Initial(_)));
        let next = self.line.token(start);
        !is_letter || next.is_some_and(|next| next.shape == Shape::Number && !next.is_apart)
    }

    /// One of the initials of somebody who is not named: `ông P.V.K`.
    fn is_initial(&self, start: usize, end: usize) -> bool {
        let is_letter = |at: usize| self.line.token(at).is_some_and(|token| token.shape == Shape::Capital);
        let is_close = |at: usize| self.line.token(at).is_some_and(|token| !token.is_apart);
        let is_dotted = self.line.is_mark(end, &['.']) && is_close(end) && is_letter(end + 1) && is_close(end + 1);
        end == start + 1 && is_letter(start) && is_dotted
    }

    /// What is said of the next name.
    pub(super) fn past(&self) -> Past {
        if self.is_once { Past::Former } else { self.past }
    }

    /// `, phường` after `các xã`.
    fn joined_kind(&self, at: usize) -> Option<(Kinds, usize)> {
        let line = self.line;
        let joint = match line.phrase_from(at) {
            Some(phrase) if phrase.class == Class::And => phrase.end,
            _ if line.is_mark(at, &[',', '/', '-']) => at + 1,
            _ => return None,
        };
        let next = line.phrase_from(joint)?;
        match next.class {
            Class::Kind(kinds) => Some((kinds, next.end)),
            _ => None,
        }
    }

    /// `các xã đi đầu là Hùng Lô, Kim Đức`: the names of several come after a word for that, or right away.
    fn which(&self, start: usize) -> usize {
        let is_name = |at: usize| self.lexicon.name(self.line.from(at)).is_some();
        if is_name(start) {
            return start;
        }
        for at in start..start + WHICH_TOKENS_MAX {
            let phrase = self.line.phrase_from(at);
            let end = match phrase.map(|phrase| phrase.class) {
                Some(Class::Which) => phrase.map(|phrase| phrase.end),
                Some(Class::Kind(_)) => break,
                _ if self.line.is_mark(at, &[':']) => Some(at + 1),
                _ if self.line.token(at).is_none_or(|token| token.shape != Shape::Lower) => break,
                _ => None,
            };
            let after = end.map(|end| if self.line.is_mark(end, &[':']) { end + 1 } else { end });
            if let Some(after) = after.filter(|after| is_name(*after)) {
                return after;
            }
        }
        start
    }

    /// A number that names: nothing is counted, and it is no part of a longer one.
    pub(super) fn is_plain_number(&self, start: usize, end: usize) -> bool {
        let line = self.line;
        let counts = self.lexicon.phrase_after(line.from(end)).is_some_and(|(class, _)| class == Class::Counted);
        let next = line.token(end + 1).filter(|next| next.shape == Shape::Number && !next.is_apart);
        let goes_on = line.is_mark(end, &['/', '.', ',', '-', '%', ':']) && next.is_some();
        let is_part = line.is_mark(end, &['%']) || line.token(start).is_none();
        !counts && !goes_on && !is_part
    }
}

/// Are units of such a kind called by numbers?
pub(super) fn is_numbered(kinds: Kinds) -> bool {
    kinds.has(Kind::Phuong) || kinds.has(Kind::Quan)
}

/// Does a word before a kind say that there are several?
fn is_plural(line: &Line, at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| line.token(before));
    before.is_some_and(|token| token.shape == Shape::Number)
        || at.checked_sub(1).and_then(|before| line.phrase(before)).is_some_and(|phrase| phrase.class == Class::Several)
}
