//! The last good document of every feed asked for lately, on disk: what is served when the store does not answer
//! (promise 7). One file per document, replaced whole; a file that cannot be read back counts as absent.
//!
//! Nobody waits for the disk: documents are written a moment after they were made, the newest of a key only, and kept in
//! memory until then ([`DiskCopies::run`]). Why no file is forced to the disk: `docs/decisions/rendering.md`.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::document::Document;
use crate::domain::clock::Timestamp;
use crate::domain::feed_key::FeedKey;
use crate::domain::format::Format;

/// Longest header line that is read back, in bytes.
const HEADER_BYTES_MAX: usize = 4096;
/// How often a document's "last asked for" is written down: the mark has days to be right.
const ASKED_MARK_EVERY: Duration = Duration::from_hours(12);
/// How long documents gather before they are written: a feed that changes every second is not written more often.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Bytes of documents that wait to be written: with more, whoever makes one waits for the disk.
const WAITING_BYTES_MAX: usize = 8 << 20;

/// First line of a file; the document follows it.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    scope: String,
    format: String,
    sequence: u64,
    changed_at_us: Option<i64>,
    bytes: usize,
    sha256: String,
}

/// What is known of a file without reading it.
#[derive(Debug, Clone, Copy)]
struct Copy {
    sequence: u64,
    asked: SystemTime,
}

/// The directory of last good documents.
#[derive(Debug)]
pub struct DiskCopies {
    directory: PathBuf,
    kept: Duration,
    /// What is on disk, or waits to be.
    copies: Mutex<HashMap<FeedKey, Copy>>,
    waiting: Mutex<Waiting>,
    /// Rung when something waits.
    rung: Notify,
    /// One file at a time.
    writing: Mutex<()>,
    /// Could the last ones not be written?
    failing: AtomicBool,
}

/// Documents to be written, the newest of each key.
#[derive(Debug, Default)]
struct Waiting {
    documents: HashMap<FeedKey, Arc<Document>>,
    bytes: usize,
}

impl Waiting {
    fn take(&mut self, key: &FeedKey) -> Option<Arc<Document>> {
        let document = self.documents.remove(key)?;
        self.bytes -= document.identity().bytes.len();
        Some(document)
    }

    fn put(&mut self, key: &FeedKey, document: Arc<Document>) {
        drop(self.take(key));
        self.bytes += document.identity().bytes.len();
        self.documents.insert(key.clone(), document);
    }
}

impl DiskCopies {
    /// Opens the directory, makes it if it is missing, forgets what nobody asked for within `kept` before `now`.
    ///
    /// # Errors
    /// The directory cannot be made or listed.
    pub fn open(directory: &Path, kept: Duration, now: Timestamp) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let mut copies = HashMap::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let Some(asked) = fs::metadata(&path).ok().filter(fs::Metadata::is_file).and_then(|it| it.modified().ok())
            else {
                continue;
            };
            let old = SystemTime::from(now).duration_since(asked).is_ok_and(|age| age > kept);
            match read_header(&path) {
                Some((key, sequence)) if !old => drop(copies.insert(key, Copy { sequence, asked })),
                // Too old, half written, or not ours to keep: a last good document that is not good.
                _ => remove(&path),
            }
        }
        Ok(Self {
            directory: directory.to_owned(),
            kept,
            copies: Mutex::new(copies),
            waiting: Mutex::default(),
            rung: Notify::new(),
            writing: Mutex::default(),
            failing: AtomicBool::new(false),
        })
    }

    /// Every document on disk, with the sequence of its feed when it was made.
    #[must_use]
    pub fn all(&self) -> Vec<(FeedKey, u64)> {
        self.lock().iter().map(|(key, copy)| (key.clone(), copy.sequence)).collect()
    }

    /// The sequence of the feed when the document on disk was made; `None`: there is none.
    #[must_use]
    pub fn sequence(&self, key: &FeedKey) -> Option<u64> {
        self.lock().get(key).map(|copy| copy.sequence)
    }

    /// Has a document written by [`DiskCopies::run`], unless a newer one is there. Until it is, it is in memory here. Only
    /// who makes documents faster than the disk takes them waits for it.
    pub async fn write(self: &Arc<Self>, key: &FeedKey, document: &Arc<Document>, now: Timestamp) {
        if self.offer(key, document, now) {
            return;
        }
        self.flush_off_the_threads().await;
        if !self.offer(key, document, now) {
            // Why was said when it began.
            tracing::debug!(scope = %key.scope, "a last good document is not kept");
        }
    }

    /// False: too much is waiting already.
    fn offer(&self, key: &FeedKey, document: &Arc<Document>, now: Timestamp) -> bool {
        let sequence = document.sequence();
        let mut waiting = self.waiting();
        if waiting.bytes > WAITING_BYTES_MAX {
            return false;
        }
        let mut copies = self.lock();
        if copies.get(key).is_none_or(|copy| copy.sequence <= sequence) {
            copies.insert(key.clone(), Copy { sequence, asked: now.into() });
            waiting.put(key, Arc::clone(document));
            self.rung.notify_one();
        }
        true
    }

    /// Writes what waits, until `stop`, and then what is left.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        self.run_every(WRITE_EVERY, stop).await;
    }

    async fn run_every(self: Arc<Self>, every: Duration, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = async {
                    self.rung.notified().await;
                    tokio::time::sleep(every).await;
                } => {}
            }
            self.flush_off_the_threads().await;
        }
        // What came while the last ones were written.
        self.flush_off_the_threads().await;
    }

    /// That something cannot be written is logged once, until it can.
    async fn flush_off_the_threads(self: &Arc<Self>) {
        let copies = Arc::clone(self);
        let written = tokio::task::spawn_blocking(move || copies.flush()).await.map_err(io::Error::other).flatten();
        match (&written, self.failing.swap(written.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => {
                tracing::error!(%error, "last good documents cannot be written, they stay in memory");
            }
            (Ok(()), true) => tracing::info!("last good documents are written again"),
            _ => {}
        }
        if written.is_err() {
            // Room may be made by somebody.
            self.rung.notify_one();
        }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// The disk is full or gone: the old file is intact, and the document goes on waiting.
    pub fn flush(&self) -> io::Result<()> {
        // Two documents of one key must not overtake each other.
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let next =
                self.waiting().documents.iter().next().map(|(key, document)| (key.clone(), Arc::clone(document)));
            let Some((key, document)) = next else { return Ok(()) };
            self.write_file(&key, &document)?;
            let mut waiting = self.waiting();
            // A newer one may have come meanwhile.
            if waiting.documents.get(&key).is_some_and(|now| Arc::ptr_eq(now, &document)) {
                drop(waiting.take(&key));
            }
        }
    }

    /// Beside the old file, then in its place.
    fn write_file(&self, key: &FeedKey, document: &Document) -> io::Result<()> {
        let body = &document.identity().bytes;
        let header = Header {
            scope: key.scope.to_string(),
            format: key.format.to_string(),
            sequence: document.sequence(),
            changed_at_us: document.changed_at().map(|at| at.timestamp_micros()),
            bytes: body.len(),
            sha256: hex(body),
        };
        let path = self.path(key);
        let beside = path.with_extension(format!("{}.new", key.format));
        let mut file = fs::File::create(&beside)?;
        file.write_all(serde_json::to_string(&header)?.as_bytes())?;
        file.write_all(b"\n")?;
        file.write_all(body)?;
        fs::rename(&beside, &path)
    }

    /// The document, if it still waits; else reads it back. `None`: there is none, or it is damaged.
    #[must_use]
    pub fn read(&self, key: &FeedKey) -> Option<Arc<Document>> {
        if !self.lock().contains_key(key) {
            return None;
        }
        let waiting = self.waiting().documents.get(key).map(Arc::clone);
        waiting.or_else(|| self.read_file(key).map(Arc::new))
    }

    fn read_file(&self, key: &FeedKey) -> Option<Document> {
        let file = fs::read(self.path(key)).ok()?;
        let line = file.iter().take(HEADER_BYTES_MAX).position(|byte| *byte == b'\n')?;
        let header: Header = serde_json::from_slice(file.get(..line)?).ok()?;
        let body = file.get(line + 1..)?.to_vec();
        let is_of = |key: &FeedKey| header.scope == key.scope.to_string() && header.format == key.format.to_string();
        if !is_of(key) || body.len() != header.bytes || hex(&body) != header.sha256 {
            return None;
        }
        let changed_at = header.changed_at_us.and_then(Timestamp::from_timestamp_micros);
        Some(Document::new(key.format, header.sequence, changed_at, body))
    }

    /// Notes that somebody asked for the document, so that it is kept. Cheap: writes twice a day at most.
    pub fn asked(&self, key: &FeedKey, now: Timestamp) {
        let now = SystemTime::from(now);
        let mut copies = self.lock();
        let Some(copy) = copies.get_mut(key) else { return };
        if now.duration_since(copy.asked).is_ok_and(|since| since > ASKED_MARK_EVERY) {
            copy.asked = now;
            drop(copies);
            // A mark that is not written costs at most that the document is forgotten half a day early.
            let marked = fs::File::options().append(true).open(self.path(key)).and_then(|file| file.set_modified(now));
            if let Err(error) = marked {
                tracing::warn!(%error, "cannot note that a document was asked for");
            }
        }
    }

    /// Forgets what nobody asked for within the time kept, and tells what that is.
    pub fn sweep(&self, now: Timestamp) -> Vec<FeedKey> {
        let now = SystemTime::from(now);
        let old = |copy: &Copy| now.duration_since(copy.asked).is_ok_and(|age| age > self.kept);
        let keys: Vec<FeedKey> = self.lock().iter().filter(|(_, copy)| old(copy)).map(|(key, _)| key.clone()).collect();
        for key in &keys {
            self.forget(key);
        }
        keys
    }

    /// Deletes a document.
    pub fn forget(&self, key: &FeedKey) {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.waiting().take(key));
        self.lock().remove(key);
        remove(&self.path(key));
    }

    /// A hash as the name: scopes hold ids of the newsroom's making, which are no file names.
    fn path(&self, key: &FeedKey) -> PathBuf {
        let mut name = hex(key.scope.to_string().as_bytes());
        name.truncate(32);
        self.directory.join(format!("{name}.{}", key.format))
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<FeedKey, Copy>> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "cannot delete a document that is no longer kept");
    }
}

fn read_header(path: &Path) -> Option<(FeedKey, u64)> {
    use std::io::BufRead as _;
    let file = fs::File::open(path).ok()?;
    let mut line = String::new();
    io::BufReader::new(io::Read::take(file, HEADER_BYTES_MAX.try_into().ok()?)).read_line(&mut line).ok()?;
    let header: Header = serde_json::from_str(&line).ok()?;
    let format = Format::from_extension(&header.format)?;
    (path.extension()? == format.extension()).then_some(())?;
    Some((FeedKey::new(header.scope.parse().ok()?, format), header.sequence))
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|half| char::from_digit(half.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scope::Scope;

    const DAY: Duration = Duration::from_hours(24);

    fn at(day: i64) -> Timestamp {
        Timestamp::from_timestamp(day * 86_400, 0).unwrap()
    }

    #[test]
    fn a_document_comes_back_with_its_validators_until_it_is_damaged_or_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let key = FeedKey::new(Scope::All, Format::Atom);
        let document = Arc::new(Document::new(Format::Atom, 7, Some(at(3)), "<feed/>"));
        let copies = DiskCopies::open(directory.path(), 30 * DAY, at(100)).unwrap();
        assert!(copies.offer(&key, &document, at(100)));
        copies.flush().unwrap();

        let copies = DiskCopies::open(directory.path(), 30 * DAY, at(100)).unwrap();
        assert_eq!(copies.all(), [(key.clone(), 7)]);
        let back = copies.read(&key).unwrap();
        assert_eq!((back.identity(), back.changed_at()), (document.identity(), document.changed_at()));

        let file = copies.path(&key);
        let damaged = fs::read_to_string(&file).unwrap().replace("<feed/>", "<fee/>");
        fs::write(&file, damaged).unwrap();
        assert!(copies.read(&key).is_none(), "never serve something broken");
        copies.forget(&key);
        assert_eq!(copies.all(), []);
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let copies = DiskCopies::open(directory.path(), 30 * DAY, at(100)).unwrap();
        let (asked, forgotten) = (FeedKey::new(Scope::All, Format::Rss), FeedKey::new(Scope::All, Format::Json));
        for key in [&asked, &forgotten] {
            assert!(copies.offer(key, &Arc::new(Document::new(key.format, 1, None, "x")), at(100)));
        }
        copies.flush().unwrap();
        copies.asked(&asked, at(120));
        copies.sweep(at(140));
        assert_eq!(copies.all(), [(asked, 1)]);
        fs::write(directory.path().join("half.new"), "{").unwrap();
        let reopened = DiskCopies::open(directory.path(), 30 * DAY, at(140)).unwrap();
        assert_eq!(reopened.all().len(), 1, "a half written file is cleaned away");
    }

    fn document(sequence: u64, body: impl Into<bytes::Bytes>) -> Arc<Document> {
        Arc::new(Document::new(Format::Rss, sequence, None, body))
    }

    #[test]
    fn the_newest_of_a_key_is_written_and_what_was_not_is_as_if_it_had_never_been() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Arc::new(DiskCopies::open(directory.path(), 30 * DAY, at(100)).unwrap());
        let key = FeedKey::new(Scope::All, Format::Rss);
        let copies = open();
        for sequence in [1, 3, 2] {
            assert!(copies.offer(&key, &document(sequence, sequence.to_string()), at(100)));
        }
        assert_eq!((copies.read(&key).unwrap().sequence(), copies.all()), (3, vec![(key.clone(), 3)]));
        assert!(open().read(&key).is_none(), "nobody has waited for the disk");
        copies.flush().unwrap();
        assert!(copies.offer(&key, &document(4, "4"), at(100)));
        assert_eq!(copies.read(&key).unwrap().sequence(), 4);

        let after_a_crash = open();
        assert_eq!(after_a_crash.all(), [(key.clone(), 3)], "says how old it is, so that it can be refused");
        assert_eq!(after_a_crash.read(&key).unwrap().identity().bytes, "3");
    }

    #[tokio::test]
    async fn what_the_disk_does_not_take_waits_in_bounds() {
        const MEGABYTE: usize = 1 << 20;
        let directory = tempfile::tempdir().unwrap();
        let documents = directory.path().join("documents");
        let copies = Arc::new(DiskCopies::open(&documents, 30 * DAY, at(100)).unwrap());
        let key = |number: usize| FeedKey::new(format!("tag:{number}").parse().unwrap(), Format::Rss);
        fs::remove_dir(&documents).unwrap();
        let room = WAITING_BYTES_MAX / MEGABYTE + 1;
        for number in 0..room + 5 {
            copies.write(&key(number), &document(1, vec![b'x'; MEGABYTE]), at(100)).await;
        }
        assert!(copies.flush().is_err());
        assert_eq!(copies.all().len(), room, "no more than that");
        assert!(copies.read(&key(0)).is_some(), "what waits is not lost");

        fs::create_dir(&documents).unwrap();
        copies.write(&key(room), &document(1, "room again"), at(100)).await;
        copies.flush().unwrap();
        let reopened = DiskCopies::open(&documents, 30 * DAY, at(100)).unwrap();
        assert_eq!(reopened.all().len(), room + 1);
        assert!(reopened.read(&key(0)).is_some());
    }

    #[tokio::test]
    async fn the_task_writes_in_a_moment_and_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let copies = Arc::new(DiskCopies::open(directory.path(), 30 * DAY, at(100)).unwrap());
        let on_disk = || DiskCopies::open(directory.path(), 30 * DAY, at(100)).unwrap().all().len();
        let stop = CancellationToken::new();
        let (first, last) = (FeedKey::new(Scope::All, Format::Rss), FeedKey::new(Scope::All, Format::Atom));
        let newsroom = async {
            copies.write(&first, &document(1, "x"), at(100)).await;
            while on_disk() == 0 {
                tokio::task::yield_now().await;
            }
            copies.write(&last, &document(1, "x"), at(100)).await;
            stop.cancel();
        };
        tokio::join!(Arc::clone(&copies).run_every(Duration::ZERO, stop.clone()), newsroom);
        assert_eq!(on_disk(), 2);
    }
}
