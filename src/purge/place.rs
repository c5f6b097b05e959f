//! The file that keeps how far in the ledger everything is told: the ledger's name and the number of a transaction.

use std::io;
use std::path::Path;

/// The number that was written down for this ledger; `None`: none was, or nobody can read it.
pub(super) fn read(path: &Path, ledger: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let (named, number) = text.trim_end().rsplit_once(' ')?;
    number.parse().ok().filter(|_| named == ledger)
}

/// Writes it down: the old file or the new one, never half of one.
///
/// # Errors
/// The system said so.
pub(super) fn write(path: &Path, ledger: &str, number: u64) -> io::Result<()> {
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, format!("{ledger} {number}\n"))?;
    std::fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_of_one_ledger() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("purged");
        assert_eq!(read(&path, "a"), None);
        write(&path, "a", 7).unwrap();
        write(&path, "a", 9).unwrap();
        assert_eq!((read(&path, "a"), read(&path, "b")), (Some(9), None));
        for damaged in ["", "a", "a x", "9"] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(read(&path, "a"), None, "{damaged}");
        }
    }
}
