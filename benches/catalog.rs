//! What the catalog costs: bytes an article (the budget of DESIGN 2 is 160, with five scopes, three tags and a 16-byte
//! id), and the time to take over a ledger and one change. Memory is what the kernel says the process holds.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use loa::catalog::Catalog;
use loa::domain::article::ArticleId;
use loa::domain::clock::Timestamp;
use loa::domain::ledger::{ArticleRecord, Standing};
use loa::domain::scope::Scope;

const ARTICLES: usize = 200_000;
const BLOCK: usize = 5_000;
const CATEGORIES: usize = 400;
/// Scopes of an article: the front page, five of its own, and the three that its tags will be.
const SCOPES: usize = 9;

fn record(number: usize) -> ArticleRecord {
    let published = Timestamp::from_timestamp(1_600_000_000 + i64::try_from(number).unwrap() * 60, 0).unwrap();
    let category = |n: usize| format!("category:{}", (number * 31 + n * 97) % CATEGORIES).parse().unwrap();
    let mut scopes: Vec<Scope> = (1..SCOPES).map(category).chain([Scope::All]).collect();
    scopes.sort();
    ArticleRecord {
        id: ArticleId::new(format!("{number:016}")),
        guid: None,
        published,
        updated: published,
        fingerprint: [0; 16],
        digest: 1,
        store_updated: None,
        categories: Vec::new(),
        scopes,
        found: Vec::new(),
        standing: Standing::Public,
        version: 1,
    }
}

/// Filled as a first reading of the store fills it, some thousands at a time.
fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for block in 0..ARTICLES / BLOCK {
        let records: Vec<_> = (block * BLOCK..(block + 1) * BLOCK).map(record).collect();
        catalog.apply(&records, &[]);
    }
    catalog
}

/// Bytes that the process holds in memory (proc(5), `statm`), with pages of 4 KiB.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

fn bench(criterion: &mut Criterion) {
    let before = resident();
    let mut full = catalog();
    println!("catalog: {} bytes an article (budget 160)", (resident() - before) / ARTICLES);

    let mut group = criterion.benchmark_group("catalog");
    group.sample_size(10);
    let records: Vec<_> = (0..ARTICLES).map(record).collect();
    group.bench_function("load_200000", |bencher| {
        bencher.iter_batched(
            Catalog::default,
            |mut catalog| {
                catalog.apply(&records, &[]);
                catalog
            },
            BatchSize::PerIteration,
        );
    });
    let mut next = ARTICLES;
    group.bench_function("apply_one", |bencher| {
        bencher.iter(|| {
            next += 1;
            full.apply(&[record(next)], &[])
        });
    });
    group.bench_function("newest_50", |bencher| {
        bencher.iter(|| full.newest(&Scope::All).take(50).count());
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
