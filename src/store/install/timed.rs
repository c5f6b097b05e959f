//! Views that read the clock: they change without a write, which no trigger sees.

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use super::postgres::SOURCES;
use crate::store::contract::{self, Place};

/// How PostgreSQL shows the clock in a view's definition.
const POSTGRES: &str = r"\m(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\(\)|\m(current_timestamp|current_date|current_time|localtimestamp|localtime)\M";

/// How SQLite is asked for the clock.
const SQLITE: [&str; 9] = [
    "'now'",
    "current_timestamp",
    "current_date",
    "current_time",
    "datetime()",
    "date()",
    "time()",
    "julianday()",
    "unixepoch()",
];

/// The warnings of the views that a PostgreSQL store is made of.
pub(super) async fn in_postgres(connection: &mut PgConnection, place: &Place) -> Result<Vec<String>, sqlx::Error> {
    let sql = format!(
        "SELECT DISTINCT schema || '.' || name FROM ({SOURCES}) AS source \
         WHERE CASE WHEN kind = 'v' THEN pg_get_viewdef(oid::oid) ~* $3 END ORDER BY 1"
    );
    let relations: Vec<String> = contract::ALL.iter().map(|relation| place.name(relation)).collect();
    let views = sqlx::query_scalar(AssertSqlSafe(sql)).bind(relations).bind(place.schema()).bind(POSTGRES);
    let views: Vec<String> = views.fetch_all(connection).await?;
    Ok(views.iter().map(|view| warning(view)).collect())
}

/// Does the definition of a view in SQLite read the clock?
pub(super) fn in_sqlite(definition: &str) -> bool {
    let definition = definition.to_lowercase();
    SQLITE.iter().any(|clock| definition.contains(clock))
}

/// What is to be said of such a view.
pub(super) fn warning(view: &str) -> String {
    format!(
        "view `{view}` depends on the time, and no trigger sees that it changes by it: only the next complete read does; show \
         published_at as it is, and do not filter by the time"
    )
}
