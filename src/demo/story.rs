//! One article of the demo's newspaper, made of its number alone: any article can be made at any time, in any order.

use std::collections::HashSet;

use chrono::Datelike as _;

use crate::domain::article::{Article, ArticleId, Media, Status};
use crate::domain::category::CategoryId;
use crate::domain::clock::Timestamp;
use crate::text::slug::slug;

use super::calendar::{Calendar, local, minutes};
use super::grammar::{Given, Grammar, GrammarError};
use super::places::{Places, Setting};
use super::prose::{Genre, Writer};
use super::random::Random;
use super::sections::{self, Section, Topic};
use super::spelling::Spelling;
use super::{HOME_URL, MEDIA_URL, Options};

/// The word list that all sections share.
const COMMON: &str = include_str!("lexicon/common.txt");
/// Articles in which at most one series runs: two days of the smallest newspaper.
const SERIES_BLOCK: u64 = 60;
/// Articles between two parts of a series.
const SERIES_STEP: u64 = 11;
/// What parts are called, from the first.
const PARTS: [&str; 4] = ["Kỳ I: ", "Kỳ II: ", "Kỳ III: ", "Kỳ IV: "];
/// What the last part is called.
const LAST_PART: &str = "Kỳ cuối: ";
/// Sizes of pictures, in pixels.
const PICTURE_SIZES: [(u32, u32); 4] = [(1280, 853), (1024, 683), (900, 1200), (1600, 1067)];
/// Articles of a thousand that are features.
const FEATURES: u64 = 200;
/// What is mended is mended within three days.
const MENDED_MINUTES_MAX: u64 = 3 * 24 * 60;
/// Keeps the numbers of series apart from those of articles.
const SERIES_STREAM: u64 = 1 << 63;

/// The newsroom's desk: everything that all articles need.
#[derive(Debug)]
pub(super) struct Desk {
    options: Options,
    calendar: Calendar,
    places: Places,
    grammars: Vec<(Topic, Grammar)>,
}

/// What becomes of an article. Minutes count from the anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Published,
    /// A typo was mended later.
    Updated,
    /// A mistake was mended later, and readers are told.
    Corrected,
    Draft,
    Withdrawn,
    /// Published in the future.
    Scheduled {
        minutes: u64,
    },
    /// Published, but held back.
    Embargoed {
        minutes: u64,
    },
}

/// What is to be written.
struct Job {
    number: u64,
    fate: Fate,
    stamps: Stamps,
    place: Place,
}

/// Where an article stands in the newspaper.
struct Place {
    section: &'static Section,
    setting: Setting,
    /// Title and part of the series that it belongs to.
    series: Option<(String, &'static str)>,
}

/// The stamps of an article.
struct Stamps {
    published: Timestamp,
    updated: Timestamp,
    embargo: Option<Timestamp>,
}

impl Desk {
    pub(super) fn new(options: Options) -> Result<Self, GrammarError> {
        let grammar = |topic: Topic| Ok((topic, Grammar::parse(&[COMMON, topic.lexicon()])?));
        let grammars = Topic::ALL.into_iter().map(grammar).collect::<Result<_, _>>()?;
        let calendar = Calendar::new(options.articles, options.anchor);
        Ok(Self { options, calendar, places: Places::new(), grammars })
    }

    /// The article of this number, from 1, the oldest. `None` past the last.
    pub(super) fn article(&self, number: u64) -> Option<Article> {
        let age = self.options.articles.checked_sub(number)?;
        let mut random = Random::new(self.options.seed, number);
        let fate = fate(age, &mut random);
        let stamps = self.stamps(age, fate, &mut random);
        let place = self.place(age, stamps.published, &mut random);
        self.write(Job { number, fate, stamps, place }, &mut random)
    }

    /// A story of this number, past all articles, that is published now.
    pub(super) fn live(&self, number: u64, published: Timestamp) -> Option<Article> {
        let mut random = Random::new(self.options.seed, number);
        let day = local(published).date_naive();
        let (section, setting) = (sections::choose(&mut random), self.places.choose(day, &mut random));
        let place = Place { section, setting, series: None };
        let stamps = Stamps { published, updated: published, embargo: None };
        self.write(Job { number, fate: Fate::Published, stamps, place }, &mut random)
    }

    fn write(&self, job: Job, random: &mut Random) -> Option<Article> {
        let Job { number, fate, stamps, place } = job;
        let grammar = self.grammar(place.section.topic)?;
        let given = given(grammar, &place.setting, stamps.published, random);
        let genre = genre(&place, random);
        let spelling = spelling(random);
        let byline = byline(place.section.topic, grammar, random);
        let media = pictures(number, genre, byline.as_deref(), &mut Writer::new(grammar, given.clone(), random));
        let mut writer = Writer::new(grammar, given, random);
        let prefix = place.series.as_ref().map_or("", |(_, part)| part);
        let title = spelling.apply(&format!("{prefix}{}", writer.title(prefix.chars().count())));
        let lead = writer.lead();
        let body = writer.body(genre, &media);
        let correction = (fate == Fate::Corrected).then(|| correction(&mut writer));
        let tags = tags(&place, &mut writer);
        let slug = slug(&title);
        let categories = categories(place.section, random);
        Some(Article {
            id: ArticleId::new(number.to_string()),
            guid: None,
            url: Some(format!("{HOME_URL}{slug}-{number}.htm")),
            slug: Some(slug),
            title,
            lead: Some(spelling.apply(&lead)),
            body_html: Some(spelling.apply(&body)),
            byline,
            status: status(fate),
            published_at: (fate != Fate::Draft).then_some(stamps.published),
            updated_at: Some(stamps.updated),
            embargo_until: stamps.embargo,
            correction,
            language: None,
            rights: None,
            point: place.setting.point,
            categories,
            localities: place.setting.codes,
            tags,
            media,
        })
    }

    fn grammar(&self, topic: Topic) -> Option<&Grammar> {
        self.grammars.iter().find(|(known, _)| *known == topic).map(|(_, grammar)| grammar)
    }

    fn stamps(&self, age: u64, fate: Fate, random: &mut Random) -> Stamps {
        let anchor = self.options.anchor;
        let regular = self.calendar.published(age, random);
        let later = regular + minutes(random.between(8, MENDED_MINUTES_MAX));
        let (published, updated, embargo) = match fate {
            Fate::Published | Fate::Draft => (regular, regular, None),
            Fate::Updated | Fate::Corrected | Fate::Withdrawn => (regular, later.min(anchor), None),
            Fate::Scheduled { minutes: ahead } => (anchor + minutes(ahead), regular, None),
            Fate::Embargoed { minutes: ahead } => (regular, regular, Some(anchor + minutes(ahead))),
        };
        Stamps { published, updated, embargo }
    }

    /// Parts of one series have their section and setting in common.
    fn place(&self, age: u64, published: Timestamp, random: &mut Random) -> Place {
        let day = local(published).date_naive();
        let (block, position) = (age / SERIES_BLOCK, age % SERIES_BLOCK);
        let mut shared = Random::new(self.options.seed, SERIES_STREAM | block);
        let (parts, first) = (shared.between(2, 5), shared.between(0, SERIES_STEP - 1));
        let back = position.checked_sub(first).filter(|back| back % SERIES_STEP == 0).map(|back| back / SERIES_STEP);
        let part = back.filter(|back| *back < parts).map(|back| part_name(parts - 1 - back, parts));
        let Some(part) = part else {
            return Place { section: sections::choose(random), setting: self.places.choose(day, random), series: None };
        };
        let (section, setting) = (sections::choose(&mut shared), self.places.choose(day, &mut shared));
        let given = Given { here: setting.here.clone(), ..Given::default() };
        let words = |grammar: &Grammar| Writer::new(grammar, given, &mut shared).text("series");
        let series = self.grammar(section.topic).map(words).unwrap_or_default();
        Place { section, setting, series: Some((series, part)) }
    }
}

/// The part of this place, from 0, among so many.
fn part_name(place: u64, parts: u64) -> &'static str {
    let name = usize::try_from(place).ok().and_then(|place| PARTS.get(place)).filter(|_| place + 1 < parts);
    name.copied().unwrap_or(LAST_PART)
}

/// Some of the newest show what is still to come; of the others, a few in a thousand are special.
fn fate(age: u64, random: &mut Random) -> Fate {
    match (age, random.between(0, 999)) {
        (10, _) => Fate::Scheduled { minutes: 70 },
        (11, _) => Fate::Scheduled { minutes: 60 * 5 },
        (12, _) => Fate::Scheduled { minutes: 60 * 26 },
        (20, _) => Fate::Embargoed { minutes: 90 },
        (21, _) => Fate::Embargoed { minutes: 60 * 9 },
        (30 | 31, _) => Fate::Draft,
        (40 | 90, _) | (_, 0..3) => Fate::Withdrawn,
        (_, 3..5) => Fate::Draft,
        (50, _) | (_, 5..9) => Fate::Corrected,
        (_, 9..39) => Fate::Updated,
        _ => Fate::Published,
    }
}

const fn status(fate: Fate) -> Status {
    match fate {
        Fate::Draft => Status::Draft,
        Fate::Withdrawn => Status::Withdrawn,
        _ => Status::Published,
    }
}

fn given(grammar: &Grammar, setting: &Setting, published: Timestamp, random: &mut Random) -> Given {
    let day = local(published).date_naive();
    Given {
        here: setting.here.clone(),
        chief: grammar.expand("person", &Given::default(), random),
        today: format!("{}/{}", day.day(), day.month()),
        places: setting.others.clone(),
    }
}

fn genre(place: &Place, random: &mut Random) -> Genre {
    if place.series.is_some() || random.chance(FEATURES) { Genre::Feature } else { Genre::Brief }
}

fn spelling(random: &mut Random) -> Spelling {
    match random.between(0, 99) {
        0 => Spelling::Decomposed,
        1..=10 => Spelling::NewTones,
        _ => Spelling::Usual,
    }
}

/// Categories, the main one first; sometimes a second one.
fn categories(section: &Section, random: &mut Random) -> Vec<CategoryId> {
    let second = random.chance(150).then(|| sections::choose(random)).filter(|second| second.id != section.id);
    [Some(section), second].into_iter().flatten().map(|section| CategoryId::new(section.id)).collect()
}

fn byline(topic: Topic, grammar: &Grammar, random: &mut Random) -> Option<String> {
    let mut name = || grammar.expand("penname", &Given::default(), random);
    let (first, second) = (name(), name());
    let kind = random.between(0, 99);
    match (topic, kind) {
        (_, 0..3) => None,
        (Topic::World, 3..70) => Some("Theo TTXVN".to_owned()),
        (_, 3..11) => Some("PV".to_owned()),
        (_, 11..25) => Some(format!("Bài, ảnh: {first}")),
        (_, 25..37) if first != second => Some(format!("{first} - {second}")),
        _ => Some(first),
    }
}

/// The pictures of an article, the main one first.
fn pictures(number: u64, genre: Genre, byline: Option<&str>, writer: &mut Writer<'_>) -> Vec<Media> {
    let count = match genre {
        Genre::Feature => writer.between(2, 4),
        Genre::Brief => writer.between(0, 3).min(1),
    };
    let credit = byline.filter(|byline| !byline.contains([':', '-']));
    let picture = |place: u64| {
        let (width, height) = writer.pick(&PICTURE_SIZES).unwrap_or_default();
        Media {
            url: format!("{MEDIA_URL}dataimages/{number}-{place}.jpg"),
            mime_type: Some("image/jpeg".to_owned()),
            length: Some(writer.between(60_000, 420_000)),
            width: Some(width),
            height: Some(height),
            role: Some(if place == 1 { "main" } else { "inline" }.to_owned()),
            caption: Some(writer.text("caption")),
            credit: credit.map(|name| format!("Ảnh: {name}")),
            alt: Some(writer.text("heading")),
            ..Media::default()
        }
    };
    (1..=count).map(picture).collect()
}

fn correction(writer: &mut Writer<'_>) -> String {
    format!("Bản đăng lúc đầu ghi chưa đúng {}. Tòa soạn xin lỗi bạn đọc.", writer.words("correction_of"))
}

fn tags(place: &Place, writer: &mut Writer<'_>) -> Vec<String> {
    let mut tags: Vec<String> = (0..writer.between(1, 3)).map(|_| writer.words("tag")).collect();
    tags.extend(place.series.as_ref().map(|(series, _)| series.clone()));
    let mut seen = HashSet::new();
    tags.retain(|tag| seen.insert(tag.clone()));
    tags
}
