//! What documents cost, in CPU time of one thread: ten thousand summary feeds of 50 entries in three formats, made,
//! parsed again strictly, hashed and gzipped; and one feed as RSS, to stand beside other generators.
//!
//! `cargo bench --bench documents` makes some hundred feeds and says what ten thousand take at that rate;
//! `LOA_BENCH_FULL=1` makes all of them. The lines `name microseconds` at the end are read by `benches/compare/run`, which
//! gives other generators the articles that `LOA_BENCH_FEED=FILE` writes as a JSON Feed.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::fs;
use std::time::Duration;

use loa::demo::{Newsroom, Options as NewsroomOptions};
use loa::domain::address::{AddressBook, AddressRecord};
use loa::domain::article::Article;
use loa::domain::category::CategoryTree;
use loa::domain::entry_id::Identity;
use loa::domain::format::Format;
use loa::domain::ledger::{ArticleRecord, FeedRecord, Standing};
use loa::domain::scope::Scope;
use loa::feed::model::{Entry, Feed, Term};
use loa::feed::{Content, HtmlLimits, Input, Names, Options, Prepared, Window, build, prepare, render, write};
use loa::gazetteer::FeedAddresses;
use loa::publish::document::{Document, Encoding};
use loa::text::stamp;
use rayon::ThreadPoolBuilder;

/// What the issue asks for.
const FEEDS_FULL: usize = 10_000;
/// Enough to be told from noise, in a second or two.
const FEEDS_SAMPLE: usize = 200;
/// Entries of a feed: what DESIGN's window holds at least.
const ENTRIES: usize = 50;
/// So many feeds are made of so many sets of articles: an article stands in several, and its entry is written once. In the big
/// store of `benches/compare` the newest 50 articles of each category, place and tag are 621,512 entries of 444,807 articles.
const FEEDS_OF_SETS: usize = 7;
const SETS: usize = 5;
/// Articles that the feeds are made of.
const ARTICLES: u64 = 3_000;
/// The newest article is of this time.
const ANCHOR: &str = "2026-03-18T00:00:00Z";
/// Sanitised, cut, and compared with the ledger: what is done once for an article.
const ARTICLES_READY: &str = "articles made ready";
/// How long each way of making one feed is measured.
const MEASURED: Duration = Duration::from_millis(400);

fn main() {
    // Everything on this thread, whose time is taken, also what the program does on all cores.
    ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().unwrap();
    let site = Site::new();
    let full = std::env::var_os("LOA_BENCH_FULL").is_some();
    every_feed(&site, if full { FEEDS_FULL } else { FEEDS_SAMPLE });
    one_feed(&site);
}

/// A newsroom whose articles are all published.
struct Site {
    options: Options,
    addresses: FeedAddresses,
    categories: CategoryTree,
    articles: Vec<(Article, ArticleRecord)>,
}

impl Site {
    fn new() -> Self {
        let options = NewsroomOptions { articles: ARTICLES, seed: 1, anchor: ANCHOR.parse().unwrap() };
        let newsroom = Newsroom::new(options).unwrap();
        let articles: Vec<_> = newsroom.articles().filter_map(|article| Some((record(&article)?, article))).collect();
        let categories = newsroom.categories();
        let address = |path: String, scope: Scope| AddressRecord { path, scope, claim: 1, label: None };
        let book = categories
            .iter()
            .map(|category| address(format!("category/{}", category.slug), Scope::Category(category.id.clone())));
        Self {
            options: self::options(),
            addresses: FeedAddresses::default().with_book(AddressBook::new(book)),
            categories: CategoryTree::new(categories.clone()),
            articles: articles.into_iter().rev().map(|(record, article)| (article, record)).collect(),
        }
    }

    /// The feed number `at`: 50 articles, not all neighbours.
    fn of(&self, at: usize) -> impl Iterator<Item = &(Article, ArticleRecord)> {
        let step = 1 + at % 7;
        self.articles.iter().cycle().skip(at % self.articles.len()).step_by(step).take(ENTRIES)
    }

    fn prepared(&self, content: Content, at: usize) -> Vec<Prepared> {
        let names = Names { addresses: &self.addresses, categories: &self.categories };
        self.of(at).map(|(article, record)| prepare(&self.options, names, content, (article, record))).collect()
    }

    fn built(&self, prepared: &[Prepared]) -> Feed {
        let record = feed_record();
        let input = Input {
            scope: &Scope::All,
            addresses: &self.addresses,
            categories: &self.categories,
            record: Some(&record),
            articles: prepared.iter().collect(),
            gone: Vec::new(),
        };
        let built = build(&self.options, &input);
        assert_eq!((built.feed.entries.len(), built.faults), (ENTRIES, Vec::new()));
        built.feed
    }
}

/// Making articles ready does not count: in the service they are ready, but for new ones, and each is made ready once.
fn every_feed(site: &Site, feeds: usize) {
    let mut spent = Spent::default();
    let (mut bytes, mut gzipped) = (0, 0);
    let mut ready = None;
    for at in 0..feeds {
        let set = at * SETS / FEEDS_OF_SETS;
        if ready.as_ref().is_none_or(|(of, _)| *of != set) {
            ready = Some((set, spent.on(ARTICLES_READY, || site.prepared(Content::Summary, set))));
        }
        let (_, prepared) = ready.as_ref().unwrap();
        let feed = spent.on("feeds from ready articles", || site.built(prepared));
        for format in Format::ALL {
            let name = match format {
                Format::Rss => "RSS, written and parsed",
                Format::Atom => "Atom, written and parsed",
                Format::Json => "JSON, written and parsed",
            };
            let rendered = spent.on(name, || render(&feed, format).unwrap());
            assert_eq!(rendered.faults, []);
            let document = spent.on("entity tags", || Document::new(format, 1, None, rendered.body));
            bytes += document.identity().bytes.len();
            spent.on("gzip", || document.body().encode(Encoding::Gzip));
            gzipped += document.body().made(Encoding::Gzip).unwrap().bytes.len();
        }
    }
    let total = spent.total().saturating_sub(spent.of(ARTICLES_READY));
    println!("{feeds} summary feeds of {ENTRIES} entries in three formats, CPU time of one thread");
    for (what, took) in &spent.0 {
        println!("  {what:<30}{:>10.3} s{:>10.0} µs a feed", took.as_secs_f64(), micros(*took, feeds));
    }
    println!("  {:<30}{:>10.3} s{:>10.0} µs a feed", "all but the first", total.as_secs_f64(), micros(total, feeds));
    println!("  bytes a document: {}, gzipped {}", bytes / feeds / 3, gzipped / feeds / 3);
    println!("  ten thousand feeds, thirty thousand documents: {:.1} s of CPU", micros(total, feeds) / 100.0);
}

/// One feed over and over, beside other generators: these have their articles in memory and read nothing back.
fn one_feed(site: &Site) {
    for (name, content) in [("summary", Content::Summary), ("full", Content::Full)] {
        let prepare = mean(|| drop(site.prepared(content, 0)));
        println!("loa-prepare-{name} {prepare:.1}");
        let prepared = site.prepared(content, 0);
        let build = mean(|| drop(site.built(&prepared)));
        println!("loa-build-{name} {build:.1}");
        let feed = site.built(&prepared);
        let mut written = Vec::new();
        let crate_alone = mean(|| by_the_crate_alone(&feed, &mut written));
        println!("loa-crate-{name} {crate_alone:.1}");
        for format in Format::ALL {
            let write = mean(|| drop(write(&feed, format)));
            let render = mean(|| drop(render(&feed, format)));
            println!("loa-{format}-{name} {write:.1}");
            println!("loa-{format}-read-back-{name} {render:.1}");
        }
        if let (Some(path), Content::Full) = (std::env::var_os("LOA_BENCH_FEED"), content) {
            fs::write(path, render(&feed, Format::Json).unwrap().body).unwrap();
        }
        let weight: usize = prepared.iter().map(Prepared::weight).sum();
        println!("  bytes of a ready article, {name}: {}", weight / ENTRIES);
    }
}

/// The `rss` crate with the elements that the other generators are given, and no more: neither Media RSS nor links between
/// formats, localities and what else Loa writes. `written` keeps its room from feed to feed, as a service's would.
fn by_the_crate_alone(feed: &Feed, written: &mut Vec<u8>) {
    let item = |entry: &Entry| rss::Item {
        title: Some(entry.title.to_string()),
        link: Some(entry.link.to_string()),
        description: entry.summary.as_ref().map(ToString::to_string),
        categories: entry.filed.tags.iter().map(category).collect(),
        enclosure: entry.media.first().map(|media| rss::Enclosure {
            url: media.url.to_string(),
            length: "183000".to_owned(),
            mime_type: "image/jpeg".to_owned(),
        }),
        guid: Some(rss::Guid { value: entry.id.to_string(), permalink: false }),
        pub_date: Some(stamp::rfc822(entry.published, feed.zone)),
        content: entry.content.as_ref().map(ToString::to_string),
        dublin_core_ext: Some(rss::extension::dublincore::DublinCoreExtension {
            creators: entry.authors.iter().map(ToString::to_string).collect(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let channel = rss::Channel {
        title: feed.title.to_string(),
        link: feed.home_url.to_string(),
        description: feed.subtitle.to_string(),
        language: feed.language.as_ref().map(ToString::to_string),
        items: feed.entries.iter().map(item).collect(),
        ..Default::default()
    };
    written.clear();
    channel.write_to(written).unwrap();
}

fn category(tag: &Term) -> rss::Category {
    rss::Category { name: tag.name.to_string(), domain: None }
}

/// Microseconds of CPU that the work takes: of many runs together, as some kernels count a thread's time in ticks of
/// milliseconds.
fn mean(mut work: impl FnMut()) -> f64 {
    let begun = cpu();
    let mut runs = 0;
    loop {
        work();
        runs += 1;
        let took = cpu().saturating_sub(begun);
        if took >= MEASURED {
            return micros(took, runs);
        }
    }
}

fn micros(took: Duration, count: usize) -> f64 {
    took.as_secs_f64() * 1e6 / f64::from(u32::try_from(count).unwrap())
}

/// CPU time, by what it went into.
#[derive(Default)]
struct Spent(Vec<(&'static str, Duration)>);

impl Spent {
    fn on<T>(&mut self, what: &'static str, work: impl FnOnce() -> T) -> T {
        let (made, took) = Self::time(work);
        match self.0.iter_mut().find(|(known, _)| *known == what) {
            Some((_, sum)) => *sum += took,
            None => self.0.push((what, took)),
        }
        made
    }

    fn time<T>(work: impl FnOnce() -> T) -> (T, Duration) {
        let begun = cpu();
        let made = work();
        (made, cpu().saturating_sub(begun))
    }

    fn of(&self, what: &str) -> Duration {
        self.0.iter().filter(|(known, _)| *known == what).map(|(_, took)| *took).sum()
    }

    fn total(&self) -> Duration {
        self.0.iter().map(|(_, took)| *took).sum()
    }
}

/// What this thread has run: other programs on the machine do not count.
fn cpu() -> Duration {
    let schedstat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(schedstat.split(' ').next().unwrap().parse().unwrap())
}

fn options() -> Options {
    Options {
        title: loa::demo::TITLE.to_owned(),
        description: loa::demo::DESCRIPTION.to_owned(),
        base_url: "https://tin.baotrungdu.example/".parse().unwrap(),
        hubs: Vec::new(),
        home_url: loa::demo::HOME_URL.parse().unwrap(),
        article_url: Some(format!("{}{{slug}}-{{id}}.htm", loa::demo::HOME_URL)),
        language: "vi".to_owned(),
        rights: Some(loa::demo::RIGHTS.to_owned()),
        logo_url: None,
        icon_url: None,
        zone: chrono_tz::Asia::Ho_Chi_Minh,
        identity: Identity::new(loa::demo::IDENTITY.0, loa::demo::IDENTITY.1).unwrap(),
        window: Window { entries_min: ENTRIES, span_hours: 48, entries_max: 200, bytes_max: 1_000_000 },
        ttl_minutes: 5,
        tombstone_days: 30,
        stub_days: 7,
        excerpt_chars_max: 300,
        html: HtmlLimits { bytes_max: 2_000_000, depth_max: 100, attributes_max: 50 },
        home: Vec::new(),
        custom: std::collections::BTreeMap::new(),
    }
}

fn record(article: &Article) -> Option<ArticleRecord> {
    let published = article.published_at?;
    Some(ArticleRecord {
        id: article.id.clone(),
        guid: None,
        published,
        updated: article.updated_at.unwrap_or(published),
        fingerprint: [0; 16],
        digest: 0,
        store_updated: None,
        categories: article.categories.clone(),
        scopes: vec![Scope::All],
        found: Vec::new(),
        standing: Standing::Public,
        version: 1,
    })
}

fn feed_record() -> FeedRecord {
    let changed_at = ANCHOR.parse().unwrap();
    FeedRecord { scope: Scope::All, sequence: 1, changed_at, removal_sequence: 0, notice_until: None }
}
