//! The catalog as bytes, for who keeps it over a restart: counts and numbers little-endian, texts with their length before
//! them, arrays one element after the other. Whether the bytes are whole and whose they are is for the keeper to know;
//! bytes that are not ours end in an error or in a catalog that finds nothing, never in a panic.

use std::io::{self, Read, Write};

use super::{Catalog, Index};
use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::domain::ledger::FeedRecord;
use crate::domain::scope::Scope;

/// Where bytes go. It should be buffered.
#[derive(Debug)]
pub struct Sink<W>(pub W);

impl<W: Write> Sink<W> {
    /// A number.
    ///
    /// # Errors
    /// As the writer says.
    pub fn put<const BYTES: usize>(&mut self, number: [u8; BYTES]) -> io::Result<()> {
        self.0.write_all(&number)
    }

    /// How many of something follow.
    ///
    /// # Errors
    /// As the writer says.
    pub fn count(&mut self, count: usize) -> io::Result<()> {
        self.put(u64::try_from(count).map_err(io::Error::other)?.to_le_bytes())
    }

    /// A text.
    ///
    /// # Errors
    /// As the writer says.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.bytes(text.as_bytes())
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.count(bytes.len())?;
        self.0.write_all(bytes)
    }

    /// An instant, to the microsecond.
    ///
    /// # Errors
    /// As the writer says.
    pub fn instant(&mut self, instant: Timestamp) -> io::Result<()> {
        self.put(instant.timestamp_micros().to_le_bytes())
    }

    /// Numbers, with their count.
    ///
    /// # Errors
    /// As the writer says.
    pub fn numbers(&mut self, numbers: &[u32]) -> io::Result<()> {
        self.count(numbers.len())?;
        numbers.iter().try_for_each(|number| self.put(number.to_le_bytes()))
    }

    pub(super) fn scope(&mut self, scope: &Scope) -> io::Result<()> {
        self.text(&scope.to_string())
    }
}

/// Where bytes come from. It should be buffered.
#[derive(Debug)]
pub struct Source<R> {
    input: R,
    bytes_max: u64,
}

impl<R: Read> Source<R> {
    /// Reads from an input that has at most so many bytes: a count that is damaged asks for no more memory.
    pub const fn new(input: R, bytes_max: u64) -> Self {
        Self { input, bytes_max }
    }

    /// A number.
    ///
    /// # Errors
    /// As the reader says, or the input is at its end.
    pub fn take<const BYTES: usize>(&mut self) -> io::Result<[u8; BYTES]> {
        let mut bytes = [0; BYTES];
        self.input.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// How many of something follow: at most one for each byte.
    ///
    /// # Errors
    /// As the reader says, or there cannot be so many.
    pub fn count(&mut self) -> io::Result<usize> {
        let count = u64::from_le_bytes(self.take()?);
        if count > self.bytes_max {
            return Err(damaged("more of something than there are bytes"));
        }
        usize::try_from(count).map_err(io::Error::other)
    }

    /// As many as are counted, each read by `one`.
    ///
    /// # Errors
    /// As the reader says.
    pub fn each<T>(&mut self, mut one: impl FnMut(&mut Self) -> io::Result<T>) -> io::Result<Vec<T>> {
        let count = self.count()?;
        // By size in memory, which may be more than in the input: the rest grows as it comes.
        let all_fit = self.bytes_max / u64::try_from(size_of::<T>().max(1)).map_err(io::Error::other)?;
        let mut items = Vec::with_capacity(count.min(usize::try_from(all_fit).map_err(io::Error::other)?));
        for _ in 0..count {
            items.push(one(self)?);
        }
        Ok(items)
    }

    /// A text.
    ///
    /// # Errors
    /// As the reader says, or it is no UTF-8.
    pub fn text(&mut self) -> io::Result<String> {
        String::from_utf8(self.bytes()?).map_err(|error| damaged(&error.to_string()))
    }

    pub(super) fn bytes(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.count()?];
        self.input.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// An instant.
    ///
    /// # Errors
    /// As the reader says, or there is no such instant.
    pub fn instant(&mut self) -> io::Result<Timestamp> {
        let micros = i64::from_le_bytes(self.take()?);
        Timestamp::from_timestamp_micros(micros).ok_or_else(|| damaged("an instant that is none"))
    }

    /// Numbers.
    ///
    /// # Errors
    /// As the reader says.
    pub fn numbers(&mut self) -> io::Result<Vec<u32>> {
        self.each(|source| Ok(u32::from_le_bytes(source.take()?)))
    }

    pub(super) fn scope(&mut self) -> io::Result<Scope> {
        self.text()?.parse().map_err(|error: crate::domain::scope::NotAScope| damaged(&error.to_string()))
    }
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl Catalog {
    /// Writes everything that [`Catalog::read`] needs.
    ///
    /// # Errors
    /// As the writer says.
    pub fn write<W: Write>(&self, sink: &mut Sink<W>) -> io::Result<()> {
        self.index.write(sink)?;
        sink.count(self.feeds.len())?;
        for feed in self.feeds.values() {
            sink.scope(&feed.scope)?;
            sink.put(feed.sequence.to_le_bytes())?;
            sink.instant(feed.changed_at)?;
            sink.put(feed.removal_sequence.to_le_bytes())?;
            sink.count(usize::from(feed.notice_until.is_some()))?;
            feed.notice_until.map_or(Ok(()), |until| sink.instant(until))?;
        }
        sink.count(self.absent.len())?;
        for (id, departure) in &self.absent {
            sink.text(id.as_str())?;
            let Some((at, scopes)) = departure else {
                sink.count(0)?;
                continue;
            };
            sink.count(1)?;
            sink.instant(*at)?;
            sink.count(scopes.len())?;
            scopes.iter().try_for_each(|scope| sink.scope(scope))?;
        }
        Ok(())
    }

    /// Reads what [`Catalog::write`] has written.
    ///
    /// # Errors
    /// As the reader says, or these are other bytes.
    pub fn read<R: Read>(source: &mut Source<R>) -> io::Result<Self> {
        let mut catalog = Self { index: Index::read(source)?, ..Self::default() };
        for _ in 0..source.count()? {
            let feed = FeedRecord {
                scope: source.scope()?,
                sequence: u64::from_le_bytes(source.take()?),
                changed_at: source.instant()?,
                removal_sequence: u64::from_le_bytes(source.take()?),
                notice_until: if source.count()? == 0 { None } else { Some(source.instant()?) },
            };
            catalog.take_over_feed(&feed);
        }
        for _ in 0..source.count()? {
            let id = ArticleId::new(source.text()?);
            let departure =
                if source.count()? == 0 { None } else { Some((source.instant()?, source.each(Source::scope)?)) };
            catalog.depart(id, departure);
        }
        Ok(catalog)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::ledger::{ArticleRecord, Departure, Standing};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(second, 7000).unwrap()
    }

    fn scope(number: u8) -> Scope {
        ["all", "category:a b\n", "locality:08287@2006-11-25", "tag:é", "language:en", "combination:25+7"]
            [usize::from(number)]
        .parse()
        .unwrap()
    }

    fn article() -> impl Strategy<Value = ArticleRecord> {
        let standing = prop_oneof![
            4 => Just(Standing::Public),
            1 => Just(Standing::SetAside),
            1 => (0..50_i64).prop_map(|s| Standing::Gone { at: at(s), reason: Departure::Left }),
        ];
        (0..30_u8, 0..20_i64, prop::collection::btree_set(0..5_u8, 0..5), standing, any::<u64>()).prop_map(
            |(id, second, scopes, standing, digest)| ArticleRecord {
                id: ArticleId::new(format!("bài-{id}")),
                guid: None,
                published: at(second),
                updated: at(second),
                fingerprint: [0; 16],
                digest,
                store_updated: None,
                categories: Vec::new(),
                scopes: scopes.into_iter().map(scope).collect(),
                found: Vec::new(),
                standing,
                version: digest % 100,
            },
        )
    }

    fn feed() -> impl Strategy<Value = FeedRecord> {
        (0..6_u8, 1..9_u64, 0..90_i64, prop::option::of(0..90_i64)).prop_map(|(of, sequence, second, until)| {
            let notice_until = until.map(at);
            FeedRecord { scope: scope(of), sequence, changed_at: at(second), removal_sequence: 1, notice_until }
        })
    }

    /// Changes as the ledger tells them: each article once.
    fn changes() -> impl Strategy<Value = Vec<(Vec<ArticleRecord>, Vec<FeedRecord>)>> {
        let once = |mut articles: Vec<ArticleRecord>| {
            articles.sort_by(|a, b| a.id.cmp(&b.id));
            articles.dedup_by(|a, b| a.id == b.id);
            articles
        };
        let articles = prop::collection::vec(article(), 0..12).prop_map(once);
        prop::collection::vec((articles, prop::collection::vec(feed(), 0..4)), 0..12)
    }

    /// Everything that anybody can ask for.
    fn told(catalog: &Catalog) -> String {
        let each = (0..6).map(scope).map(|scope| {
            let newest: Vec<_> = catalog.newest(&scope).collect();
            let gone: Vec<_> = catalog.departed(&scope, at(0)).collect();
            format!("{scope} {newest:?} {gone:?} {:?} {}\n", catalog.feed(&scope), catalog.has_any(&scope))
        });
        let known = (0..30).map(|id| ArticleId::new(format!("bài-{id}")));
        let known: Vec<_> = known.map(|id| (catalog.is_known(&id), catalog.digest(&id))).collect();
        let due: Vec<_> = catalog.notices_due(at(99)).collect();
        let mut held: Vec<_> = catalog.scopes_with_articles().collect();
        held.sort();
        format!("{}{known:?} {due:?} {held:?} {}", each.collect::<String>(), catalog.len())
    }

    fn written(catalog: &Catalog) -> Vec<u8> {
        let mut bytes = Vec::new();
        catalog.write(&mut Sink(&mut bytes)).unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> io::Result<Catalog> {
        Catalog::read(&mut Source::new(bytes, u64::try_from(bytes.len()).unwrap()))
    }

    proptest! {
        #[test]
        fn a_catalog_that_was_kept_is_the_one_that_was_not(before in changes(), after in changes()) {
            let mut catalog = Catalog::default();
            for (articles, feeds) in &before {
                catalog.apply(articles, feeds);
            }
            let mut kept = read(&written(&catalog)).unwrap();
            prop_assert_eq!(told(&kept), told(&catalog));
            for (articles, feeds) in &after {
                prop_assert_eq!(kept.apply(articles, feeds), catalog.apply(articles, feeds));
                prop_assert_eq!(told(&kept), told(&catalog));
            }
        }

        #[test]
        fn damaged_bytes_end_in_an_error_or_in_less(
            before in changes(), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        ) {
            let mut catalog = Catalog::default();
            for (articles, feeds) in &before {
                catalog.apply(articles, feeds);
            }
            let mut bytes = written(&catalog);
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(mut other) = read(&bytes) {
                told(&other);
                for (articles, feeds) in &before {
                    other.apply(articles, feeds);
                }
            }
        }
    }
}
