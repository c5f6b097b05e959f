//! The catalog over a restart: a file beside the documents, so that a start does not have to read a million records of the
//! ledger before the first answer. It is a copy of what the ledger says up to a transaction; what came after that is read
//! from the ledger before anything is served. A file that is damaged, of another program, of another ledger, or ahead of
//! the ledger is not used, and the ledger is read whole. Why so: `docs/decisions/snapshot.md`.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::catalog::flat::{Sink, Source};
use crate::catalog::{Catalog, Gathering};
use crate::domain::address::AddressRecord;
use crate::domain::article::ArticleId;
use crate::domain::clock::Timestamp;
use crate::state::{Changes, INSTANCE_MARK, State, StateError};
use crate::store::log::LogCursor;

/// The form of the file; another one is not read. It also stands for what the arrays of the catalog mean.
const FORMAT: u32 = 2;
/// Longest first line that is read back, in bytes: it holds a cursor with the lines that were read early.
const HEADER_BYTES_MAX: u64 = 4_000_000;
/// Bytes that are hashed and written, or read, at a time.
const BUFFER_BYTES: usize = 256 * 1024;
/// Bytes of the checksum at the end.
const CHECKSUM_BYTES: usize = 32;

/// Where the catalog is kept.
#[derive(Debug, Clone)]
pub struct SnapshotOptions {
    /// The file. It need not be there, nor its directory.
    pub path: PathBuf,
    /// Everything by which rows of the store are read and decided, as one text: under another one no row counts as
    /// decided.
    pub circumstances: String,
}

/// First line of the file: whose it is, and how far it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    format: u32,
    /// The ledger's own mark.
    ledger: String,
    /// The last transaction of the ledger that is in it.
    cursor: u64,
    known: Option<KnownHeader>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownHeader {
    circumstances: String,
    control_marker: u64,
    log: Option<LogCursor>,
}

/// What the engine knows of the store beside the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// How far the store's change log was read.
    pub(super) log: Option<LogCursor>,
    /// The commands that were obeyed.
    pub(super) control_marker: u64,
    /// Rows that were decided and are in no feed, with their digests.
    pub(super) seen: Vec<(ArticleId, u64)>,
    /// Articles that become due by themselves.
    pub(super) waiting: Vec<(Timestamp, ArticleId)>,
}

/// What the file is written of, beside the catalog.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The last transaction of the ledger that is in the catalog.
    pub(super) cursor: u64,
    /// What the engine knows beside that.
    pub(super) known: Option<Known>,
}

/// What a process starts with.
#[derive(Debug)]
pub(super) struct Restored {
    /// The ledger up to `cursor`.
    pub(super) catalog: Catalog,
    /// The last transaction of the ledger that is in it.
    pub(super) cursor: u64,
    /// Every address ever published.
    pub(super) addresses: Vec<AddressRecord>,
    /// `None`: only the rows themselves tell.
    pub(super) known: Option<Known>,
}

/// The catalog as the ledger has it now: from the file, with what came after it, or from the whole ledger.
pub(super) async fn restore(state: &dyn State, options: Option<&SnapshotOptions>) -> Result<Restored, StateError> {
    let ledger = state.mark(INSTANCE_MARK).await?;
    if let (Some(options), Some(ledger)) = (options, ledger) {
        let options = options.clone();
        let read = tokio::task::spawn_blocking(move || read(&options, &ledger)).await;
        if let Some(read) = read.ok().flatten()
            && let Some(restored) = caught_up(state, read).await?
        {
            return Ok(restored);
        }
    }
    let mut gathering = Gathering::default();
    let Changes { cursor, feeds, addresses, .. } = state.read_since(0, &mut |block| gathering.add(&block)).await?;
    let catalog = gathering.finish(&feeds);
    tracing::info!(articles = catalog.len(), feeds = feeds.len(), "the ledger is loaded");
    Ok(Restored { catalog, cursor, addresses, known: None })
}

/// With what was written since; `None` if the ledger does not go so far: it is an older one than the file's.
async fn caught_up(state: &dyn State, read: Snapshot) -> Result<Option<Restored>, StateError> {
    let Snapshot { mut catalog, cursor: before, known } = read;
    let changes = state.read_since(before, &mut |block| drop(catalog.apply(&block, &[]))).await?;
    if changes.cursor < before {
        tracing::info!(cursor = before, ledger = changes.cursor, "the kept catalog is ahead of the ledger, not used");
        return Ok(None);
    }
    catalog.apply(&[], &changes.feeds);
    let addresses = state.addresses().await?;
    let (articles, behind) = (catalog.len(), changes.cursor - before);
    tracing::info!(articles, behind, "the kept catalog is loaded");
    Ok(Some(Restored { catalog, cursor: changes.cursor, addresses, known }))
}

/// What the file holds.
struct Snapshot {
    catalog: Catalog,
    cursor: u64,
    known: Option<Known>,
}

/// Reads the file; `None`, with the reason in the log, if it cannot be used.
fn read(options: &SnapshotOptions, ledger: &str) -> Option<Snapshot> {
    match read_file(options, ledger) {
        Ok(snapshot) => Some(snapshot),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::info!(%error, "the kept catalog cannot be used");
            None
        }
    }
}

fn read_file(options: &SnapshotOptions, ledger: &str) -> io::Result<Snapshot> {
    let file = File::open(&options.path)?;
    let bytes = file.metadata()?.len().saturating_sub(u64::try_from(CHECKSUM_BYTES).map_err(io::Error::other)?);
    let mut input = BufReader::with_capacity(BUFFER_BYTES, Hashed::new(file.take(bytes)));
    let mut line = Vec::new();
    (&mut input).take(HEADER_BYTES_MAX).read_until(b'\n', &mut line)?;
    let header: Header = serde_json::from_slice(&line)?;
    if header.format != FORMAT {
        return Err(io::Error::other(format!("it is of format {}, not {FORMAT}", header.format)));
    }
    if header.ledger != ledger {
        return Err(io::Error::other("it is of another ledger"));
    }
    let mut source = Source::new(&mut input, bytes);
    let catalog = Catalog::read(&mut source)?;
    let seen = source.each(|source| Ok((ArticleId::new(source.text()?), u64::from_le_bytes(source.take()?))))?;
    let waiting = source.each(|source| Ok((source.instant()?, ArticleId::new(source.text()?))))?;
    let is_at_end = input.fill_buf()?.is_empty();
    let Hashed { inner, hash } = input.into_inner();
    let mut expected = [0; CHECKSUM_BYTES];
    inner.into_inner().read_exact(&mut expected)?;
    if !is_at_end || hash.finalize()[..] != expected {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum is wrong"));
    }
    let known = header.known.filter(|known| known.circumstances == options.circumstances);
    let known = known.map(|KnownHeader { control_marker, log, .. }| Known { log, control_marker, seen, waiting });
    Ok(Snapshot { catalog, cursor: header.cursor, known })
}

/// Writes the file: beside the old one, then in its place. `catalog` writes the catalog; once it returns, the catalog may
/// change.
pub(super) fn write(
    options: &SnapshotOptions,
    ledger: &str,
    Standing { cursor, known }: &Standing,
    catalog: impl FnOnce(&mut Output<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let directory = options.path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(directory)?;
    let beside = options.path.with_extension("new");
    let mut output = BufWriter::with_capacity(BUFFER_BYTES, Hashed::new(File::create(&beside)?));
    let header = Header {
        format: FORMAT,
        ledger: ledger.to_owned(),
        cursor: *cursor,
        known: known.as_ref().map(|known| KnownHeader {
            circumstances: options.circumstances.clone(),
            control_marker: known.control_marker,
            log: known.log.clone(),
        }),
    };
    serde_json::to_writer(&mut output, &header)?;
    output.write_all(b"\n")?;
    let mut sink = Sink(&mut output);
    catalog(&mut sink)?;
    let (seen, waiting) = known.as_ref().map_or((&[][..], &[][..]), |known| (&known.seen, &known.waiting));
    sink.count(seen.len())?;
    for (id, digest) in seen {
        sink.text(id.as_str())?;
        sink.put(digest.to_le_bytes())?;
    }
    sink.count(waiting.len())?;
    for (due, id) in waiting {
        sink.instant(*due)?;
        sink.text(id.as_str())?;
    }
    let Hashed { mut inner, hash } = output.into_inner().map_err(io::IntoInnerError::into_error)?;
    inner.write_all(&hash.finalize())?;
    inner.sync_all()?;
    fs::rename(&beside, &options.path)?;
    File::open(directory)?.sync_all()
}

/// Where the catalog is written to.
pub(super) type Output<'a> = Sink<&'a mut BufWriter<Hashed<File>>>;

/// Hashes what goes through it.
pub(super) struct Hashed<T> {
    inner: T,
    hash: Sha256,
}

impl<T> Hashed<T> {
    fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new() }
    }
}

impl<T: Read> Read for Hashed<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..bytes).unwrap_or_default());
        Ok(bytes)
    }
}

impl<T: Write> Write for Hashed<T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let bytes = self.inner.write(buffer)?;
        self.hash.update(buffer.get(..bytes).unwrap_or_default());
        Ok(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
