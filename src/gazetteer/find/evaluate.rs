//! How well places are found and stories filed, measured against labels.

use std::ops::Range;

use super::super::Gazetteer;
use super::super::unit::Unit;
use super::labelled::{Label, Story};
use super::{Hit, Reason, assign};

/// Numbers of one kind of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// What there is to be found.
    pub wanted: usize,
    /// What was found, without what is right either way.
    pub found: usize,
    /// What of it is right.
    pub right: usize,
}

impl Tally {
    /// The share of what was found that is right; 1 where nothing was.
    #[must_use]
    pub fn precision(&self) -> f64 {
        share(self.right, self.found)
    }

    /// The share of what there is that was found; 1 where there is nothing.
    #[must_use]
    pub fn recall(&self) -> f64 {
        share(self.right, self.wanted)
    }

    fn add(&mut self, other: Self) {
        self.wanted += other.wanted;
        self.found += other.found;
        self.right += other.right;
    }
}

fn share(part: usize, whole: usize) -> f64 {
    let count = |number: usize| u32::try_from(number).map_or(f64::INFINITY, f64::from);
    if whole == 0 { 1.0 } else { count(part) / count(whole) }
}

/// What was found and should not have been, or the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// Found, and not labelled so.
    False,
    /// Labelled, and not found so.
    Missed,
}

/// An error with where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault<'g> {
    /// Which.
    pub error: Error,
    /// The file.
    pub file: String,
    /// The line, from 1: of the paragraph, or of the story's head.
    pub line: usize,
    /// Number and remark of the story.
    pub head: String,
    /// The unit.
    pub unit: &'g Unit,
    /// Where it is a name in a text: why it was found, and the text before, in and after the name.
    pub place: Option<(Option<Reason>, [String; 3])>,
}

/// The result.
#[derive(Debug, Clone, Default)]
pub struct Evaluation<'g> {
    /// Stories.
    pub stories: usize,
    /// Names in texts.
    pub find: Tally,
    /// Pairs of a story and a unit.
    pub assign: Tally,
    /// What is wrong with the names.
    pub find_faults: Vec<Fault<'g>>,
    /// What is wrong with the pairs.
    pub assign_faults: Vec<Fault<'g>>,
}

/// Finds and files every story, and compares.
#[must_use]
pub fn evaluate<'g>(gazetteer: &'g Gazetteer, stories: &[Story<'g>]) -> Evaluation<'g> {
    let mut result = Evaluation { stories: stories.len(), ..Evaluation::default() };
    for story in stories {
        let parts = story.parts();
        let hits = gazetteer.find_places(&parts, story.day, &story.home);
        compare_hits(story, &hits, &mut result);
        let filed: Vec<&Unit> = assign(&parts, &hits).into_iter().map(|assigned| assigned.unit).collect();
        compare_filed(gazetteer, (story, &hits), &filed, &mut result);
    }
    result
}

fn compare_hits<'g>(story: &Story<'g>, hits: &[Hit<'g>], result: &mut Evaluation<'g>) {
    for (part, paragraph) in story.paragraphs.iter().enumerate() {
        let own: Vec<&Hit<'_>> = hits.iter().filter(|hit| hit.part == part).collect();
        let is_right = |hit: &Hit<'_>, label: &Label<'_>| label.unit == Some(hit.unit) && label.name == hit.name;
        let mut tally = Tally::default();
        let mut fault = |error, unit, reason, name: &Range<usize>| {
            let place = Some((reason, around(&paragraph.text, name)));
            let (file, line, head) = (story.file.clone(), paragraph.line, story.head.clone());
            result.find_faults.push(Fault { error, file, line, head, unit, place });
        };
        for hit in &own {
            if is_open(&paragraph.labels, hit) {
                continue;
            }
            tally.found += 1;
            if paragraph.labels.iter().any(|label| is_right(hit, label)) {
                tally.right += 1;
            } else {
                fault(Error::False, hit.unit, Some(hit.reason), &hit.name);
            }
        }
        for (label, unit) in paragraph.labels.iter().filter_map(|label| Some((label, label.unit?))) {
            tally.wanted += 1;
            if !own.iter().any(|hit| is_right(hit, label)) {
                fault(Error::Missed, unit, None, &label.name);
            }
        }
        result.find.add(tally);
    }
}

/// Does the hit touch a name on which people differ?
fn is_open(labels: &[Label<'_>], hit: &Hit<'_>) -> bool {
    let touches = |name: &Range<usize>| name.start < hit.name.end && hit.name.start < name.end;
    labels.iter().any(|label| label.unit.is_none() && touches(&label.name))
}

/// A unit that is not listed is no error if it is above one that is, or if all its names are such that people differ.
fn compare_filed<'g>(
    gazetteer: &'g Gazetteer,
    (story, hits): (&Story<'g>, &[Hit<'g>]),
    filed: &[&'g Unit],
    result: &mut Evaluation<'g>,
) {
    let mut fault = |error, unit| {
        let (file, line, head) = (story.file.clone(), story.line, story.head.clone());
        result.assign_faults.push(Fault { error, file, line, head, unit, place: None });
    };
    let is_above = |unit: &Unit| {
        let above = |part: &'g Unit| gazetteer.self_and_ancestors(part, part.nearest_day(story.day));
        story.assign.iter().any(|part| above(part).into_iter().skip(1).any(|above| above.code == unit.code))
    };
    let is_open_only = |unit: &Unit| {
        let labels = |hit: &Hit<'_>| story.paragraphs.get(hit.part).is_some_and(|own| is_open(&own.labels, hit));
        hits.iter().filter(|hit| hit.unit == unit).all(labels)
    };
    let mut tally = Tally { wanted: story.assign.len(), ..Tally::default() };
    for unit in filed {
        if story.assign.contains(unit) {
            (tally.found, tally.right) = (tally.found + 1, tally.right + 1);
        } else if !is_above(unit) && !is_open_only(unit) {
            tally.found += 1;
            fault(Error::False, *unit);
        }
    }
    for unit in story.assign.iter().filter(|unit| !filed.contains(unit)) {
        fault(Error::Missed, *unit);
    }
    result.assign.add(tally);
}

/// The text before, in and after a name, as much as one line shows.
fn around(text: &str, name: &Range<usize>) -> [String; 3] {
    /// Characters on either side.
    const SHOWN_CHARS: usize = 40;
    let (before, rest) = text.split_at_checked(name.start).unwrap_or((text, ""));
    let (own, after) = rest.split_at_checked(name.len()).unwrap_or((rest, ""));
    let cut = before.char_indices().rev().nth(SHOWN_CHARS).map_or(0, |(at, c)| at + c.len_utf8());
    let end = after.char_indices().nth(SHOWN_CHARS).map_or(after.len(), |(at, _)| at);
    [before.get(cut..).unwrap_or_default().to_owned(), own.to_owned(), after.get(..end).unwrap_or_default().to_owned()]
}
