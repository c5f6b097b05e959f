//! Which unit each name means, with the whole story in view.

use hashbrown::{HashMap, HashSet};

use super::super::unit::Unit;
use super::Reason;
use super::atlas::Atlas;
use super::lexicon::NameId;
use super::line::Line;
use super::mention::{How, Looks, Mention, Past};
use super::words::{Class, Kinds};
use crate::domain::place::{Level, UnitCode};

/// The province whose name is an ordinary word (peace): alone it needs something that says that a place is meant.
const ORDINARY_WORD: &str = "Hòa Bình";
/// The province whose name alone is a person's.
const PERSON: &str = "Hồ Chí Minh";
/// How often the story is read: each time more names are known that others depend on.
const ROUNDS: usize = 3;

/// A choice.
pub(super) type Chosen<'g> = Option<(&'g Unit, Reason)>;

/// The names of a story while they are settled.
pub(super) struct Settle<'a, 'g> {
    pub(super) atlas: &'a Atlas<'g>,
    pub(super) lines: &'a [Line],
    pub(super) mentions: &'a [Mention],
    /// By mention: the units that it may be.
    pub(super) candidates: Vec<Vec<&'g Unit>>,
    /// By mention: those of the other time, where the first are of the present, of the past.
    pub(super) others: Vec<Vec<&'g Unit>>,
    /// By mention: how it is read, after its surroundings were.
    how: Vec<How>,
    /// By mention: does it stand beside what it lies in, or after a part of it?
    pub(super) linked: Vec<Option<Reason>>,
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
            self.hold(at);
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

    pub(super) fn candidates(&self, at: usize) -> &[&'g Unit] {
        self.candidates.get(at).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn others(&self, at: usize) -> &[&'g Unit] {
        self.others.get(at).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn how(&self, at: usize) -> How {
        self.how.get(at).copied().unwrap_or(How::Bare)
    }

    pub(super) fn is_province(&self, at: usize) -> bool {
        self.candidates(at).iter().any(|unit| unit.level() == Level::Province)
    }

    fn choose(&mut self, at: usize, mention: &Mention, choice: (&'g Unit, Reason)) {
        let context = &mut self.context;
        for unit in self.atlas.upwards(choice.0).take(1) {
            context.story.insert(unit.code);
            context.parts.insert((mention.part, unit.code));
            context.sentences.insert((mention.part, mention.sentence, unit.code));
        }
        let is_full = !matches!(choice.1, Reason::NamedInFull | Reason::Home | Reason::Province | Reason::OnlyOne);
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
        let exact = self.of_that_spelling(mention, units);
        let units = exact.as_slice();
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

    /// Those that are officially spelt so, if some are: the next commune may have the name as another spelling only.
    fn of_that_spelling(&self, mention: &Mention, units: &[&'g Unit]) -> Vec<&'g Unit> {
        let is_one_name = units.iter().zip(units.iter().skip(1)).all(|(unit, next)| unit.name == next.name);
        let official = units.iter().copied().filter(|unit| self.atlas.lexicon.is_name(mention.name, &unit.name));
        let official = if is_one_name { Vec::new() } else { official.collect() };
        if official.is_empty() { units.to_vec() } else { official }
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
        if self.is_unsaid_past(at) {
            return in_full.filter(|_| is_place).map(|unit| (unit, Reason::NamedInFull));
        }
        if let Some(province) = units.iter().find(|unit| unit.level() == Level::Province) {
            let is_other = |unit: &&'g Unit| *unit != *province && !self.atlas.lies_in(unit, province);
            let is_away = linked.is_none() && !self.atlas.is_home(province);
            if let Some(unit) = in_full.filter(is_other).filter(|_| is_away) {
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
            [unit] if unit.level() == Level::District && is_place => Some((unit, Reason::OnlyOne)),
            _ => None,
        }
    }

    /// A name without a kind that is of the past.
    fn of_the_past(&self, mention: &Mention, units: &[&'g Unit]) -> Chosen<'g> {
        let is_sure = mention.past == Past::Former;
        let is_known = |unit: &Unit| is_sure || unit.level() == Level::Province;
        let units: Vec<&Unit> =
            units.iter().copied().filter(|unit| is_known(unit) || self.atlas.is_home(unit)).collect();
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
        let is_same = |unit: &Unit| self.atlas.holds_by_code(unit.code);
        past.iter().any(|unit| unit.level() != Level::Commune && !is_same(unit))
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
