//! What the gazetteer costs: the time to read its tables (the budget is 50 ms), to resolve one text and to search, and
//! the memory that it holds. Memory is what the kernel says the process holds.
//!
//! And finding places: bytes a second over the demo's articles (the budget is 20 MB/s on one core), and over our labelled
//! stories, which name a place every hundred bytes. The peer of the same run is `str::to_lowercase` over the same text: the
//! one pass that every search without regard to capitals begins with.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use chrono::NaiveDate;
use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use loa::demo::{Newsroom, Options};
use loa::gazetteer::{Gazetteer, Part, Role, Tables, labelled};
use loa::text::html::plain_text;

/// Bytes that the process holds in memory (proc(5), `statm`), with pages of 4 KiB.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn bench(criterion: &mut Criterion) {
    let before = resident();
    let gazetteer = Gazetteer::built_in();
    println!("gazetteer: {} KiB (with the tables' own pages)", (resident() - before) / 1024);

    let mut group = criterion.benchmark_group("gazetteer");
    group.sample_size(20);
    group.bench_function("load", |bencher| {
        bencher.iter_with_large_drop(|| Gazetteer::parse(&Tables::built_in()).unwrap());
    });
    let day: NaiveDate = "2022-03-18".parse().unwrap();
    let home = ["25".parse().unwrap()];
    for (name, text) in [
        ("resolve_code", "08287"),
        ("resolve_name", "xã Hùng Lô"),
        ("resolve_with_parents", "Xã Hùng Lô (TP. Việt Trì, Phú Thọ)"),
        ("resolve_number_with_parents", "P.1, Q.10, TP.HCM"),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| gazetteer.resolve(text, day, &home).unwrap()));
    }
    group.bench_function("unknown", |bencher| {
        bencher.iter(|| gazetteer.resolve("xã Không Có", day, &home).unwrap_err());
    });
    group.bench_function("search", |bencher| bencher.iter(|| gazetteer.search("hung lo").len()));
    group.finish();
}

/// Paragraphs of the demo's articles, story by story.
fn demo() -> Vec<Vec<String>> {
    let newsroom =
        Newsroom::new(Options { articles: 300, seed: 1, anchor: "2026-11-01T00:00:00Z".parse().unwrap() }).unwrap();
    let paragraphs = |body: &str| body.split("</p>").map(plain_text).filter(|text| !text.is_empty()).collect();
    newsroom.articles().map(|article| paragraphs(&article.body_html.unwrap_or_default())).collect()
}

/// Paragraphs of the labelled stories.
fn labelled_stories(gazetteer: &Gazetteer) -> Vec<Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/places/tuned");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "txt"));
    let stories = files.flat_map(|path| {
        labelled::stories(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap(), gazetteer).unwrap()
    });
    stories.map(|story| story.paragraphs.into_iter().map(|paragraph| paragraph.text).collect()).collect()
}

fn find(criterion: &mut Criterion) {
    let gazetteer = Gazetteer::built_in();
    let day: NaiveDate = "2022-03-18".parse().unwrap();
    let home = ["25".parse().unwrap()];
    let before = resident();
    drop(gazetteer.find_places(&[Part { role: Role::Body, text: "Phú Thọ" }], day, &home));
    println!("finder: {} KiB", (resident() - before) / 1024);
    let mut group = criterion.benchmark_group("find");
    group.sample_size(20);
    for (name, stories) in [("demo", demo()), ("labelled", labelled_stories(&gazetteer))] {
        let bytes: usize = stories.iter().flatten().map(String::len).sum();
        group.throughput(Throughput::Bytes(bytes.try_into().unwrap()));
        let parts: Vec<Vec<Part<'_>>> =
            stories.iter().map(|story| story.iter().map(|text| Part { role: Role::Body, text }).collect()).collect();
        let count: usize = parts.iter().map(|story| gazetteer.find_places(story, day, &home).len()).sum();
        println!("{name}: {} stories, {bytes} bytes, {count} places", stories.len());
        group.bench_function(format!("{name}/find"), |bencher| {
            bencher.iter(|| parts.iter().map(|story| gazetteer.find_places(story, day, &home).len()).sum::<usize>());
        });
        group.bench_function(format!("{name}/lower_case"), |bencher| {
            bencher.iter(|| stories.iter().flatten().map(|text| black_box(text).to_lowercase().len()).sum::<usize>());
        });
    }
    group.finish();
}

criterion_group!(benches, bench, find);
criterion_main!(benches);
