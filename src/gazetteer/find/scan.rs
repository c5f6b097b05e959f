//! One pass over a part of a story: every name in it, with what the words around it say. Which unit a name means is not
//! asked here, only whether it may mean one.

use super::before::{Before, before};
use super::lexicon::{Lexicon, NameId};
use super::tokens::{Shape, Token, tokens};
use super::words::{Class, Kinds};

/// A phrase of the tables in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phrase {
    pub(super) class: Class,
    /// Its tokens.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The tokens of a part, with the phrase that each belongs to.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) tokens: Vec<Token>,
    phrases: Vec<Option<Phrase>>,
}

/// How a name is introduced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// By its kind.
    Kind,
    /// By an authority.
    Authority,
    /// As a further member of a list that shares a kind.
    Listed {
        /// Does the kind say that there are several (`các xã`)?
        is_plural: bool,
    },
    /// By nothing.
    Bare,
}

/// Does a text speak of units of the past?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Past {
    /// No.
    No,
    /// It may: the sentence is about a reform.
    Perhaps,
    /// The sentence is about the time before a reform.
    Before,
    /// This very name is said to be of the past.
    Former,
}

/// What the words around a name make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    /// Nothing.
    Open,
    /// Perhaps a thing: an unknown word before it begins the sentence (`Su su Tam Đảo`).
    Tied,
    /// A place.
    Place,
    /// Somebody.
    Person,
    /// A part of a longer name, or of something else's.
    Other,
}

/// A name that may mean a unit.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    /// Number of the part.
    pub(super) part: usize,
    /// Tokens: the first of kind and name, the first of the name, the first after it.
    pub(super) from: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) name: NameId,
    pub(super) how: How,
    /// The kinds that it may be of.
    pub(super) kinds: Kinds,
    /// Number of its list within the story; names of one list stand one after the other.
    pub(super) list: usize,
    /// Number of its sentence within the part.
    pub(super) sentence: usize,
    /// Is it said to be of the past?
    pub(super) past: Past,
    pub(super) looks: Looks,
    /// Does somebody of that name speak?
    pub(super) speaks: bool,
}

impl Line {
    /// Cuts a text and finds its phrases.
    pub(super) fn new(text: &str, lexicon: &Lexicon) -> Self {
        let tokens = tokens(text, &lexicon.vocabulary);
        let mut phrases = vec![None; tokens.len()];
        let mut start = 0;
        while let Some(rest) = tokens.get(start..).filter(|rest| !rest.is_empty()) {
            let Some((class, count)) = lexicon.phrase(rest) else {
                start += 1;
                continue;
            };
            let end = start + count;
            let is_small = rest.first().is_some_and(|token| token.shape == Shape::Lower);
            let is_name = class == Class::Plain && is_small && has_capital(rest, count);
            if is_name {
                start += 1;
                continue;
            }
            if !(is_small && matches!(class, Class::Initial(_)))
                && let Some(slots) = phrases.get_mut(start..end)
            {
                slots.fill(Some(Phrase { class, start, end }));
            }
            start = end;
        }
        Self { tokens, phrases }
    }

    pub(super) fn token(&self, at: usize) -> Option<&Token> {
        self.tokens.get(at)
    }

    pub(super) fn is_mark(&self, at: usize, marks: &[char]) -> bool {
        self.token(at).is_some_and(|token| matches!(token.shape, Shape::Mark(mark) if marks.contains(&mark)))
    }

    /// The phrase that a token belongs to.
    pub(super) fn phrase(&self, at: usize) -> Option<Phrase> {
        self.phrases.get(at).copied().flatten()
    }

    /// The phrase that begins at a token.
    pub(super) fn phrase_from(&self, at: usize) -> Option<Phrase> {
        self.phrase(at).filter(|phrase| phrase.start == at)
    }

    pub(super) fn from(&self, at: usize) -> &[Token] {
        self.tokens.get(at..).unwrap_or_default()
    }

    /// Does a sentence, or a part of one that has a capital of its own, begin at the token?
    pub(super) fn begins_sentence(&self, at: usize) -> bool {
        at.checked_sub(1).is_none_or(|before| {
            self.is_mark(before, &['.', '!', '?', '…', ':', '\n', '“', '"', '-', '–', '•', '*', '”'])
        })
    }
}

/// `phường Hội Hợp` is no `phường hội`.
fn has_capital(tokens: &[Token], count: usize) -> bool {
    tokens.iter().take(count).any(Token::is_capital)
}

/// A list that may go on.
#[derive(Debug, Clone, Copy)]
struct List {
    kinds: Kinds,
    is_plural: bool,
    number: usize,
    /// The token at which it may go on.
    end: usize,
    /// Was there a comma or an `và`?
    is_parted: bool,
    past: Past,
}

/// The pass.
pub(super) struct Scan<'a> {
    lexicon: &'a Lexicon,
    line: &'a Line,
    part: usize,
    /// Is this a paragraph that is nothing but a name?
    is_byline: bool,
    found: &'a mut Vec<Mention>,
    list: Option<List>,
    /// The lists around the present brackets.
    outer: Vec<Option<List>>,
    sentence: usize,
    /// Is the next name said to be of the past?
    is_once: bool,
    /// What the sentence is about.
    past: Past,
}

/// Most tokens between `các xã` and which they are.
const WHICH_TOKENS_MAX: usize = 8;
/// Deepest nesting of brackets that is followed.
const BRACKETS_MAX: usize = 4;

impl<'a> Scan<'a> {
    /// Finds the names of a part.
    pub(super) fn run(lexicon: &'a Lexicon, line: &'a Line, part: usize, is_byline: bool, found: &'a mut Vec<Mention>) {
        let outer = Vec::new();
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
            ',' | ';' => self.part_list(at, at + 1),
            '(' if self.outer.len() < BRACKETS_MAX => self.outer.push(self.list.take()),
            ')' => self.list = self.outer.pop().flatten().map(|list| List { end: at + 1, ..list }),
            '.' | '!' | '?' | '…' | '\n' => {
                let next = self.line.token(at + 1);
                if mark == '\n' || next.is_none_or(|next| next.is_apart && next.shape != Shape::Lower) {
                    self.sentence += 1;
                    (self.is_once, self.past) = (false, Past::No);
                    self.outer.clear();
                    self.list = None;
                }
            }
            _ => {}
        }
    }

    /// A comma or an `và` after a member of a list.
    fn part_list(&mut self, at: usize, end: usize) {
        self.list = self.list.filter(|list| list.end == at).map(|list| List { end, is_parted: true, ..list });
    }

    /// A kind, and what it introduces; where to read on, if it introduces anything.
    fn kind(&mut self, at: usize, end: usize, mut kinds: Kinds) -> Option<usize> {
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

    /// What is said of the next name.
    fn past(&self) -> Past {
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
    fn is_plain_number(&self, start: usize, end: usize) -> bool {
        let line = self.line;
        let counts = self.lexicon.phrase_after(line.from(end)).is_some_and(|(class, _)| class == Class::Counted);
        let next = line.token(end + 1).filter(|next| next.shape == Shape::Number && !next.is_apart);
        let goes_on = line.is_mark(end, &['/', '.', ',', '-', '%', ':']) && next.is_some();
        let is_part = line.is_mark(end, &['%']) || line.token(start).is_none();
        !counts && !goes_on && !is_part
    }

    /// Does the list go on with a new kind here (`các xã A, B và thị trấn C`)?
    fn continued(&self, at: usize, kinds: Kinds) -> Option<usize> {
        let goes_on = |list: &List| list.end == at && list.is_parted && list.kinds.is_of_level(kinds);
        self.list.filter(goes_on).map(|list| list.number)
    }

    fn new_list(&self) -> usize {
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
            _ if self.is_byline => Looks::Person,
            Before::Person => Looks::Person,
            _ if self.ends_a_thing(start) || self.goes_on(end) => Looks::Other,
            Before::Thing => Looks::Other,
            Before::Place => Looks::Place,
            _ if self.is_thing_itself(start) => Looks::Tied,
            Before::Opening => Looks::Tied,
            Before::Open => Looks::Open,
        };
        self.push(Mention { list, past: self.past(), looks, ..self.mention(start, end, name) });
        self.former(end);
        self.is_once = false;
        if self.list.is_some_and(|list| list.end == start) {
            self.list = None;
        }
    }

    /// What a hyphen joins is one thing: `tuyến Hà Nội - Việt Trì - Phú Thọ`.
    fn ends_a_thing(&self, start: usize) -> bool {
        let Some(hyphen) = start.checked_sub(1).filter(|at| self.line.is_mark(*at, &['-'])) else { return false };
        let last = self.found.last().filter(|last| last.part == self.part && last.end == hyphen);
        last.is_some_and(|last| last.looks == Looks::Other && last.how == How::Bare)
    }

    /// `Sông Lô` at the beginning of a sentence is a river.
    fn is_thing_itself(&self, start: usize) -> bool {
        let is_thing = |class| matches!(class, Class::Landmark | Class::Village | Class::Street | Class::Product);
        let first = self.line.phrase(start).is_some_and(|phrase| is_thing(phrase.class));
        first && self.line.begins_sentence(start)
    }

    /// A mention as bare as can be.
    fn mention(&self, start: usize, end: usize, name: NameId) -> Mention {
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
            speaks: speech.is_some_and(|(class, _)| class == Class::Speech),
        }
    }

    fn push(&mut self, mention: Mention) {
        self.found.push(mention);
    }

    /// Is the name only the beginning of a longer one? A surname begins another: `UBND xã Hùng Lô Nguyễn Văn A`.
    fn goes_on(&self, end: usize) -> bool {
        let line = self.line;
        let Some(next) = line.token(end) else { return false };
        let before = end.checked_sub(1).and_then(|at| line.token(at));
        let is_same_case = |before: &Token| before.shape == next.shape || before.shape == Shape::Number;
        let is_loud_beside = before.is_some_and(|before| !is_same_case(before)) || next.shape == Shape::Upper;
        next.is_capital()
            && !is_loud_beside
            && !self.lexicon.is_surname(next)
            && line.phrase(end).is_none()
            && self.lexicon.name(line.from(end)).is_none()
    }

    /// Reads what says after a name that it is of the past, and marks the name so. Where to read on.
    fn former(&mut self, end: usize) -> usize {
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

/// Are units of such a kind called by numbers?
fn is_numbered(kinds: Kinds) -> bool {
    use super::super::unit::Kind;
    kinds.has(Kind::Phuong) || kinds.has(Kind::Quan)
}

/// Does a word before a kind say that there are several?
fn is_plural(line: &Line, at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| line.token(before));
    before.is_some_and(|token| token.shape == Shape::Number)
        || at.checked_sub(1).and_then(|before| line.phrase(before)).is_some_and(|phrase| phrase.class == Class::Several)
}
