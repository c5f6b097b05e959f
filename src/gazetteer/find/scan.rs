//! One pass over a part of a story: every name in it, with what the words around it say. Which unit a name means is not
//! asked here, only whether it may mean one.

use super::before::{Before, before};
use super::kinded::is_numbered;
use super::lexicon::{Lexicon, NameId};
use super::line::Line;
use super::mention::{How, Looks, Mention, Past};
use super::tokens::{Shape, Token};
use super::words::{Class, Kinds};

/// A list that may go on.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    pub(super) kinds: Kinds,
    pub(super) is_plural: bool,
    pub(super) number: usize,
    /// The token at which it may go on.
    pub(super) end: usize,
    /// Was there a comma or an `và`?
    pub(super) is_parted: bool,
    pub(super) past: Past,
}

/// The pass.
pub(super) struct Scan<'a> {
    pub(super) lexicon: &'a Lexicon,
    pub(super) line: &'a Line,
    part: usize,
    /// Is this a paragraph that is nothing but a name?
    is_byline: bool,
    found: &'a mut Vec<Mention>,
    pub(super) list: Option<List>,
    /// The lists around the present brackets.
    outer: Vec<Option<List>>,
    sentence: usize,
    /// Is the next name said to be of the past?
    pub(super) is_once: bool,
    /// What the sentence is about.
    pub(super) past: Past,
    /// The sentence, if any, in which the titles of songs are told.
    sung: Option<usize>,
    /// The first of the names that its sentence has.
    first: usize,
}

/// Deepest nesting of brackets that is followed.
const BRACKETS_MAX: usize = 4;

impl<'a> Scan<'a> {
    /// Finds the names of a part.
    pub(super) fn run(lexicon: &'a Lexicon, line: &'a Line, part: usize, is_byline: bool, found: &'a mut Vec<Mention>) {
        let (outer, first) = (Vec::new(), found.len());
        let mut scan = Self {
            lexicon,
            line,
            part,
            is_byline,
            found,
            list: None,
            outer,
            sentence: 0,
            is_once: false,
            past: Past::No,
            sung: None,
            first,
        };
        let mut at = 0;
        while at < line.tokens.len() {
            at = scan.step(at).max(at + 1);
        }
    }

    /// Reads on at a token; the next one to read at.
    fn step(&mut self, at: usize) -> usize {
        let Some(token) = self.line.token(at) else { return at };
        if let Shape::Mark(mark) = token.shape {
            self.mark(at, mark);
            return at + 1;
        }
        match self.line.phrase_from(at).map(|phrase| (phrase.class, phrase.end)) {
            Some((Class::Kind(kinds) | Class::Initial(kinds), end)) => {
                if let Some(next) = self.kind(at, end, kinds) {
                    return next;
                }
            }
            Some((Class::Authority(kinds), end)) => {
                if let Some(next) = self.authority(end, kinds) {
                    return next;
                }
            }
            Some((Class::Once, end)) => {
                self.is_once = true;
                return end;
            }
            Some((Class::Before, end)) => {
                self.past = Past::Before;
                return end;
            }
            Some((Class::Reform, end)) => {
                self.past = self.past.max(Past::Perhaps);
                self.reform();
                return end;
            }
            Some((Class::Song, end)) => {
                if self.line.token(end).is_some_and(Token::is_capital) {
                    self.sung = Some(self.sentence);
                }
                return end;
            }
            Some((Class::Today, end)) => {
                self.past = Past::No;
                return end;
            }
            Some((Class::And, end)) if token.shape == Shape::Lower => {
                self.part_list(at, end);
                return end;
            }
            _ => {}
        }
        self.other(at, token)
    }

    /// A name without a kind, or any other word.
    fn other(&mut self, at: usize, token: &Token) -> usize {
        let phrase = self.line.phrase_from(at);
        let listed = self.list.filter(|list| list.end == at && list.is_parted);
        let named = self.lexicon.name(self.line.from(at)).filter(|named| match phrase {
            Some(phrase) => at + named.tokens > phrase.end,
            None => token.is_capital() || listed.is_some_and(|list| is_numbered(list.kinds)),
        });
        match (named, listed) {
            (Some(named), Some(list)) => {
                let end = at + named.tokens;
                self.listed(at, end, named.name, list);
                end
            }
            (Some(named), None) if token.is_capital() => {
                let end = at + named.tokens;
                self.bare(at, end, named.name);
                end
            }
            // A member that is no unit.
            (None, Some(list)) if token.is_capital() => {
                let run = self.line.from(at).iter().take_while(|token| token.is_capital()).count();
                self.list = Some(List { end: at + run, is_parted: false, ..list });
                at + run
            }
            _ => {
                if self.list.is_some_and(|list| list.end == at) {
                    self.list = None;
                }
                phrase.map_or(at + 1, |phrase| phrase.end)
            }
        }
    }

    fn mark(&mut self, at: usize, mark: char) {
        match mark {
            ',' => self.part_list(at, at + 1),
            ';' if self.list.is_some_and(|list| list.is_plural) => self.part_list(at, at + 1),
            '(' if self.outer.len() < BRACKETS_MAX => self.outer.push(self.list.take()),
            ')' => self.list = self.outer.pop().flatten().map(|list| List { end: at + 1, ..list }),
            '.' | '!' | '?' | '…' | '\n' => {
                let next = self.line.token(at + 1);
                if mark == '\n' || next.is_none_or(|next| next.is_apart && next.shape != Shape::Lower) {
                    self.sentence += 1;
                    self.first = self.found.len();
                    (self.is_once, self.past) = (false, Past::No);
                    self.outer.clear();
                    self.list = None;
                }
            }
            _ => {}
        }
    }

    /// The names before the word for a reform belong to it as those after it do: `Vĩnh Phúc và Hòa Bình hợp nhất`.
    fn reform(&mut self) {
        for mention in self.found.iter_mut().skip(self.first) {
            mention.past = mention.past.max(Past::Perhaps);
        }
    }

    /// A comma or an `và` after a member of a list.
    fn part_list(&mut self, at: usize, end: usize) {
        self.list = self.list.filter(|list| list.end == at).map(|list| List { end, is_parted: true, ..list });
    }

    /// Does the list go on with a new kind here (`các xã A, B và thị trấn C`)?
    pub(super) fn continued(&self, at: usize, kinds: Kinds) -> Option<usize> {
        let goes_on = |list: &List| list.end == at && list.is_parted && list.kinds.is_of_level(kinds);
        self.list.filter(goes_on).map(|list| list.number)
    }

    pub(super) fn new_list(&self) -> usize {
        self.found.len()
    }

    /// An authority, and the name that it has.
    fn authority(&mut self, end: usize, kinds: Kinds) -> Option<usize> {
        let named = self.lexicon.name(self.line.from(end))?;
        if !self.line.token(end)?.is_capital() {
            return None;
        }
        let name_end = end + named.tokens;
        let before = before(self.lexicon, self.line, self.line.phrase(end - 1)?.start);
        let is_other = matches!(before, Before::Thing);
        let list = self.new_list();
        self.push(Mention {
            kinds,
            how: How::Authority,
            list,
            past: self.past(),
            looks: if is_other || self.goes_on(name_end) { Looks::Other } else { Looks::Place },
            ..self.mention(end, name_end, named.name)
        });
        self.is_once = false;
        Some(self.former(name_end))
    }

    /// A further member of a list.
    fn listed(&mut self, start: usize, end: usize, name: NameId, list: List) {
        let is_number = self.line.token(start).is_some_and(|token| token.shape == Shape::Number);
        if !is_number || self.is_plain_number(start, end) {
            self.push(Mention {
                kinds: list.kinds,
                how: How::Listed { is_plural: list.is_plural },
                list: list.number,
                past: list.past.max(self.past()),
                looks: match list.is_plural {
                    _ if self.goes_on(end) => Looks::Other,
                    true => Looks::Place,
                    false => Looks::Open,
                },
                ..self.mention(start, end, name)
            });
        }
        let end = self.former(end);
        self.list = Some(List { end, is_parted: false, ..list });
    }

    /// A name alone.
    fn bare(&mut self, start: usize, end: usize, name: NameId) {
        let list = self.new_list();
        let looks = match before(self.lexicon, self.line, start) {
            _ if self.is_byline || self.ends_like(start, Looks::Person) => Looks::Person,
            Before::Person => Looks::Person,
            _ if self.ends_like(start, Looks::Other) || self.is_quoted(start, end) || self.goes_on(end) => Looks::Other,
            Before::Thing => Looks::Other,
            Before::Place => Looks::Place,
            _ if self.line.is_match || self.sung == Some(self.sentence) || self.is_ranked(end) => Looks::Other,
            _ if self.is_thing_itself(start) => Looks::Tied,
            Before::Opening => Looks::Tied,
            // `ruộng Phù Ninh`: only provinces lend their name to what nobody knows.
            _ if self.follows_unknown(start) => Looks::Tied,
            Before::Open => Looks::Open,
        };
        self.push(Mention { list, past: self.past(), looks, ..self.mention(start, end, name) });
        self.former(end);
        self.is_once = false;
        if self.list.is_some_and(|list| list.end == start) {
            self.list = None;
        }
    }

    /// In a table of teams: `2. Khánh Hòa 29; 10. CLB Phú Thọ 9`.
    fn is_ranked(&self, end: usize) -> bool {
        self.line.has_team && self.line.token(end).is_some_and(|token| token.shape == Shape::Number && token.is_apart)
    }

    /// A name between quotation marks is that of a song, an inn, a ship.
    fn is_quoted(&self, start: usize, end: usize) -> bool {
        const MARKS: [char; 5] = ['“', '”', '"', '«', '»'];
        start.checked_sub(1).is_some_and(|before| self.line.is_mark(before, &MARKS)) && self.line.is_mark(end, &MARKS)
    }

    /// What a hyphen joins is one thing (`tuyến Hà Nội - Việt Trì - Phú Thọ`), or both are persons (`Ảnh: Hà Giang - Hà
    /// Nam`).
    fn ends_like(&self, start: usize, looks: Looks) -> bool {
        let Some(hyphen) = start.checked_sub(1).filter(|at| self.line.is_mark(*at, &['-'])) else { return false };
        let last = self.found.last().filter(|last| last.part == self.part && last.end == hyphen);
        last.is_some_and(|last| last.looks == looks && last.how == How::Bare)
    }

    /// Does the name stand right after a small word that no table has?
    fn follows_unknown(&self, start: usize) -> bool {
        let Some(before) = start.checked_sub(1) else { return false };
        self.line.token(before).is_some_and(|token| token.shape == Shape::Lower) && self.line.phrase(before).is_none()
    }

    /// `Sông Lô` at the beginning of a sentence is a river.
    fn is_thing_itself(&self, start: usize) -> bool {
        let is_thing = |class| matches!(class, Class::Landmark | Class::Village | Class::Street | Class::Product);
        let first = self.line.phrase(start).is_some_and(|phrase| is_thing(phrase.class));
        first && self.line.begins_sentence(start)
    }

    /// A mention as bare as can be.
    pub(super) fn mention(&self, start: usize, end: usize, name: NameId) -> Mention {
        let speech = self.lexicon.phrase_after(self.line.from(end));
        Mention {
            part: self.part,
            from: start,
            start,
            end,
            name,
            how: How::Bare,
            kinds: Kinds::ANY,
            list: 0,
            sentence: self.sentence,
            past: Past::No,
            looks: Looks::Open,
            speaks: speech.is_some_and(|(class, _)| class == Class::Speech) || self.line.tells_age(end),
        }
    }

    pub(super) fn push(&mut self, mention: Mention) {
        self.found.push(mention);
    }

    /// Is the name only the beginning of a longer one? A surname begins another: `UBND xã Hùng Lô Nguyễn Văn A`.
    pub(super) fn goes_on(&self, end: usize) -> bool {
        let line = self.line;
        let Some(next) = line.token(end) else { return false };
        let is_firm = self.lexicon.phrase_after(line.from(end)).is_some_and(|(class, _)| class == Class::Firm);
        if next.is_capital() && is_firm || self.is_foreign_half(end) {
            return true;
        }
        let before = end.checked_sub(1).and_then(|at| line.token(at));
        let is_same_case = |before: &Token| before.shape == next.shape || before.shape == Shape::Number;
        let is_loud_beside = before.is_some_and(|before| !is_same_case(before)) || next.shape == Shape::Upper;
        next.is_capital()
            && !is_loud_beside
            && !self.lexicon.is_surname(next)
            && line.phrase(end).is_none()
            && self.lexicon.name(line.from(end)).is_none()
    }

    /// `Hà Nội-Moskva`: a hyphen without spaces joins it to a word that is not Vietnamese.
    fn is_foreign_half(&self, end: usize) -> bool {
        let is_joined = self.line.token(end).is_some_and(|hyphen| hyphen.is_mark('-') && !hyphen.is_apart);
        let other = self.line.token(end + 1).filter(|other| is_joined && !other.is_apart);
        other.is_some_and(|other| other.is_capital() && other.is_foreign)
    }

    /// Reads what says after a name that it is of the past, and marks the name so. Where to read on.
    pub(super) fn former(&mut self, end: usize) -> usize {
        let line = self.line;
        let is_apart = line.is_mark(end, &['(', ',']);
        let start = if is_apart { end + 1 } else { end };
        let Some((class, count)) = self.lexicon.phrase_after(line.from(start)) else { return end };
        let once_again = line.phrase_from(start).is_some_and(|phrase| phrase.class == Class::Once);
        let closes = start + count + usize::from(line.is_mark(start + count, &[')']));
        match class {
            Class::Former if !once_again && (!is_apart || closes > start + count) => {
                self.mark_former();
                closes
            }
            Class::Now => {
                self.mark_former();
                end
            }
            _ => end,
        }
    }

    fn mark_former(&mut self) {
        if let Some(last) = self.found.last_mut() {
            last.past = Past::Former;
        }
    }
}
