//! The index as flat arrays. What can be told from them is told again: the ways from ids to rows, and from scopes to their
//! numbers.

use std::io::{self, Read, Write};

use super::{Index, Row, narrow, widen};
use crate::catalog::flat::{Sink, Source};

impl Index {
    /// Writes it.
    pub(in crate::catalog) fn write<W: Write>(&self, sink: &mut Sink<W>) -> io::Result<()> {
        sink.count(self.rows.len())?;
        self.rows.iter().try_for_each(|row| write_row(row, sink))?;
        sink.numbers(&self.dead_rows())?;
        sink.text(&self.ids)?;
        sink.bytes(&self.scope_refs)?;
        sink.count(self.dead_refs)?;
        sink.count(self.scopes.len())?;
        for (scope, list) in self.scopes.iter().zip(&self.lists) {
            sink.scope(scope)?;
            sink.numbers(list)?;
        }
        Ok(())
    }

    /// Reads what [`Index::write`] has written.
    pub(in crate::catalog) fn read<R: Read>(source: &mut Source<R>) -> io::Result<Self> {
        let rows = source.each(read_row)?;
        let dead = source.numbers()?;
        let (ids, scope_refs, dead_refs) = (source.text()?, source.bytes()?, source.count()?);
        let mut index = Self { rows, ids, scope_refs, dead_refs, ..Self::default() };
        for _ in 0..source.count()? {
            let number = index.number_of(&source.scope()?);
            let list = source.numbers()?;
            if let Some(slot) = index.lists.get_mut(widen(number)) {
                *slot = list;
            }
        }
        index.link_all(&dead);
        Ok(index)
    }

    /// Rows that nothing finds any more, until the next [`Index::arrange`].
    fn dead_rows(&self) -> Vec<u32> {
        let mut is_live = vec![false; self.rows.len()];
        for number in &self.by_id {
            is_live.get_mut(widen(*number)).into_iter().for_each(|slot| *slot = true);
        }
        let dead = is_live.into_iter().enumerate().filter(|(_, is_live)| !is_live);
        dead.map(|(number, _)| narrow(number)).collect()
    }
}

fn write_row<W: Write>(row: &Row, sink: &mut Sink<W>) -> io::Result<()> {
    sink.put(row.id_at.to_le_bytes())?;
    sink.put(row.scopes_at.to_le_bytes())?;
    sink.put(row.id_bytes.to_le_bytes())?;
    sink.put(row.scopes_bytes.to_le_bytes())?;
    sink.put(row.version.to_le_bytes())?;
    sink.put(row.published_us.to_le_bytes())?;
    sink.put(row.digest.to_le_bytes())
}

fn read_row<R: Read>(source: &mut Source<R>) -> io::Result<Row> {
    Ok(Row {
        id_at: u32::from_le_bytes(source.take()?),
        scopes_at: u32::from_le_bytes(source.take()?),
        id_bytes: u16::from_le_bytes(source.take()?),
        scopes_bytes: u16::from_le_bytes(source.take()?),
        version: u32::from_le_bytes(source.take()?),
        published_us: i64::from_le_bytes(source.take()?),
        digest: u64::from_le_bytes(source.take()?),
    })
}
