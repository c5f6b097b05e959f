//! Brings articles into the embedded store, for newsrooms that have none of their own: NDJSON, and article pages as
//! text. What cannot be read is reported singly with its line, all the rest goes in; importing twice changes nothing.

mod fields;
mod lines;
pub mod ndjson;
pub mod page;
pub mod record;
mod stories;
pub mod writer;

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read as _};

pub use fields::BadRecord;
use ndjson::CategoryWish;
use record::Record;
use stories::{Given, Outcome};
use writer::{Tally, WriteError, Writer};

use crate::domain::article::ArticleId;
use crate::domain::category::CategoryId;
use crate::domain::found::FindPolicy;
use crate::text::stamp::Zones;
use lines::Line;

/// Longest line of NDJSON, and longest page, in bytes: above any body that could be published.
pub const LINE_BYTES_MAX: usize = 16 << 20;
/// Faults and notes that are kept to be listed; the others are only counted.
pub const LISTED_MAX: usize = 1000;
/// Records in one transaction.
const BATCH_RECORDS: usize = 1000;
/// Bytes of lines in one transaction.
const BATCH_BYTES: usize = 4 << 20;

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An article a line.
    Ndjson,
    /// An article's page as text.
    Page,
}

/// How to import.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What the sources are; `None`: told by their first character.
    pub format: Option<Format>,
    /// Category of a page and of the stories that it lists, and of NDJSON articles that name none; made if missing.
    pub category: Option<CategoryWish>,
    /// Localities of a page.
    pub localities: Vec<String>,
    /// What is to be done about places in the texts; `Assign`: the link to more news of a place that a page has is none of
    /// its localities. The caller records it for [`Import::taken`].
    pub find: Option<FindPolicy>,
    /// Id of a page's story; `None`: derived from its title and first known stamp.
    pub id: Option<String>,
    /// Address of a page's story.
    pub url: Option<String>,
    /// Zones of stamps that name none.
    pub zones: Zones,
}

/// Something to tell an editor.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Remark {
    /// The file.
    pub source: String,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong, or odd.
    pub text: String,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// What was written.
    #[serde(flatten)]
    pub tally: Tally,
    /// Stories known from a list that now have their text; counted as changed as well.
    pub completed: u64,
    /// Lines and blocks that could not be read.
    pub faulty: u64,
    /// The first [`LISTED_MAX`] of them.
    pub faults: Vec<Remark>,
    /// What was read, but looks odd.
    pub notes: Vec<Remark>,
    /// Categories that were made: slug and name.
    pub categories_made: Vec<(String, String)>,
    /// Names in NDJSON that mean nothing to us.
    pub unknown_names: BTreeSet<String>,
}

impl Summary {
    /// Articles that were read.
    #[must_use]
    pub fn articles(&self) -> u64 {
        self.tally.new + self.tally.changed + self.tally.unchanged
    }
}

/// Why an import cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The source cannot be read.
    #[error("`{name}` cannot be read: {source}")]
    Source {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The store cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// An import of one or several sources into one store.
#[derive(Debug)]
pub struct Import<'a> {
    writer: &'a mut Writer,
    options: &'a Options,
    /// What was done so far.
    pub summary: Summary,
    /// Every article that the sources hold and the store has now, where something is to be done about places in the texts.
    pub taken: Vec<ArticleId>,
}

impl<'a> Import<'a> {
    /// Begins.
    pub fn new(writer: &'a mut Writer, options: &'a Options) -> Self {
        Self { writer, options, summary: Summary::default(), taken: Vec::new() }
    }

    /// Takes in one source; `progress` is told the state after each transaction.
    ///
    /// # Errors
    /// [`ImportError`] where the source or the store fails; what was written before stays.
    pub async fn run(
        &mut self,
        name: &str,
        source: &mut dyn BufRead,
        progress: &mut dyn FnMut(&Summary),
    ) -> Result<(), ImportError> {
        let unreadable = |source| ImportError::Source { name: name.to_owned(), source };
        let format = match self.options.format {
            Some(format) => format,
            None => detect(source).map_err(unreadable)?,
        };
        match format {
            Format::Page => {
                let mut bytes = Vec::new();
                let bytes_max = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
                source.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
                self.page(name, bytes).await?;
            }
            Format::Ndjson => self.ndjson(name, source, progress).await?,
        }
        progress(&self.summary);
        Ok(())
    }

    async fn page(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), ImportError> {
        if bytes.len() > LINE_BYTES_MAX {
            self.fault(name, 1, format!("the page is longer than {LINE_BYTES_MAX} bytes"));
            return Ok(());
        }
        let Ok(text) = String::from_utf8(bytes) else {
            self.fault(name, 1, "the page is not in UTF-8".to_owned());
            return Ok(());
        };
        let page = match page::read(&text, &self.options.zones) {
            Ok(page) => page,
            Err(error) => {
                self.fault(name, 1, error.to_string());
                return Ok(());
            }
        };
        for note in &page.updated.notes {
            self.note(name, 1, note.to_string());
        }
        for (line, reason) in &page.faults {
            self.fault(name, *line, reason.clone());
        }
        let given = Given {
            category: self.default_category().await?,
            localities: self.options.localities.clone(),
            reads_places: self.options.find == Some(FindPolicy::Assign),
            id: self.options.id.clone(),
            url: self.options.url.clone(),
        };
        // The list first: it may know when the page's own story was published.
        for listed in &page.listed {
            let outcome = stories::of_list(self.writer, listed, &given).await?;
            self.settle(name, listed.line, outcome).await?;
        }
        let outcome = stories::of_page(self.writer, &page, &given).await?;
        self.settle(name, 1, outcome).await
    }

    async fn settle(&mut self, name: &str, line: u64, outcome: Outcome) -> Result<(), ImportError> {
        match outcome {
            Outcome::Write(record) => self.write(&[record]).await?,
            Outcome::Complete(record) => {
                let before = self.summary.tally.changed;
                self.write(&[record]).await?;
                self.summary.completed += self.summary.tally.changed - before;
            }
            Outcome::Known(id) => {
                self.summary.tally.unchanged += 1;
                self.taken.extend(self.options.find.map(|_| id));
            }
            Outcome::Fault(reason) => self.fault(name, line, reason),
        }
        Ok(())
    }

    async fn ndjson(
        &mut self,
        name: &str,
        source: &mut dyn BufRead,
        progress: &mut dyn FnMut(&Summary),
    ) -> Result<(), ImportError> {
        let mut batch: Vec<(u64, Record)> = Vec::new();
        let mut batch_bytes = 0;
        for number in 1.. {
            let next = lines::next_line(source, LINE_BYTES_MAX);
            let next = next.map_err(|source| ImportError::Source { name: name.to_owned(), source })?;
            let Some((line, is_closed)) = next else { break };
            match line {
                Line::Text(text) if text.trim().is_empty() => {}
                Line::Text(text) => {
                    let record = self.record(name, number, &text, is_closed).await?;
                    batch.extend(record.map(|record| (number, record)));
                    batch_bytes += text.len();
                }
                Line::NoUtf8 => self.fault(name, number, "the line is not in UTF-8".to_owned()),
                Line::TooLong => self.fault(name, number, format!("the line is longer than {LINE_BYTES_MAX} bytes")),
            }
            if batch.len() >= BATCH_RECORDS || batch_bytes >= BATCH_BYTES {
                self.flush(name, std::mem::take(&mut batch)).await?;
                batch_bytes = 0;
                progress(&self.summary);
            }
        }
        self.flush(name, batch).await
    }

    async fn record(
        &mut self,
        name: &str,
        line: u64,
        text: &str,
        is_closed: bool,
    ) -> Result<Option<Record>, ImportError> {
        let draft = match ndjson::draft(text.trim_start_matches('\u{feff}'), &self.options.zones) {
            Ok(draft) => draft,
            Err(error) => {
                let torn = if is_closed { "" } else { "the last line has no end and is torn: " };
                self.fault(name, line, format!("{torn}{error}"));
                return Ok(None);
            }
        };
        for note in draft.notes {
            self.note(name, line, note);
        }
        self.summary.unknown_names.extend(draft.unknown_names);
        let mut article = draft.article;
        for wish in &draft.categories {
            match self.category(wish).await {
                Err(error @ WriteError::Category { .. }) => {
                    self.fault(name, line, error.to_string());
                    return Ok(None);
                }
                found => article.categories.push(found?),
            }
        }
        let mut seen = BTreeSet::new();
        article.categories.retain(|category| seen.insert(category.clone()));
        if article.categories.is_empty() {
            article.categories.extend(self.default_category().await?);
        }
        Ok(Some(Record { article, published_from: draft.published_from }))
    }

    /// Writes a batch. If it fails as a whole its records are written singly, so that a bad one costs only itself.
    async fn flush(&mut self, name: &str, batch: Vec<(u64, Record)>) -> Result<(), ImportError> {
        let (lines, records): (Vec<u64>, Vec<Record>) = batch.into_iter().unzip();
        let Err(whole) = self.write(&records).await else { return Ok(()) };
        let mut failed = Vec::new();
        for (line, record) in lines.iter().zip(&records) {
            let written = self.write(std::slice::from_ref(record)).await;
            failed.extend(written.err().map(|error| (*line, error.to_string())));
        }
        if failed.len() == records.len() {
            return Err(whole.into());
        }
        for (line, reason) in failed {
            self.fault(name, line, reason);
        }
        Ok(())
    }

    async fn write(&mut self, records: &[Record]) -> Result<(), WriteError> {
        let tally = self.writer.write_batch(records).await?;
        self.summary.tally.add(tally);
        if self.options.find.is_some() {
            self.taken.extend(records.iter().map(|record| record.article.id.clone()));
        }
        Ok(())
    }

    async fn default_category(&mut self) -> Result<Option<CategoryId>, WriteError> {
        match &self.options.category {
            Some(wish) => self.category(wish).await.map(Some),
            None => Ok(None),
        }
    }

    async fn category(&mut self, wish: &CategoryWish) -> Result<CategoryId, WriteError> {
        let (id, made) = self.writer.category(wish).await?;
        self.summary.categories_made.extend(made.into_iter().map(|category| (category.slug, category.name)));
        Ok(id)
    }

    fn fault(&mut self, source: &str, line: u64, text: String) {
        self.summary.faulty += 1;
        keep(&mut self.summary.faults, source, line, text);
    }

    fn note(&mut self, source: &str, line: u64, text: String) {
        keep(&mut self.summary.notes, source, line, text);
    }
}

fn keep(remarks: &mut Vec<Remark>, source: &str, line: u64, text: String) {
    if remarks.len() < LISTED_MAX {
        remarks.push(Remark { source: source.to_owned(), line, text });
    }
}

/// An object begins NDJSON; anything else is a page.
fn detect(source: &mut dyn BufRead) -> io::Result<Format> {
    let start = source.fill_buf()?;
    let first = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(if first == Some(&b'{') { Format::Ndjson } else { Format::Page })
}
