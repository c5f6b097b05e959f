//! From a scope's window of articles to the neutral feed. Total: whatever is wrong becomes a fault.

use std::collections::HashSet;
use std::str::FromStr as _;

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use url::Url;

use super::coverage::coverage;
use super::ids::ids;
use super::model::{Deleted, Entry, Feed, Filed, Story};
use super::values::{LanguageTag, WebUrl};
use super::{Input, Options, Window, notice, title};
use crate::domain::address::FEEDS_PREFIX;
use crate::domain::clock::Timestamp;
use crate::domain::entry_id::Identity;
use crate::domain::fault::{Fault, FaultCode, Subject};
use crate::domain::ledger::{ArticleRecord, Departure, Standing};
use crate::domain::scope::Scope;
use crate::text::plain::plain;
use crate::text::xml_chars::XmlText;

/// Most entries that a feed names as gone, the newest departures: a document stays small whatever happens in the store.
pub const DELETED_MAX: usize = 1_000;

/// What readers see in place of a withdrawn article.
const STUB_TITLE: &str = "Bài viết đã được gỡ";
const STUB_TEXT: &str = "Tòa soạn đã gỡ bài viết này. Nội dung trước đây không còn giá trị sử dụng.";

/// A feed, and what was wrong with its articles.
#[derive(Debug, Clone)]
pub struct Built {
    /// The feed, without the articles that cannot be published.
    pub feed: Feed,
    /// What was left out or mended.
    pub faults: Vec<Fault>,
}

/// How many of these dates, newest first, are within the window by N, T and M. The bytes B are [`build`]'s matter. Did M
/// win over T? Then the same call with an `entries_max` of `usize::MAX` says more.
#[must_use]
pub fn window_len(published: impl Iterator<Item = Timestamp>, window: &Window) -> usize {
    let mut published = published.peekable();
    let span = TimeDelta::hours(i64::from(window.span_hours));
    let Some(horizon) = published.peek().map(|newest| newest.checked_sub_signed(span).unwrap_or(Timestamp::MIN_UTC))
    else {
        return 0;
    };
    let within = |(at, date): &(usize, Timestamp)| *at < window.entries_min || *date >= horizon;
    published.enumerate().take(window.entries_max).take_while(within).count()
}

/// Makes the neutral feed. The same input gives the same feed, whatever the clock, the locale or the order of maps.
#[must_use]
pub fn build(options: &Options, input: &Input<'_>) -> Built {
    let mut faults = Vec::new();
    let mut feed = frame(options, input);
    feed.notice = notice::notice(options, input);
    feed.entries = entries(input, feed.notice.as_ref(), &mut faults);
    if !fit(&mut feed.entries, options.window.bytes_max) {
        let limit = format!("more than {} bytes", options.window.bytes_max);
        faults.push(Fault::new(Subject::Feed(feed.path.clone()), FaultCode::WindowLimited, limit));
    }
    remember_departures(&mut feed, options, input);
    Built { feed, faults }
}

/// Everything but the entries.
fn frame(options: &Options, input: &Input<'_>) -> Feed {
    let path = input.addresses.current(input.scope).unwrap_or_else(|| input.scope.to_string());
    let changed_at = input.record.map(|record| record.changed_at);
    let site = visible_or(plain(&options.title), options.base_url.authority());
    let title = match title::title(input.scope, options, input.categories, input.addresses) {
        Some(name) => XmlText::new(&format!("{name} - {site}")),
        None => site.clone(),
    };
    let custom = match input.scope {
        Scope::Custom(name) => options.custom.get(name),
        _ => None,
    };
    let description = custom.and_then(|custom| custom.description.as_ref()).unwrap_or(&options.description);
    let language = custom.and_then(|custom| custom.language.as_ref()).unwrap_or(&options.language);
    let scheme = |kind: &str| below(&options.base_url, &format!("{FEEDS_PREFIX}{kind}/"));
    Feed {
        id: XmlText::new(&options.identity.feed_id(input.scope)),
        stem: below(&options.base_url, &format!("{FEEDS_PREFIX}{path}")),
        path,
        subtitle: subtitle(&plain(description), &title, input),
        title,
        site,
        language: LanguageTag::parse(language),
        rights: options.rights.as_deref().map(plain).filter(|rights| !rights.is_empty()),
        service_url: options.base_url.clone(),
        home_url: options.home_url.clone(),
        category_scheme: scheme("category"),
        locality_scheme: scheme("locality"),
        tag_scheme: scheme("tag"),
        hubs: options.hubs.clone(),
        logo_url: options.logo_url.clone(),
        icon_url: options.icon_url.clone(),
        ttl_minutes: options.ttl_minutes.max(1),
        zone: options.zone,
        changed_at,
        updated: changed_at.unwrap_or_else(|| since(&options.identity, options.zone)),
        notice: None,
        entries: Vec::new(),
        stubs: Vec::new(),
        deleted: Vec::new(),
    }
}

/// What the feed is about, after what readers should know of its place; the title if there is neither. Not empty.
fn subtitle(description: &XmlText, title: &XmlText, input: &Input<'_>) -> XmlText {
    let coverage = coverage(input.addresses.gazetteer(), input.scope);
    let parts: Vec<&str> = coverage.as_deref().into_iter().chain([description.as_str()]).collect();
    visible_or(XmlText::new(parts.join(" ").trim_end()), title)
}

pub(super) fn visible_or(text: XmlText, otherwise: &str) -> XmlText {
    if text.is_empty() { XmlText::new(otherwise) } else { text }
}

/// A path of ours (from the root, as the address book has it) below the base URL's own path.
pub(super) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

/// The start of the day on which the newsroom began to use its identity: the date of a feed that never held anything.
fn since(identity: &Identity, zone: Tz) -> Timestamp {
    let since = identity.since();
    let candidates = [since.to_owned(), format!("{since}-01"), format!("{since}-01-01")];
    let day = candidates.iter().find_map(|date| NaiveDate::from_str(date).ok()).unwrap_or_default();
    notice::start_of(day, zone)
}

/// The entries, without those set aside, and without a second one of an id or guid: readers would show only one of them.
fn entries(input: &Input<'_>, notice: Option<&Entry>, faults: &mut Vec<Fault>) -> Vec<Entry> {
    let mut taken: HashSet<&str> = notice.map(|notice| notice.id.as_str()).into_iter().collect();
    let mut entries = Vec::with_capacity(input.articles.len());
    for article in &input.articles {
        faults.extend(article.faults.iter().cloned());
        let Some(entry) = &article.entry else { continue };
        if taken.contains(entry.id.as_str()) || taken.contains(entry.guid.as_str()) {
            faults.push(Fault::of_article(&entry.article, FaultCode::GuidTaken, &entry.guid));
            continue;
        }
        taken.extend([entry.id.as_str(), entry.guid.as_str()]);
        entries.push(entry.clone());
    }
    entries
}

/// Brings the entries below the byte limit: the oldest become summaries, then the oldest leave; one always stays. False
/// if there was anything to do.
fn fit(entries: &mut Vec<Entry>, bytes_max: usize) -> bool {
    let mut bytes: usize = entries.iter().map(Entry::bytes).sum();
    if bytes <= bytes_max {
        return true;
    }
    for entry in entries.iter_mut().rev() {
        if bytes <= bytes_max {
            break;
        }
        let full = entry.bytes();
        entry.shorten();
        bytes = bytes - full + entry.bytes();
    }
    while bytes > bytes_max && entries.len() > 1 {
        bytes -= entries.pop().map_or(0, |entry| entry.bytes());
    }
    false
}

/// Tombstones and stubs of what left within their days, counted back from the feed's last change: so a document changes
/// only when the feed does.
fn remember_departures(feed: &mut Feed, options: &Options, input: &Input<'_>) {
    let Some(changed_at) = feed.changed_at else { return };
    let mut named: HashSet<_> =
        feed.without_stubs().into_iter().flat_map(|entry| [entry.id.clone(), entry.guid.clone()]).collect();
    let still_in: HashSet<_> = input.articles.iter().map(|prepared| &prepared.article).collect();
    let within = |at: Timestamp, days: u32| {
        let days = TimeDelta::days(i64::from(days));
        at >= changed_at.checked_sub_signed(days).unwrap_or(Timestamp::MIN_UTC)
    };
    for record in &input.gone {
        let Standing::Gone { at, reason } = record.standing else { continue };
        let (id, guid) = ids(&options.identity, &record.id, record.guid.as_deref());
        if still_in.contains(&record.id) || named.contains(&id) || named.contains(&guid) {
            continue;
        }
        named.extend([id.clone(), guid.clone()]);
        if reason == Departure::Withdrawn && within(at, options.stub_days) && feed.stubs.len() < DELETED_MAX {
            feed.stubs.extend(stub(feed, record, at, (id.clone(), guid)));
        }
        if within(at, options.tombstone_days) && feed.deleted.len() < DELETED_MAX {
            feed.deleted.push(Deleted { id, at });
        }
    }
}

/// Says that the article was withdrawn, and nothing that it said.
fn stub(feed: &Feed, record: &ArticleRecord, at: Timestamp, (id, guid): (XmlText, XmlText)) -> Option<Entry> {
    let story = Story {
        article: record.id.clone(),
        id,
        guid,
        link: WebUrl::from_url(&feed.home_url)?,
        title: XmlText::new(STUB_TITLE),
        published: record.published,
        updated: at.max(record.published),
        summary: Some(XmlText::new(STUB_TEXT)),
        content: None,
        correction: None,
        authors: Vec::new(),
        media: Vec::new(),
        language: None,
        rights: None,
        point: None,
    };
    Some(Entry::new(story, Filed::default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::article::Article;
    use crate::domain::category::CategoryId;
    use crate::feed::Content;
    use crate::feed::testing::{MORNING, article, at, built, front_page, options, record};

    fn codes(built: &Built) -> Vec<FaultCode> {
        built.faults.iter().map(|fault| fault.code).collect()
    }

    fn ids(feed: &Feed) -> Vec<&str> {
        feed.entries.iter().map(|entry| entry.article.as_str()).collect()
    }

    #[test]
    fn the_window_counts_from_its_newest_entry() {
        let window = Window { entries_min: 2, span_hours: 48, entries_max: 5, bytes_max: 0 };
        let check = |hours_ago: &[i64], expect: usize| {
            let dates = hours_ago.iter().map(|hours| at(MORNING) - TimeDelta::hours(*hours));
            assert_eq!(window_len(dates, &window), expect, "{hours_ago:?}");
        };
        check(&[], 0);
        check(&[0], 1);
        check(&[9_000, 9_100, 9_200], 2);
        check(&[0, 10, 48], 3);
        check(&[0, 10, 49], 2);
        check(&[0, 1, 2, 3, 4, 5, 6], 5);
        let oldest = [Timestamp::MIN_UTC, Timestamp::MIN_UTC];
        assert_eq!(window_len(oldest.into_iter(), &Window { entries_min: 0, ..window }), 2, "no overflow");
        assert_eq!(window_len(oldest.into_iter(), &Window { entries_max: 0, ..window }), 0);
    }

    #[test]
    fn titles_and_addresses_are_the_scopes() {
        let of = |scope: Scope| built(&options(), &scope, Content::Full, &[], &[]).feed;
        let feed = of(Scope::All);
        assert_eq!((feed.title.as_str(), feed.id.as_str()), ("Báo Ví Dụ", "tag:baovidu.example,2022:feed/all"));
        assert_eq!(feed.stem.as_str(), "https://tin.baovidu.example/bao/feeds/all");
        let feed = of(Scope::Category(CategoryId::new("2")));
        assert_eq!(feed.title.as_str(), "Giao thông - Báo Ví Dụ");
        assert_eq!(feed.stem.as_str(), "https://tin.baovidu.example/bao/feeds/category/muc-2");
        assert_eq!(feed.category_scheme.as_str(), "https://tin.baovidu.example/bao/feeds/category/");
        let feed = of(Scope::Category(CategoryId::new("3")));
        assert_eq!(feed.title.as_str(), "muc-3 - Báo Ví Dụ", "no name: the slug");
    }

    #[test]
    fn a_feed_without_articles_has_the_identitys_date() {
        let feed = front_page(&[]).feed;
        assert_eq!((feed.changed_at, feed.updated), (None, at("2022-01-01T00:00:00+07:00")));
        assert_eq!(front_page(&[article("1")]).feed.updated, at(MORNING));
    }

    #[test]
    fn a_second_entry_of_one_guid_is_set_aside() {
        let with = |id: &str, guid: &str| Article { guid: Some(guid.to_owned()), ..article(id) };
        let built = front_page(&[with("1", "cũ 7"), with("2", "cũ 7"), article("3")]);
        assert_eq!(ids(&built.feed), ["1", "3"]);
        assert_eq!(codes(&built), [FaultCode::GuidTaken]);
        let own = with("4", "tag:baovidu.example,2022:article/3");
        assert_eq!(ids(&front_page(&[article("3"), own]).feed), ["3"], "another's id as guid");
    }

    #[test]
    fn bytes_first_cost_the_oldest_bodies_then_the_oldest_entries() {
        let body = Some(format!("<p>{}</p>", "x".repeat(500)));
        let articles = ["1", "2", "3"].map(|id| Article { body_html: body.clone(), ..article(id) });
        let with = |bytes_max: usize| {
            let options = Options { window: Window { bytes_max, ..options().window }, ..options() };
            let built = built(&options, &Scope::All, Content::Full, &articles, &[]);
            let bodies: Vec<_> = built.feed.entries.iter().map(|entry| entry.content.is_some()).collect();
            let bytes: usize = built.feed.entries.iter().map(Entry::bytes).sum();
            (bodies, bytes, codes(&built))
        };
        let (bodies, whole, faults) = with(1_000_000);
        assert_eq!((bodies, faults), (vec![true; 3], vec![]));
        assert_eq!(with(whole).0, [true; 3], "the limit itself is allowed");
        let (bodies, bytes, faults) = with(whole - 1);
        assert_eq!((bodies, faults), (vec![true, true, false], vec![FaultCode::WindowLimited]));
        let one_shorter = whole - bytes;
        assert_eq!(with(whole - 3 * one_shorter).0, [false; 3]);
        assert_eq!(with(whole - 3 * one_shorter - 1).0, [false; 2]);
        assert_eq!(with(0).0, [false], "one stays");
    }

    #[test]
    fn departures_leave_tombstones_and_withdrawals_stubs() {
        let gone = |id: &str, when: &str, reason| ArticleRecord {
            standing: Standing::Gone { at: at(when), reason },
            ..record(&article(id))
        };
        let gone = [
            gone("2", MORNING, Departure::Withdrawn),
            gone("3", "2026-11-13T06:30:00+07:00", Departure::Withdrawn),
            gone("4", "2026-11-13T06:29:59+07:00", Departure::Withdrawn),
            gone("5", "2026-10-21T06:30:00+07:00", Departure::Left),
            gone("6", "2026-10-21T06:29:59+07:00", Departure::Vanished),
            gone("1", MORNING, Departure::Withdrawn),
            ArticleRecord { standing: Standing::SetAside, ..record(&article("7")) },
            record(&article("8")),
        ];
        let feed = built(&options(), &Scope::All, Content::Full, &[article("1")], &gone).feed;
        let order: Vec<_> = feed.with_stubs().iter().map(|entry| entry.article.as_str()).collect();
        assert_eq!(order, ["1", "2", "3"], "of one instant: by id");
        let name = |id: &str| format!("tag:baovidu.example,2022:article/{id}");
        let deleted: Vec<_> = feed.deleted.iter().map(|deleted| deleted.id.to_string()).collect();
        assert_eq!(deleted, ["2", "3", "4", "5"].map(name), "within 30 days, and not what is in the feed");
        let stubs: Vec<_> = feed.stubs.iter().map(|stub| stub.id.to_string()).collect();
        assert_eq!(stubs, ["2", "3"].map(name), "within 7 days");
        let stub = &feed.stubs[0];
        assert_eq!((stub.title.as_str(), stub.link.as_str()), (STUB_TITLE, "https://baovidu.example/"));
        assert_eq!((stub.published, stub.updated), (at(MORNING), at(MORNING)));
        assert!(stub.content.is_none() && stub.media.is_empty() && stub.authors.is_empty());
    }

    #[test]
    fn departures_have_a_limit() {
        let gone: Vec<_> = (0..=DELETED_MAX)
            .map(|id| ArticleRecord {
                standing: Standing::Gone { at: at(MORNING), reason: Departure::Withdrawn },
                ..record(&article(&id.to_string()))
            })
            .collect();
        let feed = built(&options(), &Scope::All, Content::Full, &[], &gone).feed;
        assert_eq!((feed.deleted.len(), feed.stubs.len()), (DELETED_MAX, DELETED_MAX));
    }
}
