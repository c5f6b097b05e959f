//! Expected documents, byte for byte: `fixtures/expected`, made of `fixtures/articles`. To change them on purpose, run
//! once with `LOA_UPDATE_EXPECTED=1` and read the difference.

use loa::domain::category::CategoryId;
use loa::domain::format::Format;
use loa::domain::ledger::Departure;
use loa::domain::scope::Scope;
use loa::feed::model::Feed;
use loa::feed::{Content, render};

use crate::support::feeds::{Case, IDS, article, fixtures, gone};

/// The cases, by the name of their expected documents.
pub(crate) fn cases() -> Vec<(&'static str, Case)> {
    let all = |content| Case::of(IDS.map(article).into(), content);
    let in_category = Case {
        scope: Scope::Category(CategoryId::new("20")),
        articles: ["201001", "201002", "201004"].map(article).into(),
        ..all(Content::Full)
    };
    let empty = Case {
        scope: Scope::Category(CategoryId::new("40")),
        changed_at: None,
        articles: Vec::new(),
        ..all(Content::Summary)
    };
    let departures = Case {
        articles: ["201001", "201005"].map(article).into(),
        gone: vec![
            gone(&article("201002"), "2026-11-20T09:00:00+07:00", Departure::Withdrawn),
            gone(&article("201003"), "2026-11-20T08:30:00+07:00", Departure::Withdrawn),
            gone(&article("201004"), "2026-11-19T10:00:00+07:00", Departure::Left),
            gone(&article("201006"), "2026-11-01T10:00:00+07:00", Departure::Withdrawn),
            gone(&article("201007"), "2026-10-01T10:00:00+07:00", Departure::Vanished),
        ],
        ..all(Content::Summary)
    };
    let dissolved = |place: &str, articles: Vec<_>| Case {
        scope: place.parse().unwrap(),
        notice_until: Some("2027-02-18T09:00:00+07:00"),
        articles,
        ..all(Content::Summary)
    };
    vec![
        ("notice", dissolved("locality:227", vec![article("201001")])),
        ("notice-empty", dissolved("locality:26", Vec::new())),
        ("all-summary", all(Content::Summary)),
        ("all-full", all(Content::Full)),
        ("category-full", in_category),
        ("category-empty", empty),
        ("departures", departures),
    ]
}

/// Every expected document with the feed it was made of.
pub(crate) fn documents() -> Vec<(String, Format, Feed, String)> {
    let mut documents = Vec::new();
    for (name, case) in cases() {
        let feed = case.build().feed;
        for format in Format::ALL {
            let rendered = render(&feed, format).unwrap_or_else(|fault| panic!("{name}.{format}: {fault}"));
            assert_eq!(rendered.faults, [], "{name}.{format}");
            documents.push((format!("{name}.{format}"), format, feed.clone(), rendered.body));
        }
    }
    documents
}

/// A document is the expected one of this name, which it becomes on the one switch of the tests.
#[expect(clippy::disallowed_methods, reason = "the one switch of the tests")]
pub(crate) fn assert_expected(file: &str, body: &str) {
    let path = fixtures().join("expected").join(file);
    if std::env::var("LOA_UPDATE_EXPECTED").is_ok_and(|value| value == "1") {
        std::fs::write(&path, body).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(body == expected, "{file} differs from the expected document; the new one is:\n{body}");
}

#[test]
fn documents_are_as_expected() {
    for (file, _, _, body) in documents() {
        assert_expected(&file, &body);
    }
}

#[test]
fn a_second_rendering_gives_the_same_bytes() {
    assert!(documents() == documents());
}

/// feed-rs is a reader by other hands: it must find the ids, titles and instants that went in.
#[test]
fn an_independent_reader_finds_what_went_in() {
    for (file, format, feed, body) in documents() {
        let read = feed_rs::parser::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{file}: {error}"));
        let entries = if format == Format::Atom { feed.without_stubs() } else { feed.with_stubs() };
        assert_eq!(read.entries.len(), entries.len(), "{file}");
        assert_eq!(read.title.unwrap().content, feed.title.as_str(), "{file}");
        for (found, entry) in read.entries.iter().zip(entries) {
            let id = if format == Format::Rss { &entry.guid } else { &entry.id };
            assert_eq!(found.id, id.as_str(), "{file}");
            assert_eq!(found.title.as_ref().unwrap().content, entry.title.as_str(), "{file}");
            assert_eq!(found.published, Some(entry.published), "{file} {id}");
            if format != Format::Rss {
                assert_eq!(found.updated, Some(entry.updated), "{file} {id}");
            }
            let names: Vec<_> = found.authors.iter().map(|author| author.name.as_str()).collect();
            assert!(entry.authors.iter().all(|name| names.contains(&name.as_str())), "{file} {id}: {names:?}");
        }
    }
}
