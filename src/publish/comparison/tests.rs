use super::*;
use crate::domain::clock::Timestamp;
use crate::domain::ledger::{ArticleRecord, Standing};

/// What the catalog lists: id and digest.
fn catalog(articles: &[(&str, u64)]) -> Catalog {
    let record = |(id, digest): &(&str, u64)| ArticleRecord {
        id: ArticleId::new(*id),
        guid: None,
        published: Timestamp::default(),
        updated: Timestamp::default(),
        fingerprint: [0; 16],
        digest: *digest,
        store_updated: None,
        categories: Vec::new(),
        scopes: vec!["all".parse().unwrap()],
        found: Vec::new(),
        standing: Standing::Public,
        version: 1,
    };
    let mut catalog = Catalog::default();
    catalog.apply(&articles.iter().map(record).collect::<Vec<_>>(), &[]);
    catalog
}

/// What a read shows while the catalog is this one: rows of articles, then rows that hang on them.
fn shown(catalog: &Catalog, articles: &[(&str, u64)], joined: &[(&str, u64)]) -> Comparison {
    let mut comparison = Comparison { sums: Sums::with_capacity(0), others: Ids::default(), faults: Vec::new() };
    for (rows, of_article) in [(articles, true), (joined, false)] {
        for (id, digest) in rows {
            comparison.take(Piece { id, digest: *digest, of_article }, |id| catalog.digest(id).is_some());
        }
    }
    comparison
}

fn sorted(ids: &Ids) -> String {
    let mut ids: Vec<&str> = ids.iter().collect();
    ids.sort_unstable();
    ids.join(" ")
}

fn seen(rows: &[(&str, u64)]) -> HashMap<ArticleId, u64> {
    rows.iter().map(|(id, digest)| (ArticleId::new(*id), *digest)).collect()
}

const NOTHING: fn(&str) -> bool = |_| false;

#[test]
fn digests_add_up_whatever_the_order_and_rows_of_no_article_count_for_nothing() {
    let catalog = catalog(&[("a", 6), ("b", 5), ("twice", 7)]);
    let rows = [("a", 1), ("twice", 3), ("b", 5), ("twice", 4)];
    let shown = shown(&catalog, &rows, &[("a", 3), ("ghost", 9), ("a", 2), ("ghost", 9)]);
    assert_eq!(sorted(&shown.changed(&catalog, &seen(&[]), NOTHING)), "");
    assert_eq!((shown.len(), sorted(&shown.absent(&catalog))), (3, String::new()));
    assert!(!shown.shows(&ArticleId::new("ghost")));
}

#[test]
fn what_differs_is_new_or_unknown_is_looked_at_and_nothing_else() {
    let catalog = catalog(&[("same", 1), ("edited", 1), ("vanished", 1), ("commanded", 1)]);
    let seen = seen(&[("draft", 2), ("draft edited", 2), ("draft vanished", 2), ("commanded", 9)]);
    let rows = [("same", 1), ("edited", 2), ("commanded", 1), ("draft", 2), ("draft edited", 3), ("new", 4)];
    let shown = shown(&catalog, &rows, &[]);
    assert_eq!(sorted(&shown.changed(&catalog, &seen, NOTHING)), "draft edited edited new");
    let also = |id: &str| id == "commanded" || id == "vanished";
    assert_eq!(sorted(&shown.changed(&catalog, &seen, also)), "commanded draft edited edited new");
    assert_eq!(sorted(&shown.absent(&catalog)), "vanished");
    let all: Vec<String> = shown.all(&catalog).map(|id| id.to_string()).collect();
    assert_eq!(all.len(), 7, "every one once, and what has vanished: {all:?}");
}

/// The catalog goes on while the store is being read: what it has decided since is not decided otherwise by an older read.
#[test]
fn a_catalog_that_has_moved_on_since_has_the_last_word() {
    let before = catalog(&[("taken out", 1), ("edited", 1)]);
    let shown = shown(&before, &[("taken out", 1), ("edited", 1), ("published", 3), ("drafted", 4)], &[]);
    let now = catalog(&[("edited", 2), ("published", 3), ("came later", 5)]);
    let seen = seen(&[("taken out", 1), ("drafted", 4)]);
    assert_eq!(
        sorted(&shown.changed(&now, &seen, NOTHING)),
        "edited",
        "it is loaded once more, and is as it was decided"
    );
    assert_eq!(sorted(&shown.absent(&now)), "came later", "whoever asks the store finds it there");
}

#[test]
fn ids_of_any_length_come_back_in_chunks() {
    let mut ids = Ids::default();
    for id in ["a", "", "bài số 1", "b"] {
        ids.push(id);
    }
    assert_eq!(ids.iter().collect::<Vec<_>>(), ["a", "", "bài số 1", "b"]);
    let chunks: Vec<usize> = ids.chunks(3).map(|chunk| chunk.len()).collect();
    assert_eq!((ids.len(), chunks), (4, vec![3, 1]));
}
