//! The announcement that the unit of a feed is no more: its first entry, until the ledger says that its time is up. Made
//! of the gazetteer and the ledger alone, so it is the same on every replica.

use chrono::{NaiveDate, NaiveTime, TimeZone as _};
use chrono_tz::Tz;
use quick_xml::escape::partial_escape;

use super::build::below;
use super::coverage::{SHARED, day_text, in_sentence};
use super::model::{Entry, Filed, Locality, Story, Term};
use super::title::title;
use super::values::{LanguageTag, WebUrl};
use super::{HtmlLimits, Input, Options};
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::domain::feed_key::FeedKey;
use crate::domain::format::Format;
use crate::domain::place::Place;
use crate::domain::scope::Scope;
use crate::gazetteer::{Change, FeedAddresses, Gazetteer, Successor};
use crate::text::html::{self, SafeHtml};
use crate::text::xml_chars::XmlText;

/// The language of what is said here.
const LANGUAGE: &str = "vi";
/// Successors that the summary names: the content lists all.
const NAMED_MAX: usize = 10;
/// Before the list of successors.
const CHOOSE: &str = "Để chỉ nhận tin của một nơi, hãy chọn nguồn tin của nơi ấy:";
/// What is said here is sanitised like everything else; a province has some hundred successors at most.
const LIMITS: HtmlLimits = HtmlLimits { bytes_max: 1_000_000, depth_max: 10, attributes_max: 5 };

/// What a feed announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced<'a> {
    /// The place of the feed.
    pub place: Place,
    /// What became of it: at least one successor.
    pub change: Change<'a>,
    /// When.
    pub at: Timestamp,
}

/// What the feed of a scope has to announce: that its unit is no more, and what became of it.
#[must_use]
pub fn announced<'a>(scope: &Scope, addresses: &'a FeedAddresses, zone: Tz) -> Option<Announced<'a>> {
    let Scope::Locality(place) = *scope else { return None };
    let change = addresses.gazetteer().change_of(place).filter(|change| !change.successors.is_empty())?;
    Some(Announced { place, at: start_of(change.day, zone), change })
}

/// The start of a day in a zone; where the clock skips midnight, that of the day in UTC.
#[must_use]
pub fn start_of(day: NaiveDate, zone: Tz) -> Timestamp {
    let midnight = day.and_time(NaiveTime::MIN);
    zone.from_local_datetime(&midnight).earliest().map_or_else(|| midnight.and_utc(), |local| local.to_utc())
}

/// The announcement, if the ledger says that it is in the feed's present state.
pub(super) fn notice(options: &Options, input: &Input<'_>) -> Option<Entry> {
    let record = input.record.filter(|record| record.notice_due().is_some())?;
    let announced = announced(input.scope, input.addresses, options.zone)?;
    record.announces(announced.at).then(|| entry(options, input, &announced)).flatten()
}

fn entry(options: &Options, input: &Input<'_>, announced: &Announced<'_>) -> Option<Entry> {
    let gazetteer = input.addresses.gazetteer();
    let Announced { place, change, at } = announced;
    let id = XmlText::new(&options.identity.change_id(*place, change.day));
    let own = Term { slug: XmlText::new(gazetteer.path_of(*place)?), name: XmlText::new(&change.unit.full_name()) };
    let title = format!("{} không còn là đơn vị hành chính từ ngày {}", own.name, day_text(change.day));
    let above = gazetteer.self_and_ancestors(change.unit, change.unit.last_day()).into_iter().skip(1);
    let within = above.map(|unit| XmlText::new(&unit.full_name())).collect();
    let story = Story {
        article: ArticleId::new(id.as_str()),
        guid: id.clone(),
        id,
        link: WebUrl::from_url(&below(&options.base_url, &format!("{FEEDS_PREFIX}locality/")))?,
        title: XmlText::new(&title),
        published: *at,
        updated: *at,
        summary: Some(XmlText::new(&summary(gazetteer, change))),
        content: content(options, input, change),
        correction: None,
        authors: Vec::new(),
        media: Vec::new(),
        language: LanguageTag::parse(LANGUAGE).filter(|_| !options.language.eq_ignore_ascii_case(LANGUAGE)),
        rights: None,
        point: None,
    };
    let localities = vec![Locality { code: change.unit.code, name: own.name.clone(), within, path: own.slug.clone() }];
    Some(Entry::new(story, Filed { localities, places: vec![own], ..Filed::default() }))
}

/// That the feed goes on, and with what.
fn goes_on(change: &Change<'_>) -> String {
    let many = if change.successors.len() > 1 { "các " } else { "" };
    format!("Nguồn tin này vẫn tiếp tục, với tin của {many}đơn vị hành chính hiện nay trên địa bàn cũ")
}

fn summary(gazetteer: &Gazetteer, change: &Change<'_>) -> String {
    let name = |next: &Successor| {
        let name = in_sentence(gazetteer.units_of(next.place).last()?);
        Some(if next.is_shared { format!("{name} {SHARED}") } else { name })
    };
    let mut names: Vec<String> = change.successors.iter().take(NAMED_MAX).filter_map(name).collect();
    let more = change.successors.len().saturating_sub(NAMED_MAX);
    if more > 0 {
        names.push(format!("và {more} đơn vị khác"));
    }
    format!("{}: {}.", goes_on(change), names.join(", "))
}

/// A sentence and a list, with links whatever else the feed's entries carry.
fn content(options: &Options, input: &Input<'_>, change: &Change<'_>) -> Option<SafeHtml> {
    let link = |next: &Successor| {
        let scope = Scope::Locality(next.place);
        let name = title(&scope, options, input.categories, input.addresses)?;
        let url = below(&options.base_url, &input.addresses.path_of(&FeedKey::new(scope, Format::Rss))?);
        let shared = if next.is_shared { format!(" {SHARED}") } else { String::new() };
        let (url, name) = (partial_escape(url.as_str()), partial_escape(name.as_str()));
        Some(format!("<li><a href=\"{url}\">{name}</a>{shared}</li>"))
    };
    let (day, unit) = (day_text(change.day), in_sentence(change.unit));
    let said = format!("Từ ngày {day}, {unit} không còn là đơn vị hành chính. {}.", goes_on(change));
    let links: String = change.successors.iter().filter_map(link).collect();
    let text = format!("<p>{} {CHOOSE}</p><ul>{links}</ul>", partial_escape(&said));
    html::sanitise(&text, &options.base_url, &LIMITS).ok().map(|sanitised| sanitised.html)
}
