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
        self.count(text.len())?;
        self.0.write_all(text.as_bytes())
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
        let mut bytes = vec![0; self.count()?];
        self.input.read_exact(&mut bytes)?;
        String::from_utf8(bytes).map_err(|error| damaged(&error.to_string()))
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
