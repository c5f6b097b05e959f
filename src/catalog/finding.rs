//! The places that an article's own text names, and what is made of them: nothing, suggestions, or feeds that it is in.

use chrono::NaiveDate;

use crate::domain::article::Article;
use crate::domain::found::{FindPolicy, FoundPlace};
use crate::domain::place::UnitCode;
use crate::gazetteer::{Assigned, Gazetteer, Hit, Part, Role, Unit, assign};
use crate::text::html::HtmlLimits;
use crate::text::paragraphs::{Paragraph, paragraphs};
use crate::text::plain::plain;

/// A body above these is not read for places: ten times the longest story, and a tenth of a second for one that is nothing
/// but names.
const BODY_LIMITS: HtmlLimits = HtmlLimits { bytes_max: 256 << 10, depth_max: 200, attributes_max: 200 };

/// What the store gives of an article.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The units.
    pub units: &'a [&'a Unit],
    /// Does it name any place, even one that nobody knows?
    pub carries_any: bool,
}

/// What was found in one article.
#[derive(Debug)]
pub struct Finding<'g> {
    /// Its text: title, lead, captions and paragraphs, as plain text.
    pub story: Vec<(Role, String)>,
    /// Every place in it that names a unit.
    pub hits: Vec<Hit<'g>>,
    /// The units that it would be filed under.
    pub assigned: Vec<Assigned<'g>>,
}

impl<'g> Finding<'g> {
    /// Finds the places of an article as of its day.
    #[must_use]
    pub fn new(gazetteer: &'g Gazetteer, article: &Article, day: NaiveDate, home: &[UnitCode]) -> Self {
        let story = story(article);
        let parts: Vec<Part<'_>> = story.iter().map(|(role, text)| Part { role: *role, text }).collect();
        let hits = gazetteer.find_places(&parts, day, home);
        let assigned = assign(&parts, &hits);
        Self { story, hits, assigned }
    }

    /// What is kept of it beside the units that the store gives: a story that has none of these is filed under what was
    /// found, if that is the policy; for one that has some, and under the other policy, it is a suggestion. What the given
    /// units lie in is no news.
    #[must_use]
    pub fn kept(
        &self,
        gazetteer: &Gazetteer,
        given: &Given<'_>,
        day: NaiveDate,
        policy: FindPolicy,
    ) -> Vec<FoundPlace> {
        let known: Vec<&Unit> = given.units.iter().flat_map(|unit| gazetteer.self_and_ancestors(unit, day)).collect();
        let is_assigned = policy == FindPolicy::Assign && !given.carries_any;
        let new = self.assigned.iter().map(|assigned| assigned.unit).filter(|unit| !known.contains(unit));
        let mut kept: Vec<_> = new.map(|unit| FoundPlace { place: gazetteer.place_of(unit), is_assigned }).collect();
        kept.sort_unstable();
        kept.dedup();
        kept
    }
}

fn story(article: &Article) -> Vec<(Role, String)> {
    let text = |role, text: &str| (role, plain(text).into_string());
    let lead = article.lead.as_deref().map(|lead| text(Role::Lead, lead));
    let captions = article.media.iter().filter_map(|media| media.caption.as_deref());
    let body = article.body_html.as_deref().map(|body| paragraphs(body, &BODY_LIMITS).unwrap_or_default());
    let paragraph =
        |paragraph: Paragraph| (if paragraph.is_caption { Role::Caption } else { Role::Body }, paragraph.text);
    std::iter::once(text(Role::Title, &article.title))
        .chain(lead)
        .chain(captions.map(|caption| text(Role::Caption, caption)))
        .chain(body.into_iter().flatten().map(paragraph))
        .collect()
}
