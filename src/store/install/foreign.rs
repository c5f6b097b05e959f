//! A PostgreSQL log whose numbers are those of another server, such as after `pg_dump` and a restore.

/// What is to be said of such a log.
pub(in crate::store) const IS_FOREIGN: &str = "the change log comes from another server, run `loa store install`";

/// Are there numbers in the log that this server has not come to yet? Every visible line is of a transaction before the end
/// of the snapshot.
const CONDITION: &str = "COALESCE(GREATEST((SELECT max(pruned) FROM @log), (SELECT max(txid) + 1 FROM @changes)) > \
                         txid_snapshot_xmax(txid_current_snapshot()), false)";
/// Such a log begins anew, under another name.
const BEGIN_ANEW: &str = "
WITH anew AS (UPDATE @log SET id = @id, pruned = 0 WHERE @condition RETURNING id)
DELETE FROM @changes WHERE EXISTS (SELECT FROM anew);
";

/// The condition that a log of these tables is such a one.
pub(in crate::store) fn is_foreign(log: &str, changes: &str) -> String {
    CONDITION.replace("@log", log).replace("@changes", changes)
}

/// The statement that has such a log begin anew, and leaves any other alone.
pub(super) fn begin_anew(log: &str, changes: &str, id: &str) -> String {
    let begin = BEGIN_ANEW.replace("@condition", CONDITION);
    begin.replace("@log", log).replace("@changes", changes).replace("@id", id)
}
