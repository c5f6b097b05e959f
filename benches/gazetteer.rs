//! What the gazetteer costs: the time to read its tables (the budget is 50 ms), to resolve one text and to search, and
//! the memory that it holds. Memory is what the kernel says the process holds.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use chrono::NaiveDate;
use criterion::{Criterion, criterion_group, criterion_main};
use loa::gazetteer::{Gazetteer, Tables};

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

criterion_group!(benches, bench);
criterion_main!(benches);
