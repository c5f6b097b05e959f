//! `loa localities export` and `loa localities add-addresses`: newer tables without a new build.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use super::output;
use super::tables::{Files, file};
use crate::gazetteer::{Gazetteer, Grown, Tables, grow};

/// What a new file allows before the process's mask: every other service may read it.
const FILE_MODE: u32 = 0o666;

/// Writes the tables of the program into a directory that has none of them.
pub(super) fn export(directory: &Path, json: bool) -> anyhow::Result<()> {
    let shown = directory.display();
    fs::create_dir_all(directory).with_context(|| format!("the directory `{shown}` cannot be made"))?;
    let tables = Tables::built_in().each();
    if let Some(path) = tables.iter().map(|(name, _)| file(directory, name)).find(|path| path.exists()) {
        anyhow::bail!("`{}` is there already and is not written over; choose another directory", path.display());
    }
    for (name, text) in tables {
        let path = file(directory, name);
        let made = File::create_new(&path).and_then(|mut made| made.write_all(text.as_bytes()));
        made.with_context(|| format!("`{}` cannot be written", path.display()))?;
    }
    let names: Vec<_> = tables.iter().map(|(name, _)| file(directory, name).display().to_string()).collect();
    output::print(&if json {
        serde_json::to_string_pretty(&serde_json::json!({ "written": names }))? + "\n"
    } else {
        format!("written: {}\n", names.join(", "))
    })
}

/// Gives an address to every place of a directory's tables that has none.
pub(super) fn add_addresses(directory: &Path, json: bool) -> anyhow::Result<()> {
    let files = Files::read(directory)?;
    let grown = grow(&files.tables()).map_err(|error| files.explained(&error))?;
    let complete = Tables { addresses: &grown.table, ..files.tables() };
    Gazetteer::newer(&complete).map_err(|error| files.explained(&error))?;
    let path = file(directory, "addresses");
    if !grown.added.is_empty() {
        replace(&path, &grown.table).with_context(|| format!("`{}` cannot be written", path.display()))?;
    }
    output::print(&if json {
        serde_json::to_string_pretty(&serde_json::json!({ "file": path, "added": grown.added }))? + "\n"
    } else {
        told(&grown, &path)
    })
}

fn told(grown: &Grown, path: &Path) -> String {
    let lines: String = grown.added.iter().flat_map(|line| [line, "\n"]).collect();
    match grown.added.len() {
        0 => "every place has its address, nothing is added\n".to_owned(),
        1 => format!("{lines}1 address is added to {}\n", path.display()),
        count => format!("{lines}{count} addresses are added to {}\n", path.display()),
    }
}

/// Puts a whole file in place of what was there: who reads it sees the one or the other.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let permissions = Permissions::from_mode(FILE_MODE);
    let mut made = tempfile::Builder::new().prefix(".addresses-").permissions(permissions).tempfile_in(directory)?;
    match fs::metadata(path) {
        Ok(old) => made.as_file().set_permissions(old.permissions())?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    made.write_all(text.as_bytes())?;
    made.as_file().sync_all()?;
    made.persist(path)?;
    Ok(())
}
