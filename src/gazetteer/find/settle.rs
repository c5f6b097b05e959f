//! Which unit each name means, with the whole story in view.

use hashbrown::{HashMap, HashSet};

use super::super::unit::{Kind, Unit};
use super::Reason;
use super::atlas::Atlas;
use super::lexicon::NameId;
use super::scan::{How, Line, Looks, Mention, Past};
use super::words::{Class, Kinds};
use crate::domain::place::{Level, UnitCode};

/// The province whose name is an ordinary word (peace): alone it needs something that says that a place is meant.
const ORDINARY_WORD: &str = "Hòa Bình";
/// The province whose name alone is a person's.
const PERSON: &str = "Hồ Chí Minh";
/// How often the story is read: each time more names are known that others depend on.
const ROUNDS: usize = 3;
/// Most tokens between a name and that of what it lies in.
const LINK_TOKENS_MAX: usize = 4;

/// A choice.
pub(super) type Chosen<'g> = Option<(&'g Unit, Reason)>;

/// The names of a story while they are settled.
pub(super) struct Settle<'a, 'g> {
    atlas: &'a Atlas<'g>,
    lines: &'a [Line],
    mentions: &'a [Mention],
    /// By mention: the units that it may be.
    candidates: Vec<Vec<&'g Unit>>,
    /// By mention: those of the other time, where the first are of the present, of the past.
    others: Vec<Vec<&'g Unit>>,
    /// By mention: how it is read, after its surroundings were.
    how: Vec<How>,
    /// By mention: does it stand beside what it lies in, or after a part of it?
    linked: Vec<Option<Reason>>,
    chosen: Vec<Chosen<'g>>,
    context: Context<'g>,
    /// Names that are somebody's in this story.
    people: HashSet<NameId>,
}

/// What is known of the story so far.
#[derive(Default)]
struct Context<'g> {
    /// Codes of the units that are named: in the story, in each part, in each sentence.
    story: HashSet<UnitCode>,
    parts: HashSet<(usize, UnitCode)>,
    sentences: HashSet<(usize, usize, UnitCode)>,
    /// The units that were named in full, by name.
    in_full: HashMap<NameId, Vec<&'g Unit>>,
}

/// How much of a story is looked at.
#[derive(Debug, Clone, Copy)]
enum Scope {
    Sentence,
    Part,
    Story,
}

impl<'a, 'g> Settle<'a, 'g> {
    pub(super) fn new(atlas: &'a Atlas<'g>, lines: &'a [Line], mentions: &'a [Mention]) -> Self {
        let people =
            mentions.iter().filter(|mention| mention.looks == Looks::Person).map(|mention| mention.name).collect();
        Self {
            atlas,
            lines,
            mentions,
            candidates: Vec::new(),
            others: Vec::new(),
            how: mentions.iter().map(|mention| mention.how).collect(),
            linked: vec![None; mentions.len()],
            chosen: vec![None; mentions.len()],
            context: Context::default(),
            people,
        }
    }

    /// Settles all of them.
    pub(super) fn run(mut self) -> Vec<Chosen<'g>> {
        for (at, mention) in self.mentions.iter().enumerate() {
            let (how, units, others) = self.candidates_of(at, mention);
            if let Some(slot) = self.how.get_mut(at) {
                *slot = how;
            }
            self.candidates.push(units);
            self.others.push(others);
        }
        self.spread_former();
        self.agree();
        for at in (0..self.mentions.len()).rev() {
            self.link(at);
        }
        for _ in 0..ROUNDS {
            let mut is_changed = false;
            for (at, mention) in self.mentions.iter().enumerate() {
                if self.chosen(at).is_none()
                    && let Some(choice) = self.decide(at, mention)
                {
                    self.choose(at, mention, choice);
                    is_changed = true;
                }
            }
            if !is_changed {
                break;
            }
        }
        self.chosen
    }

    fn chosen(&self, at: usize) -> Chosen<'g> {
        self.chosen.get(at).copied().flatten()
    }

    fn candidates(&self, at: usize) -> &[&'g Unit] {
        self.candidates.get(at).map(Vec::as_slice).unwrap_or_default()
    }

    fn others(&self, at: usize) -> &[&'g Unit] {
        self.others.get(at).map(Vec::as_slice).unwrap_or_default()
    }

    fn how(&self, at: usize) -> How {
        self.how.get(at).copied().unwrap_or(How::Bare)
    }

    /// The units that a mention may be, by its kind and by the day, and those of the other time. A member of a list that
    /// no unit of the list's kind is called like is a name alone: `xã Hùng Lô, Việt Trì`.
    fn candidates_of(&self, at: usize, mention: &Mention) -> (How, Vec<&'g Unit>, Vec<&'g Unit>) {
        let how = mention.how;
        if matches!(mention.looks, Looks::Person | Looks::Other) {
            return (how, Vec::new(), Vec::new());
        }
        let alone = || (How::Bare, self.alone(mention), Vec::new());
        match how {
            How::Bare => alone(),
            How::Authority if mention.kinds == Kinds::ANY => (how, self.alone(mention), Vec::new()),
            How::Kind | How::Authority | How::Listed { .. } => {
                let (units, others) = self.of_kind(mention);
                let is_single = how == How::Listed { is_plural: false };
                let is_listed = matches!(how, How::Listed { .. });
                if is_listed && units.is_empty() || is_single && self.holds_the_one_before(at, &self.alone(mention)) {
                    alone()
                } else {
                    (how, units, others)
                }
            }
        }
    }

    /// The units of its kinds: of the time that it is said to be of, and of the other time.
    fn of_kind(&self, mention: &Mention) -> (Vec<&'g Unit>, Vec<&'g Unit>) {
        let meant = self.atlas.lexicon.units(mention.name);
        let (valid, past) = (self.atlas.valid(meant, mention.kinds), self.atlas.past(meant, mention.kinds));
        let is_past = mention.past >= Past::Before;
        if is_past && !past.is_empty() || valid.is_empty() { (past, valid) } else { (valid, past) }
    }

    /// The units that a name alone may be.
    fn alone(&self, mention: &Mention) -> Vec<&'g Unit> {
        let meant = self.atlas.lexicon.units(mention.name);
        let valid = || self.atlas.valid(meant, Kinds::ANY);
        let past = || self.atlas.past(meant, Kinds::ANY);
        let units = match mention.past {
            Past::No => valid(),
            Past::Former => past(),
            Past::Before => Some(past()).filter(|past| !past.is_empty()).unwrap_or_else(valid),
            Past::Perhaps => self.perhaps_past(valid(), past()),
        };
        self.atlas.topmost(units)
    }

    /// In a sentence about a reform: the provinces that are, those at home that were, and then what there is.
    fn perhaps_past(&self, valid: Vec<&'g Unit>, past: Vec<&'g Unit>) -> Vec<&'g Unit> {
        let is_province = |unit: &Unit| unit.level() == Level::Province;
        let is_merged = past.iter().any(|unit| is_province(unit) && self.atlas.is_home(unit));
        let is_known = valid.iter().any(|unit| self.atlas.is_home(unit));
        if valid.iter().any(|unit| is_province(unit)) || is_known && !is_merged { valid } else { past }
    }

    /// Does one of the units hold one that the mention before may be?
    fn holds_the_one_before(&self, at: usize, units: &[&'g Unit]) -> bool {
        let before = at.checked_sub(1).map(|before| self.candidates(before)).unwrap_or_default();
        units.iter().any(|whole| before.iter().any(|part| self.atlas.lies_in(part, whole)))
    }

    /// What is said to be of the past makes that of the other members of its list (`các xã Hùng Lô, Kim Đức cũ`).
    fn spread_former(&mut self) {
        for at in (1..self.mentions.len()).rev() {
            let (Some(before), Some(mention)) = (self.mentions.get(at - 1), self.mentions.get(at)) else { continue };
            let shares = before.list == mention.list && before.part == mention.part;
            let is_past = mention.past == Past::Former && self.candidates(at).iter().all(|unit| unit.until.is_some());
            if shares && is_past && matches!(mention.how, How::Listed { .. }) {
                self.exchange(at - 1);
            }
        }
    }

    /// In a list with a unit of which nothing is left by the day, those are meant that it lay beside (`ba xã Văn Bán, Tam
    /// Sơn và Tùng Khê`, though another xã Tam Sơn is present).
    fn agree(&mut self) {
        let count = self.mentions.len();
        for at in (0..count).chain((0..count).rev()) {
            let Some(list) = self.mentions.get(at).map(|mention| mention.list) else { continue };
            let is_beside = |other: &usize| self.mentions.get(*other).is_some_and(|other| other.list == list);
            let beside = [at.checked_sub(1), Some(at + 1)].into_iter().flatten().filter(is_beside);
            let gone: Vec<&Unit> = beside.flat_map(|other| self.only_past(other)).copied().collect();
            let same =
                self.others(at).iter().copied().filter(|unit| gone.iter().any(|other| other.parent == unit.parent));
            let same: Vec<&Unit> = same.filter(|unit| !self.atlas.holds(unit)).collect();
            if !same.is_empty()
                && let Some(slot) = self.candidates.get_mut(at)
            {
                *slot = same;
            }
        }
    }

    /// The candidates of a mention, if they all are of the past.
    fn only_past(&self, at: usize) -> &[&'g Unit] {
        let units = self.candidates(at);
        if units.iter().any(|unit| self.atlas.holds(unit)) { &[] } else { units }
    }

    /// Takes the units of the other time, if they are of the past.
    fn exchange(&mut self, at: usize) {
        if let (Some(units), Some(others)) = (self.candidates.get_mut(at), self.others.get_mut(at))
            && others.first().is_some_and(|unit| unit.until.is_some() && !self.atlas.holds(unit))
        {
            std::mem::swap(units, others);
        }
    }

    /// Is the next name that of what this one lies in, by the words between them?
    fn is_linked(&self, at: usize) -> bool {
        let (Some(mention), Some(next)) = (self.mentions.get(at), self.mentions.get(at + 1)) else { return false };
        let Some(line) = self.lines.get(mention.part).filter(|_| mention.part == next.part) else { return false };
        let between = mention.end..next.from;
        let is_link = |at: usize| {
            let within = line.phrase(at).is_some_and(|phrase| phrase.class == Class::Within);
            let is_small = line.token(at).is_some_and(|token| !token.is_capital());
            line.is_mark(at, &[',', '(', ')', '-']) || within && is_small || self.is_former_word(line, at)
        };
        (1..=LINK_TOKENS_MAX).contains(&between.len()) && between.into_iter().all(is_link)
    }

    fn is_former_word(&self, line: &Line, at: usize) -> bool {
        self.atlas
            .lexicon
            .phrase_after(line.from(at))
            .is_some_and(|(class, count)| class == Class::Former && count == 1)
    }

    /// Reads a name together with the one after it: of both only those are left of which the one lies in the other, those
    /// of the other time if need be. The other members of its list lie there, too, where they can.
    fn link(&mut self, at: usize) {
        if !self.is_linked(at) || self.is_province(at) && self.how(at) == How::Bare {
            return;
        }
        let pairs = [
            self.within(self.candidates(at), self.candidates(at + 1)),
            self.within(self.others(at), self.candidates(at + 1)),
            self.within(self.candidates(at), self.others(at + 1)),
            self.within(self.others(at), self.others(at + 1)),
        ];
        let Some((inner, outer)) = pairs.into_iter().find(|(inner, _)| !inner.is_empty()) else { return };
        let list = self.mentions.get(at).map(|mention| mention.list);
        let is_member = |member: &usize| self.mentions.get(*member).map(|mention| mention.list) == list;
        let members: Vec<usize> = (0..at).rev().take_while(is_member).collect();
        for member in members {
            let inside = [self.candidates(member), self.others(member)].map(|units| self.within(units, &outer).0);
            let inside = inside.into_iter().find(|units| !units.is_empty()).unwrap_or_default();
            self.narrow(member, inside, Reason::InParent);
        }
        self.narrow(at, inner, Reason::InParent);
        self.narrow(at + 1, outer, Reason::Parent);
    }

    /// Of some parts and wholes those that belong together.
    fn within(&self, parts: &[&'g Unit], wholes: &[&'g Unit]) -> (Vec<&'g Unit>, Vec<&'g Unit>) {
        let lies = |part: &'g Unit, whole: &'g Unit| self.atlas.lies_in(part, whole);
        let inner = parts.iter().copied().filter(|part| wholes.iter().any(|whole| lies(part, whole)));
        let inner: Vec<&Unit> = inner.collect();
        let outer = wholes.iter().copied().filter(|whole| inner.iter().any(|part| lies(part, whole))).collect();
        (inner, outer)
    }

    fn narrow(&mut self, at: usize, units: Vec<&'g Unit>, reason: Reason) {
        if units.is_empty() {
            return;
        }
        if let (Some(slot), Some(linked)) = (self.candidates.get_mut(at), self.linked.get_mut(at)) {
            *slot = units;
            linked.get_or_insert(reason);
        }
    }

    fn is_province(&self, at: usize) -> bool {
        self.candidates(at).iter().any(|unit| unit.level() == Level::Province)
    }

    fn choose(&mut self, at: usize, mention: &Mention, choice: (&'g Unit, Reason)) {
        let context = &mut self.context;
        for unit in self.atlas.upwards(choice.0).take(1) {
            context.story.insert(unit.code);
            context.parts.insert((mention.part, unit.code));
            context.sentences.insert((mention.part, mention.sentence, unit.code));
        }
        let is_full = !matches!(choice.1, Reason::NamedInFull | Reason::Home | Reason::Province | Reason::City);
        let known = context.in_full.entry(mention.name).or_default();
        if is_full && !known.contains(&choice.0) {
            known.push(choice.0);
        }
        if let Some(slot) = self.chosen.get_mut(at) {
            *slot = Some(choice);
        }
    }

    fn decide(&self, at: usize, mention: &Mention) -> Chosen<'g> {
        let units = self.candidates(at);
        if units.is_empty() {
            return None;
        }
        match self.how(at) {
            How::Bare => self.alone_settled(at, mention),
            How::Authority if mention.kinds == Kinds::ANY => {
                let province = units.iter().find(|unit| unit.level() == Level::Province);
                let unit = province.copied().or_else(|| self.one(mention, units))?;
                Some((unit, self.reason(unit, mention, Reason::Authority)))
            }
            how => {
                let unit = self.one(mention, self.at_home(at, mention))?;
                let is_single = how == How::Listed { is_plural: false };
                if is_single && !self.is_sibling(at, unit) {
                    return None;
                }
                let plain = match how {
                    How::Kind => Reason::Kind,
                    How::Authority => Reason::Authority,
                    _ => Reason::SharedKind,
                };
                Some((unit, self.reason(unit, mention, plain)))
            }
        }
    }

    /// A unit that is gone by the day is told so.
    fn reason(&self, unit: &'g Unit, mention: &Mention, plain: Reason) -> Reason {
        match (self.atlas.holds(unit), mention.past) {
            (true, _) => plain,
            (false, Past::No | Past::Perhaps) => Reason::FormerKind,
            (false, Past::Before | Past::Former) => Reason::Former,
        }
    }

    /// The candidates; those of the past, if only they were at home and the story tells of none of the others.
    fn at_home(&self, at: usize, mention: &Mention) -> &[&'g Unit] {
        let (units, others) = (self.candidates(at), self.others(at));
        let is_home = |units: &[&'g Unit]| units.iter().any(|unit| self.atlas.is_home(unit));
        let is_open = self.linked.get(at).is_some_and(Option::is_none);
        if is_open && !is_home(units) && is_home(others) && self.in_context(mention, units).is_none() {
            others
        } else {
            units
        }
    }

    /// A further name after a kind in the singular is of that kind only if it lies where the one before does.
    fn is_sibling(&self, at: usize, unit: &'g Unit) -> bool {
        let before = at.checked_sub(1).and_then(|before| self.chosen(before));
        before.is_some_and(|(before, _)| {
            before.parent == unit.parent || self.atlas.is_home(before) && self.atlas.is_home(unit)
        })
    }

    /// One of several: the only one; the one at home; or the one that the story tells of.
    fn one(&self, mention: &Mention, units: &[&'g Unit]) -> Option<&'g Unit> {
        if let [unit] = units {
            return Some(unit);
        }
        let home: Vec<&Unit> = units.iter().copied().filter(|unit| self.atlas.is_home(unit)).collect();
        match *home.as_slice() {
            [] => self.in_context(mention, units),
            [unit] => {
                let away: Vec<&Unit> = units.iter().copied().filter(|other| !self.atlas.is_home(other)).collect();
                if self.is_away(mention, unit, &away) { self.in_context(mention, &away) } else { Some(unit) }
            }
            _ => self.in_context(mention, &home),
        }
    }

    /// Does the story tell of elsewhere: of the district of another unit of that name, and neither of the own one's nor of
    /// its province?
    fn is_away(&self, mention: &Mention, own: &'g Unit, away: &[&'g Unit]) -> bool {
        let tells = |unit: &'g Unit, level: Level, scope: Scope| {
            let above = self.atlas.upwards(unit).skip(1);
            above.filter(|above| above.level() >= level).any(|above| self.is_named(mention, above.code, scope))
        };
        let is_elsewhere = away.iter().any(|unit| tells(unit, Level::District, Scope::Story));
        is_elsewhere && !tells(own, Level::Province, Scope::Story)
    }

    fn is_named(&self, mention: &Mention, code: UnitCode, scope: Scope) -> bool {
        match scope {
            Scope::Sentence => self.context.sentences.contains(&(mention.part, mention.sentence, code)),
            Scope::Part => self.context.parts.contains(&(mention.part, code)),
            Scope::Story => self.context.story.contains(&code),
        }
    }

    /// The one that the story names elsewhere, or of which it names what it lies in: first in the sentence, then in the
    /// paragraph, then anywhere. A district tells more than a province.
    fn in_context(&self, mention: &Mention, units: &[&'g Unit]) -> Option<&'g Unit> {
        let in_full = self.context.in_full.get(&mention.name);
        let known: Vec<&Unit> =
            units.iter().copied().filter(|unit| in_full.is_some_and(|known| known.contains(unit))).collect();
        if let [unit] = *known.as_slice() {
            return Some(unit);
        }
        [Scope::Sentence, Scope::Part, Scope::Story].into_iter().find_map(|scope| {
            [Level::District, Level::Province].into_iter().find_map(|level| {
                let is_told = |unit: &&'g Unit| {
                    let mut above = self.atlas.upwards(unit).skip(1).filter(|above| above.level() == level);
                    above.any(|above| self.is_named(mention, above.code, scope))
                };
                let told: Vec<&Unit> = units.iter().copied().filter(is_told).collect();
                if let [unit] = *told.as_slice() { Some(unit) } else { None }
            })
        })
    }

    /// A name without a kind.
    fn alone_settled(&self, at: usize, mention: &Mention) -> Chosen<'g> {
        let units = self.candidates(at);
        let linked = self.linked.get(at).copied().flatten();
        if mention.past > Past::No && !units.is_empty() && units.iter().all(|unit| !self.atlas.holds(unit)) {
            return self.of_the_past(mention, units);
        }
        let is_place = mention.looks == Looks::Place || linked.is_some() || self.is_beside_a_place(at);
        if !is_place && (mention.speaks || self.people.contains(&mention.name)) {
            return None;
        }
        let in_full = self.in_full(mention);
        if let Some(province) = units.iter().find(|unit| unit.level() == Level::Province) {
            if let Some(unit) = in_full.filter(|unit| *unit != *province && !self.atlas.is_home(province)) {
                return Some((unit, Reason::NamedInFull));
            }
            let is_told = is_place || in_full.is_some() || self.atlas.is_home(province);
            let is_ordinary = *province.name == *ORDINARY_WORD && !is_told;
            let is_person = *province.name == *PERSON;
            return (!is_ordinary && !is_person).then_some((*province, Reason::Province));
        }
        if !is_place && (mention.looks == Looks::Tied || mention.end == mention.start + 1) {
            return None;
        }
        if let (Some(reason), [unit]) = (linked, units) {
            return Some((unit, reason));
        }
        if let Some(unit) = in_full {
            return Some((unit, Reason::NamedInFull));
        }
        if self.is_name_of_the_past(mention) {
            return None;
        }
        let home: Vec<&Unit> = units.iter().copied().filter(|unit| self.atlas.is_home(unit)).collect();
        if let [unit] = *home.as_slice() {
            return (unit.level() == Level::District || is_place).then_some((unit, Reason::Home));
        }
        match units {
            [unit] if unit.kind == Kind::ThanhPho && is_place => Some((unit, Reason::City)),
            _ => None,
        }
    }

    /// A name without a kind that is of the past.
    fn of_the_past(&self, mention: &Mention, units: &[&'g Unit]) -> Chosen<'g> {
        let is_sure = mention.past == Past::Former;
        let units: Vec<&Unit> = units.iter().copied().filter(|unit| is_sure || self.atlas.is_home(unit)).collect();
        let province = units.iter().find(|unit| unit.level() == Level::Province);
        let unit = province.copied().or_else(|| self.one(mention, &units))?;
        Some((unit, Reason::Former))
    }

    /// The one unit of that name that is named in full in the story; of a district and a commune in it, the district.
    fn in_full(&self, mention: &Mention) -> Option<&'g Unit> {
        let known = self.context.in_full.get(&mention.name)?;
        let valid: Vec<&Unit> = known.iter().copied().filter(|unit| self.atlas.holds(unit)).collect();
        let top = self.atlas.topmost(if valid.is_empty() { known.clone() } else { valid });
        if let [unit] = *top.as_slice() { Some(unit) } else { None }
    }

    /// Was something larger called so until lately? Then nobody knows what the name alone means.
    fn is_name_of_the_past(&self, mention: &Mention) -> bool {
        let past = self.atlas.past(self.atlas.lexicon.units(mention.name), Kinds::ANY);
        past.iter().any(|unit| unit.level() != Level::Commune)
    }

    /// Is it a member of a row of names of which another is a place?
    fn is_beside_a_place(&self, at: usize) -> bool {
        let is_row = |first: usize| {
            let (Some(mention), Some(next)) = (self.mentions.get(first), self.mentions.get(first + 1)) else {
                return false;
            };
            let Some(line) = self.lines.get(mention.part).filter(|_| mention.part == next.part) else { return false };
            let between = mention.end..next.from;
            let joins = |at: usize| {
                line.is_mark(at, &[',', '-', ';']) || line.phrase(at).is_some_and(|phrase| phrase.class == Class::And)
            };
            (1..=2).contains(&between.len()) && between.into_iter().all(joins)
        };
        at.checked_sub(1).is_some_and(|before| is_row(before) && self.chosen(before).is_some())
            || is_row(at) && self.chosen(at + 1).is_some()
    }
}
