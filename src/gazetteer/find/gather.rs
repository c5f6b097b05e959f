//! Which units each name may mean: by its kind and its day, by its list, and by what it lies in.

use super::super::unit::Unit;
use super::Reason;
use super::line::Line;
use super::mention::{How, Looks, Mention, Past};
use super::settle::Settle;
use super::words::{Class, Kinds};
use crate::domain::place::Level;

/// Most tokens between a name and that of what it lies in.
const LINK_TOKENS_MAX: usize = 4;

impl<'g> Settle<'_, 'g> {
    /// The units that a mention may be, by its kind and by the day, and those of the other time. A member of a list that
    /// no unit of the list's kind is called like is a name alone: `xã Hùng Lô, Việt Trì`.
    pub(super) fn candidates_of(&self, at: usize, mention: &Mention) -> (How, Vec<&'g Unit>, Vec<&'g Unit>) {
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
                if is_listed && units.is_empty() || is_single && self.is_rather_alone(at, mention, &units) {
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
            // What is of the past counts only if the story names it in full.
            Past::No => Some(valid()).filter(|valid| !valid.is_empty()).unwrap_or_else(past),
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
        let is_gone = past.iter().any(|unit| is_province(unit) || self.atlas.is_home(unit));
        let is_present = valid.iter().any(|unit| is_province(unit)) || is_known && !is_merged;
        if is_present || !is_gone { valid } else { past }
    }

    /// After a kind in the singular: is the name rather that of a larger unit, which holds the one before or is at home?
    fn is_rather_alone(&self, at: usize, mention: &Mention, units: &[&'g Unit]) -> bool {
        let alone = self.alone(mention);
        let is_larger = |whole: &&Unit| units.iter().all(|unit| whole.level() < unit.level());
        let is_home = alone.iter().filter(|unit| is_larger(unit)).any(|unit| self.atlas.is_home(unit));
        is_home || self.holds_the_one_before(at, &alone)
    }

    /// Does one of the units hold one that the mention before may be?
    fn holds_the_one_before(&self, at: usize, units: &[&'g Unit]) -> bool {
        let before = at.checked_sub(1).map(|before| self.candidates(before)).unwrap_or_default();
        units.iter().any(|whole| before.iter().any(|part| self.atlas.lies_in(part, whole)))
    }

    /// What is said to be of the past makes that of the other members of its list (`các xã Hùng Lô, Kim Đức cũ`).
    pub(super) fn spread_former(&mut self) {
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
    pub(super) fn agree(&mut self) {
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

    /// Are all units that a name may mean of the past, though nothing says so?
    pub(super) fn is_unsaid_past(&self, at: usize) -> bool {
        let is_unsaid = self.mentions.get(at).is_some_and(|mention| mention.past == Past::No);
        is_unsaid && self.candidates(at).iter().all(|unit| !self.atlas.holds(unit))
    }

    /// Reads a name together with the one after it: of both only those are left of which the one lies in the other, those
    /// of the other time if need be. The other members of its list lie there, too, where they can.
    pub(super) fn link(&mut self, at: usize) {
        let is_gone = |at: usize| self.how(at) == How::Bare && self.is_unsaid_past(at);
        if !self.is_linked(at) || is_gone(at) || is_gone(at + 1) || self.is_province(at) && self.how(at) == How::Bare {
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

    /// `huyện Yên Lập: Mỹ Lung, Lương Sơn`: after a unit and a colon stand its parts.
    pub(super) fn hold(&mut self, at: usize) {
        let Some(before) = at.checked_sub(1) else { return };
        let (Some(whole), Some(mention)) = (self.mentions.get(before), self.mentions.get(at)) else { return };
        let line = self.lines.get(mention.part).filter(|_| whole.part == mention.part);
        let is_colon = line.is_some_and(|line| line.is_mark(whole.end, &[':'])) && mention.from == whole.end + 1;
        if is_colon && whole.how == How::Kind {
            let inside = self.within(self.candidates(at), self.candidates(before)).0;
            self.narrow(at, inside, Reason::InParent);
        }
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
}
