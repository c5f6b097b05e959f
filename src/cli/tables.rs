//! The tables of administrative units that a newsroom gives as files, in place of those of the program.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use crate::config::Config;
use crate::gazetteer::{Gazetteer, GazetteerError, Tables};
use crate::text::normalize;

/// Largest file, in bytes: twenty times the largest table of the program.
const TABLE_BYTES_MAX: u64 = 16_000_000;
/// What some editors write at the beginning of UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The administrative units by the tables that the configuration names.
pub(crate) fn gazetteer(config: &Config) -> anyhow::Result<Arc<Gazetteer>> {
    match &config.localities.tables {
        Some(directory) => Files::read(directory)?.gazetteer(),
        None => Ok(Gazetteer::built_in()),
    }
}

/// The tables of a directory. A file that is missing is the program's own.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
    units: Option<String>,
    succession: Option<String>,
    aliases: Option<String>,
    addresses: Option<String>,
}

impl Files {
    /// Reads what is there.
    pub(super) fn read(directory: &Path) -> anyhow::Result<Self> {
        let table = |name| read(&file(directory, name));
        let (units, succession) = (table("units")?, table("succession")?);
        let (aliases, addresses) = (table("aliases")?, table("addresses")?);
        let shown = directory.display();
        anyhow::ensure!(
            [&units, &succession, &aliases, &addresses].into_iter().any(Option::is_some),
            "`{shown}` holds none of units.csv, succession.csv, aliases.csv and addresses.csv; `loa localities export \
             {shown}` writes those of the program to start from"
        );
        Ok(Self { directory: directory.to_owned(), units, succession, aliases, addresses })
    }

    /// Those of the directory, and the program's own where it has none.
    pub(super) fn tables(&self) -> Tables<'_> {
        let own = Tables::built_in();
        Tables {
            units: self.units.as_deref().unwrap_or(own.units),
            succession: self.succession.as_deref().unwrap_or(own.succession),
            aliases: self.aliases.as_deref().unwrap_or(own.aliases),
            addresses: self.addresses.as_deref().unwrap_or(own.addresses),
        }
    }

    /// The units; the program's own are read only once.
    fn gazetteer(&self) -> anyhow::Result<Arc<Gazetteer>> {
        let tables = self.tables();
        if tables.each() == Tables::built_in().each() {
            return Ok(Gazetteer::built_in());
        }
        Ok(Arc::new(Gazetteer::newer(&tables).map_err(|error| self.explained(&error))?))
    }

    /// What is wrong, with the file and the way out.
    pub(super) fn explained(&self, error: &GazetteerError) -> anyhow::Error {
        let shown = self.directory.display();
        let way_out = match error {
            GazetteerError::NoAddress(_) | GazetteerError::AddressLost { .. } => {
                format!("`loa localities add-addresses {shown}` adds what is missing")
            }
            GazetteerError::AddressMoved { .. } => "give back the line of the program".to_owned(),
            _ => "correct it, or take the file away: then the program's own table is used".to_owned(),
        };
        anyhow::anyhow!("{}; {way_out}", error.in_file(|name| self.source(name)))
    }

    /// The file of a table, or that there is none.
    fn source(&self, name: &str) -> String {
        let given = [
            ("units", self.units.is_some()),
            ("succession", self.succession.is_some()),
            ("aliases", self.aliases.is_some()),
            ("addresses", self.addresses.is_some()),
        ];
        let path = file(&self.directory, name).display().to_string();
        if given.contains(&(name, true)) { path } else { format!("{path} (not there: the program's own)") }
    }
}

/// Where a table is.
pub(super) fn file(directory: &Path, name: &str) -> PathBuf {
    directory.join(name).with_extension("csv")
}

/// A table as the program's own are: UTF-8 in NFC, lines that end in LF. `None`: there is no such file.
fn read(path: &Path) -> anyhow::Result<Option<String>> {
    let shown = path.display();
    let opened = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.with_context(|| format!("`{shown}` cannot be read; see who may read it"))?,
    };
    let mut bytes = Vec::new();
    let read = opened.take(TABLE_BYTES_MAX + 1).read_to_end(&mut bytes);
    let length = read.with_context(|| format!("`{shown}` cannot be read; it has to be a file"))?;
    anyhow::ensure!(
        u64::try_from(length).is_ok_and(|length| length <= TABLE_BYTES_MAX),
        "`{shown}` has more than {TABLE_BYTES_MAX} bytes, so it is no table of administrative units"
    );
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = 1 + good.filter(|byte| **byte == b'\n').count();
        anyhow::anyhow!("{shown}, line {line}: is not UTF-8; save the file as UTF-8")
    })?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text).replace("\r\n", "\n");
    Ok(Some(normalize::nfc(&text).into_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn refused(files: &[(&str, &[u8])], expect: &str) {
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(directory.path().join(name), bytes).unwrap();
        }
        let read = Files::read(directory.path()).and_then(|files| files.gazetteer());
        let said = format!("{:#}", read.unwrap_err()).replace(&directory.path().display().to_string(), "DIR");
        assert_eq!(said, expect);
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_file_and_the_way_out() {
        let way_out = "correct it, or take the file away: then the program's own table is used";
        refused(
            &[],
            "`DIR` holds none of units.csv, succession.csv, aliases.csv and addresses.csv; `loa localities export DIR` \
             writes those of the program to start from",
        );
        refused(
            &[("aliases.csv", b"code,name,alias\r\n25,Ph\xfa Th\x85\r\n")],
            "DIR/aliases.csv, line 2: is not UTF-8; save the file as UTF-8",
        );
        refused(
            &[("aliases.csv", "25,Phú Thọ,PT\n".as_bytes())],
            &format!("DIR/aliases.csv, line 1: is not the head `code,name,alias`; {way_out}"),
        );
        refused(
            &[("aliases.csv", "code,name,alias\n25,Phú Thọ\n".as_bytes())],
            &format!("DIR/aliases.csv, line 2: `25,Phú Thọ` has too few or too many fields; {way_out}"),
        );
        let own = Tables::built_in();
        let more = format!("{}99901,phường,Đền Hùng,25,2027-01-01,\n", own.units);
        refused(
            &[("units.csv", more.as_bytes())],
            "DIR/addresses.csv (not there: the program's own): place 99901@2027-01-01 has none, extend the table; `loa \
             localities add-addresses DIR` adds what is missing",
        );
        let fewer = own.units.replace("08287,xã,Hùng Lô,233,,2006-11-25\n", "");
        refused(
            &[("units.csv", fewer.as_bytes())],
            &format!(
                "DIR/addresses.csv (not there: the program's own): `phu-tho/xa-hung-lo` is of place 08287, which the tables \
                 no longer have; old rows keep their code and first day; {way_out}"
            ),
        );
    }

    #[test]
    fn addresses_of_the_program_stay() {
        let own = Tables::built_in().addresses;
        let line = "08287,,phu-tho/xa-hung-lo\n";
        let way_out = "`loa localities add-addresses DIR` adds what is missing";
        refused(
            &[("addresses.csv", own.replace(line, "").as_bytes())],
            &format!(
                "DIR/addresses.csv: the line `08287,,phu-tho/xa-hung-lo` is missing, which the program's own table has; \
                 {way_out}"
            ),
        );
        let contradicts = |given: &str| {
            format!(
                "DIR/addresses.csv: `{given}` contradicts `08287,,phu-tho/xa-hung-lo` of the program's own table; an \
                 address stays for ever; give back the line of the program"
            )
        };
        for given in ["08287,,phu-tho/xa-hung-lo-2", "99901,2027-01-01,phu-tho/xa-hung-lo"] {
            refused(&[("addresses.csv", own.replace(line, &format!("{given}\n")).as_bytes())], &contradicts(given));
        }
        let twice = own.replace(line, &format!("{line}08287,,phu-tho/xa-hung-lo-2\n"));
        refused(
            &[("addresses.csv", twice.as_bytes())],
            "DIR/addresses.csv: place 08287 has two, one of them is `phu-tho/xa-hung-lo`; correct it, or take the file \
             away: then the program's own table is used",
        );
        let last = format!("{own}99901,2027-01-01,phường/Đền Hùng\n");
        refused(
            &[("addresses.csv", last.as_bytes())],
            &format!(
                "DIR/addresses.csv, line {}: `99901,2027-01-01,phường/Đền Hùng` has a path that is no address, such as \
                 `phu-tho/xa-hung-lo`; correct it, or take the file away: then the program's own table is used",
                last.lines().count()
            ),
        );
    }

    #[test]
    fn other_line_ends_a_mark_and_decomposed_letters_make_no_difference() {
        use unicode_normalization::UnicodeNormalization as _;

        let directory = tempfile::tempdir().unwrap();
        for (name, text) in Tables::built_in().each() {
            let text: String = text.replace('\n', "\r\n").nfd().collect();
            fs::write(file(directory.path(), name), format!("{BYTE_ORDER_MARK}{text}")).unwrap();
        }
        let read = Files::read(directory.path()).unwrap().gazetteer().unwrap();
        assert!(Arc::ptr_eq(&read, &Gazetteer::built_in()));
    }

    #[test]
    fn a_file_that_is_no_table_is_not_read_to_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(directory.path(), "units");
        fs::File::create(&path).unwrap().set_len(TABLE_BYTES_MAX).unwrap();
        assert!(read(&path).is_ok());
        fs::File::create(&path).unwrap().set_len(TABLE_BYTES_MAX + 1).unwrap();
        let said = read(&path).unwrap_err().to_string();
        assert!(said.ends_with("has more than 16000000 bytes, so it is no table of administrative units"), "{said}");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(read(&path).unwrap_err().to_string().ends_with("it has to be a file"));
    }
}
