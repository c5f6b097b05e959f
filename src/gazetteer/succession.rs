//! What became of what: which units follow which, and what that means for the feeds. The one rule is [`Gazetteer::feeds_of`];
//! its cases are told in `docs/decisions/succession.md`. Everything comes from the tables: another reform needs only data.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::NaiveDate;
use hashbrown::HashMap;

use super::Gazetteer;
use super::places::JOINED_SINCE;
use super::table::{Edge, Extent, GazetteerError};
use super::unit::Unit;
use super::units::{Number, Units};
use crate::domain::place::{Level, Place, UnitCode};

/// One unit follows another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Step {
    old: Number,
    new: Number,
    extent: Extent,
    /// The first day of the new order.
    day: NaiveDate,
    /// Does the table of succession say so? Else it is only known from the code.
    is_told: bool,
}

/// All steps, for looking up both ways.
#[derive(Debug, Default)]
pub(super) struct Succession {
    /// In the order of the old units.
    steps: Vec<Step>,
    /// Places within `steps`, in the order of the new units.
    by_new: Vec<u32>,
    /// Every day on which a unit began or ended, in order.
    days: Vec<NaiveDate>,
}

/// What a unit that is no more has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<'g> {
    /// The unit on its last day.
    pub unit: &'g Unit,
    /// The first day without it.
    pub day: NaiveDate,
    /// The present communes that were formed from it, in the order of their places, after the present province or district
    /// that is the same unit, if there is one. Empty where nobody knows.
    pub successors: Vec<Successor>,
}

/// A present unit that was formed from one that is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Successor {
    /// Which.
    pub place: Place,
    /// Was it formed from other ones, too? Then its news is not only of the old unit's ground.
    pub is_shared: bool,
}

/// A unit that a present one was formed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Predecessor<'g> {
    /// The unit on its last day.
    pub unit: &'g Unit,
    /// Is only a part of it here?
    pub is_split: bool,
}

impl Step {
    /// Is the new unit the old one, under another name or of another kind? Without the table's word another name may mean
    /// that it has taken in others.
    const fn is_same(&self) -> bool {
        match self.extent {
            Extent::Unchanged | Extent::KindChanged => true,
            Extent::Renamed => self.is_told,
            Extent::Whole | Extent::Part => false,
        }
    }
}

impl Succession {
    /// Joins units by the edges of the table. Where it has none for a unit that ended, the next period of its code, if it
    /// follows without a gap, is what became of it.
    pub(super) fn new(units: &Units, edges: &[Edge]) -> Result<Self, GazetteerError> {
        let mut steps: Vec<Step> =
            edges.iter().filter_map(|edge| by_edge(units, edge).transpose()).collect::<Result<_, _>>()?;
        let told: HashSet<Number> = steps.iter().map(|step| step.old).collect();
        let rows: Vec<_> = units.all().collect();
        let neighbours = rows.iter().zip(rows.iter().skip(1));
        steps.extend(neighbours.filter(|(old, _)| !told.contains(&old.0)).filter_map(|(old, new)| by_code(*old, *new)));
        steps.sort_unstable();
        steps.dedup();
        let mut by_new: Vec<(Number, u32)> = steps.iter().map(|step| step.new).zip(0..).collect();
        by_new.sort_unstable();
        let mut days: Vec<_> = rows.iter().flat_map(|(_, unit)| [unit.from, unit.until]).flatten().collect();
        days.sort_unstable();
        days.dedup();
        Ok(Self { steps, by_new: by_new.into_iter().map(|(_, at)| at).collect(), days })
    }

    /// What became of a unit.
    fn after(&self, old: Number) -> impl Iterator<Item = &Step> {
        let start = self.steps.partition_point(|step| step.old < old);
        self.steps.get(start..).unwrap_or_default().iter().take_while(move |step| step.old == old)
    }

    /// What a unit was formed from.
    fn before(&self, new: Number) -> impl Iterator<Item = &Step> {
        let step = |at: &u32| usize::try_from(*at).ok().and_then(|at| self.steps.get(at));
        let start = self.by_new.partition_point(|at| step(at).is_some_and(|step| step.new < new));
        let steps = self.by_new.get(start..).unwrap_or_default().iter().filter_map(step);
        steps.take_while(move |step| step.new == new)
    }

    /// The last day until `today` (`None`: of all) on which anything changed.
    pub(super) fn last_day(&self, today: Option<NaiveDate>) -> Option<NaiveDate> {
        self.days.iter().copied().take_while(|day| today.is_none_or(|today| *day <= today)).last()
    }

    /// The first day after `today` on which anything changes.
    pub(super) fn first_day_after(&self, today: NaiveDate) -> Option<NaiveDate> {
        self.days.iter().copied().find(|day| *day > today)
    }
}

/// The step of an edge; `None` if it only says that a unit goes on as it is.
fn by_edge(units: &Units, edge: &Edge) -> Result<Option<Step>, GazetteerError> {
    let Edge { day, old, new, extent, .. } = *edge;
    let ended = units.of_code(old).find(|(_, unit)| unit.until == Some(day)).map(|(number, _)| number);
    let began = units.at(new, day);
    match (ended, began) {
        (Some(old), Some((new, _))) => Ok(Some(Step { old, new, extent, day, is_told: true })),
        (None, Some((_, unit))) if old == new && unit.from < Some(day) => Ok(None),
        _ => Err(GazetteerError::NothingToJoin { day, old, new }),
    }
}

/// A code that goes on with another name *and* kind may be one half of a unit that was split: nobody knows from the code. And
/// since the reform of July 2025 a code that goes on with another name may be another unit altogether.
fn by_code((old, was): (Number, &Unit), (new, is): (Number, &Unit)) -> Option<Step> {
    let day = was.until.filter(|day| was.code == is.code && is.from == Some(*day))?;
    let extent = match (was.kind == is.kind, was.name == is.name) {
        (true, true) => Extent::Unchanged,
        (true, false) if day < JOINED_SINCE => Extent::Renamed,
        (false, true) => Extent::KindChanged,
        (_, false) => Extent::Part,
    };
    Some(Step { old, new, extent, day, is_told: false })
}

impl Gazetteer {
    /// The places in whose feeds an article is that is located in this unit on that day. THE rule of succession:
    ///
    /// 1. *Then*: the unit, and everything that it was a part of on that day.
    /// 2. *Since*: what these became, whole or in part, and what that was a part of when it began: a feed covers the past of
    ///    its predecessors. A district is not followed by its communes, nor a province by its districts: a story about a
    ///    whole dissolved unit is not each successor's.
    /// 3. *Before*: the provinces and districts that are no more, and units that were split, from whose own ground the unit
    ///    was formed: their feeds live on over what was made of them.
    ///
    /// Of these, a place whose feed redirects is the place that it redirects to ([`Gazetteer::canonical`]).
    #[must_use]
    pub fn feeds_of(&self, unit: &Unit, day: NaiveDate) -> BTreeSet<Place> {
        let Some(number) = self.units.number_of(unit) else { return BTreeSet::new() };
        let since = self.then_and_since(number, unit.nearest_day(day)).into_iter();
        let since = since.filter_map(|number| Some(self.units.get(number)?.place));
        let before = self.dissolved_over(number);
        since.chain(before).map(|place| self.canonical(place)).collect()
    }

    /// The unit, what it was a part of on that day, and what became of these, in turn with what that was a part of.
    fn then_and_since(&self, number: Number, day: NaiveDate) -> HashSet<Number> {
        let (mut found, mut open) = (HashSet::new(), vec![(number, day)]);
        while let Some((number, day)) = open.pop() {
            let Some(unit) = self.units.get(number) else { continue };
            if !found.insert(number) {
                continue;
            }
            open.extend(unit.parent.and_then(|parent| self.units.at(parent, day)).map(|(parent, _)| (parent, day)));
            open.extend(self.after(number).map(|step| (step.new, step.day)));
        }
        found
    }

    /// The places that are no more and whose feeds live on over this unit.
    fn dissolved_over(&self, number: Number) -> BTreeSet<Place> {
        let is_commune = self.units.get(number).is_some_and(|unit| unit.level() == Level::Commune);
        let ground = closure(number, |number| self.before(number).map(|step| step.old));
        let mut found: BTreeSet<Place> = ground.iter().flat_map(|root| self.dissolved_above(*root)).collect();
        // A larger unit may have taken in another one; that only its kind changed is certain.
        let same = |step: &&Step| is_commune || step.is_same();
        let earlier = closure(number, |number| self.before(number).filter(same).map(|step| step.old));
        let places = earlier.into_iter().filter_map(|root| Some(self.units.get(root)?.place));
        found.extend(places.filter(|place| self.has_ended(*place)));
        found
    }

    /// The places that ended while the unit was a part of them.
    fn dissolved_above(&self, number: Number) -> Vec<Place> {
        let Some(root) = self.units.get(number) else { return Vec::new() };
        let periods = |code: UnitCode| self.units.of_code(code).map(|(_, unit)| unit);
        let nearest: Vec<&Unit> = root.parent.into_iter().flat_map(periods).collect();
        let upper: BTreeSet<UnitCode> = nearest.iter().filter_map(|unit| unit.parent).collect();
        let above = nearest.into_iter().chain(upper.into_iter().flat_map(periods));
        let ended = above.filter(|unit| self.end_of(unit.place) == Some(unit) && root.is_valid(unit.last_day()));
        let held = ended.filter(|unit| self.units.upwards(root, unit.last_day()).any(|above| above == *unit));
        held.map(|unit| unit.place).collect()
    }

    /// What became of a unit by now.
    fn after(&self, number: Number) -> impl Iterator<Item = &Step> {
        self.succession.after(number).filter(|step| self.has_come(step.day))
    }

    /// What a unit was formed from.
    fn before(&self, number: Number) -> impl Iterator<Item = &Step> {
        self.succession.before(number).filter(|step| self.has_come(step.day))
    }

    fn has_come(&self, day: NaiveDate) -> bool {
        self.today.is_none_or(|today| day <= today)
    }

    /// Does the unit hold today?
    fn is_present(&self, unit: &Unit) -> bool {
        unit.from.is_none_or(|from| self.has_come(from)) && !unit.until.is_some_and(|until| self.has_come(until))
    }

    /// The place whose feed an address of this place leads to: itself, unless it is a commune that is no more and went whole
    /// into one other commune (or a district without communes that became one).
    #[must_use]
    pub fn canonical(&self, place: Place) -> Place {
        self.moves.end_of(place)
    }

    /// Is there no such unit any more?
    #[must_use]
    pub fn has_ended(&self, place: Place) -> bool {
        self.end_of(place).is_some()
    }

    /// The places whose feeds redirect to that of this one.
    #[must_use]
    pub fn redirecting_to(&self, place: Place) -> &[Place] {
        self.moves.from.get(&place).map_or(&[], Vec::as_slice)
    }

    /// The last period of a place that is no more.
    fn end_of(&self, place: Place) -> Option<&Unit> {
        self.units_of(place).last().copied().filter(|unit| unit.until.is_some_and(|until| self.has_come(until)))
    }

    /// The first day without a place that is no more and whose feed lives on: when [`Gazetteer::change_of`] says more.
    #[must_use]
    pub fn ended_on(&self, place: Place) -> Option<NaiveDate> {
        self.end_of(place).filter(|_| !self.moves.has(place))?.until
    }

    /// What became of a place that is no more and whose feed lives on; `None` if it is present, or its feed redirects.
    #[must_use]
    pub fn change_of(&self, place: Place) -> Option<Change<'_>> {
        let unit = self.end_of(place).filter(|_| !self.moves.has(place))?;
        let (day, last_day) = (unit.until?, unit.last_day());
        let number = self.units.number_of(unit)?;
        let own = self.parts_on_last_day(number);
        let grown: HashSet<Number> =
            own.iter().flat_map(|part| closure(*part, |number| self.after(number).map(|step| step.new))).collect();
        let mut successors: BTreeMap<Place, bool> = BTreeMap::new();
        for number in grown {
            let Some(unit) = self.units.get(number) else { continue };
            if unit.level() == Level::Commune && self.is_present(unit) {
                *successors.entry(unit.place).or_default() |= self.has_other_ground(number, &own, last_day);
            }
        }
        // A province or district that is the old one under another name comes first.
        let same = self.after(number).filter(|step| step.is_same()).filter_map(|step| self.units.get(step.new));
        let same = same.filter(|unit| unit.level() != Level::Commune && self.is_present(unit));
        let same = same.map(|unit| Successor { place: unit.place, is_shared: false });
        let communes = successors.into_iter().map(|(place, is_shared)| Successor { place, is_shared });
        Some(Change { unit, day, successors: same.chain(communes).collect() })
    }

    /// Was the unit formed from something that on that day was none of these?
    fn has_other_ground(&self, number: Number, own: &HashSet<Number>, day: NaiveDate) -> bool {
        let ground = closure(number, |number| self.before(number).map(|step| step.old));
        let others = ground.difference(own).filter_map(|root| self.units.get(*root));
        others.into_iter().any(|root| root.is_valid(day))
    }

    /// The unit and everything that was a part of it on its last day.
    fn parts_on_last_day(&self, number: Number) -> HashSet<Number> {
        let Some(day) = self.units.get(number).map(Unit::last_day) else { return HashSet::new() };
        let mut own = HashSet::from([number]);
        let mut open = vec![number];
        while let Some(unit) = open.pop().and_then(|number| self.units.get(number)) {
            let parts = self.units.parts_of(unit.code).filter(|(_, part)| part.is_valid(day)).map(|(part, _)| part);
            open.extend(parts.filter(|part| own.insert(*part)));
        }
        own
    }

    /// The units of other names that a present place was formed from, each on its last day, in the order of their codes.
    #[must_use]
    pub fn predecessors_of(&self, place: Place) -> Vec<Predecessor<'_>> {
        let periods = self.units_of(place).into_iter().filter_map(|unit| self.units.number_of(unit));
        let steps = periods.flat_map(|number| self.before(number));
        let other = |step: &Step| {
            let unit = self.units.get(step.old).filter(|unit| unit.place != place)?;
            let is_split = self.after(step.old).nth(1).is_some();
            Some(Predecessor { unit, is_split })
        };
        let mut found: Vec<_> = steps.filter_map(other).collect();
        found.sort_by_key(|predecessor| (predecessor.unit.code, predecessor.unit.from));
        found
    }
}

/// Where the feeds of places lead that are no more, for looking up both ways.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// Each to the one commune that it went into whole, which may have moved itself.
    to: HashMap<Place, Place>,
    /// To each that is there, all that lead there in the end, in their order.
    from: HashMap<Place, Vec<Place>>,
}

impl Moves {
    /// By `today`; `None`: ever.
    pub(super) fn new(units: &Units, succession: &Succession, today: Option<NaiveDate>) -> Self {
        let mut moves = Self { to: moves(units, succession, today), from: HashMap::new() };
        let mut old: Vec<Place> = moves.to.keys().copied().collect();
        old.sort_unstable();
        for place in old {
            moves.from.entry(moves.end_of(place)).or_default().push(place);
        }
        moves
    }

    fn end_of(&self, place: Place) -> Place {
        std::iter::successors(Some(place), |place| self.to.get(place).copied()).last().unwrap_or(place)
    }

    fn has(&self, place: Place) -> bool {
        self.to.contains_key(&place)
    }
}

fn moves(units: &Units, succession: &Succession, today: Option<NaiveDate>) -> HashMap<Place, Place> {
    let has_come = |day: NaiveDate| today.is_none_or(|today| day <= today);
    let ended = units.all().filter(|(_, unit)| unit.next.is_none() && unit.until.is_some_and(has_come));
    let moved = ended.filter_map(|(number, unit)| {
        let mut steps = succession.after(number);
        let step = steps.next().filter(|step| step.extent.is_whole())?;
        let new = units.get(step.new).filter(|new| new.level() == Level::Commune && new.place != unit.place)?;
        steps.next().is_none().then_some((unit.place, new.place))
    });
    moved.collect()
}

/// What can be reached from a unit, itself included.
fn closure<I: Iterator<Item = Number>>(from: Number, next: impl Fn(Number) -> I) -> HashSet<Number> {
    let (mut found, mut open) = (HashSet::from([from]), vec![from]);
    while let Some(number) = open.pop() {
        open.extend(next(number).filter(|next| found.insert(*next)));
    }
    found
}
