//! The last good document of every feed asked for lately, on disk: what is served when the store does not answer
//! (promise 7). One file per document, replaced whole; a file that cannot be read back counts as absent.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::document::Document;
use crate::domain::clock::Timestamp;
use crate::domain::feed_key::FeedKey;
use crate::domain::format::Format;

/// Longest header line that is read back, in bytes.
const HEADER_BYTES_MAX: usize = 4096;
/// How often a document's "last asked for" is written down: the mark has days to be right.
const ASKED_MARK_EVERY: Duration = Duration::from_hours(12);

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
    copies: Mutex<HashMap<FeedKey, Copy>>,
    /// One file at a time.
    writing: Mutex<()>,
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
        Ok(Self { directory: directory.to_owned(), kept, copies: Mutex::new(copies), writing: Mutex::default() })
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

    /// Writes a document: beside the old one, then in its place.
    ///
    /// # Errors
    /// The disk is full or gone; the old file is intact then.
    pub fn write(&self, key: &FeedKey, document: &Document, now: Timestamp) -> io::Result<()> {
        // Two documents are written at once, and two of one key may overtake each other.
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.lock().get(key).is_some_and(|copy| copy.sequence > document.sequence()) {
            return Ok(());
        }
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
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        fs::File::open(&self.directory)?.sync_all()?;
        self.lock().insert(key.clone(), Copy { sequence: document.sequence(), asked: now.into() });
        Ok(())
    }

    /// Reads a document back. `None`: there is none, or it is damaged.
    #[must_use]
    pub fn read(&self, key: &FeedKey) -> Option<Document> {
        if !self.lock().contains_key(key) {
            return None;
        }
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
        self.lock().remove(key);
        remove(&self.path(key));
    }

    /// A hash as the name: scopes hold ids of the newsroom's making, which are no file names.
    fn path(&self, key: &FeedKey) -> PathBuf {
        let mut name = hex(key.scope.to_string().as_bytes());
        name.truncate(32);
        self.directory.join(format!("{name}.{}", key.format))
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
        let document = Document::new(Format::Atom, 7, Some(at(3)), "<feed/>");
        DiskCopies::open(directory.path(), 30 * DAY, at(100)).unwrap().write(&key, &document, at(100)).unwrap();

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
            copies.write(key, &Document::new(key.format, 1, None, "x"), at(100)).unwrap();
        }
        copies.asked(&asked, at(120));
        copies.sweep(at(140));
        assert_eq!(copies.all(), [(asked, 1)]);
        fs::write(directory.path().join("half.new"), "{").unwrap();
        let reopened = DiskCopies::open(directory.path(), 30 * DAY, at(140)).unwrap();
        assert_eq!(reopened.all().len(), 1, "a half written file is cleaned away");
    }
}
