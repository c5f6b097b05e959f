//! Migrations, the same numbers in every backend.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use super::StateError;

/// The migrations of a backend, in order: number, name, text.
pub(super) type Migrations = [(i64, &'static str, &'static str)];

/// What runs them, keeping its own record in `table`.
pub(super) fn migrator(migrations: &'static Migrations, table: &'static str) -> Migrator {
    let migration = |(number, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(*number, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
    };
    let mut migrator = Migrator::with_migrations(migrations.iter().map(migration).collect());
    migrator.dangerous_set_table_name(table);
    migrator
}

/// Tells a database of a newer program from one that is broken.
pub(super) fn explain(error: MigrateError, url: &str, migrations: &Migrations) -> StateError {
    match error {
        MigrateError::VersionMissing(found) => {
            let known = migrations.iter().map(|(number, ..)| *number).max().unwrap_or_default();
            StateError::TooNew { url: super::without_password(url), found, known }
        }
        other => StateError::Migration(other),
    }
}
