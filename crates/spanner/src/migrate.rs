//! The bridge's own tables: versioned DDL, applied in order.
//!
//! Every statement is idempotent (`IF NOT EXISTS`), and a version is recorded only after all of its statements ran. So the
//! next migration completes an interrupted one, and two concurrent ones are harmless. Each version is recorded in its own
//! row and never overwritten: an older binary cannot revert it.

use std::time::Duration;

use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Type, Value};

use crate::admin::Admin;
use crate::commit::CommitOptions;
use crate::database::Database;
use crate::error::{Error, ErrorKind, Result};

/// The table of applied versions.
const VERSIONS: &str = "BridgeSchemaVersion";

/// The DDL of each version, from 1.
const MIGRATIONS: [&str; 3] = [
    include_str!("../../../migrations/0001_bridge.sql"),
    include_str!("../../../migrations/0002_dead_letter_envelope.sql"),
    include_str!("../../../migrations/0003_log_identity.sql"),
];

/// Attempts to record a version while Spanner aborts or does not answer.
const MAX_ATTEMPTS: u32 = 40;
/// The pause between two attempts.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// The outcome of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The version before the migration; 0 without any tables.
    pub from: i64,
    /// The version after the migration.
    pub to: i64,
    /// The statements that ran. A statement whose table existed did nothing.
    pub applied: Vec<String>,
}

/// Returns the version that this binary migrates to.
pub fn latest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Returns the DDL of all versions, with comments.
pub fn print() -> String {
    MIGRATIONS.join("\n")
}

/// Migrates the database to the [`latest`] version.
///
/// # Errors
/// [`ErrorKind::Config`] when the database is newer than this binary; it is not changed.
pub async fn migrate(admin: &Admin, database: &Database) -> Result<Report> {
    database.google_sql("its own tables").await?;
    let from = version(database).await?;
    check(from, latest())?;
    let mut report = Report { from, to: from, applied: Vec::new() };
    for (version, ddl) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > from) {
        let statements = statements(ddl);
        admin.apply_ddl(&statements).await?;
        record(database, version).await?;
        report.to = version;
        report.applied.extend(statements);
    }
    Ok(report)
}

/// Returns the version of the database's tables; 0 without any.
///
/// # Errors
/// See [`ErrorKind`].
pub async fn version(database: &Database) -> Result<i64> {
    if database.table(VERSIONS).await?.is_none() {
        return Ok(0);
    }
    let rows = database.read_all(VERSIONS, &[("Version".to_owned(), Type::Int64)], None).await?;
    let versions = rows.iter().filter_map(|row| match row.as_slice() {
        [Value::Int64(version)] => Some(*version),
        _ => None,
    });
    Ok(versions.max().unwrap_or(0))
}

fn check(database: i64, binary: i64) -> Result<()> {
    if database <= binary {
        return Ok(());
    }
    let message = format!(
        "the bridge's tables in the database have version {database}, and this binary supports versions up to {binary}; \
         use a newer binary"
    );
    Err(Error::new(ErrorKind::Config, "migrate", message))
}

async fn record(database: &Database, version: i64) -> Result<()> {
    let row = Mutation {
        write: Write::Insert,
        table: VERSIONS.into(),
        columns: ["Version".to_owned(), "AppliedAt".to_owned()].into(),
        rows: vec![vec![Value::Int64(version), Value::CommitTimestamp]],
    };
    let mut attempt = 1;
    loop {
        let Err(error) = database.commit(vec![row.clone()], CommitOptions::default()).await else {
            return Ok(());
        };
        match error.kind() {
            // A concurrent migration recorded it, or the first attempt did and its answer was lost.
            ErrorKind::AlreadyExists => return Ok(()),
            ErrorKind::Aborted | ErrorKind::InDoubt | ErrorKind::Unavailable if attempt < MAX_ATTEMPTS => {
                attempt += 1;
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            _ => return Err(error),
        }
    }
}

/// Splits a file into statements: comments are whole lines, and a semicolon ends a statement.
fn statements(ddl: &str) -> Vec<String> {
    let lines: Vec<&str> = ddl.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let text = lines.join("\n");
    text.split(';').map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_idempotent() {
        for ddl in MIGRATIONS {
            for statement in statements(ddl) {
                assert!(statement.contains(" IF NOT EXISTS "), "{statement}");
            }
        }
        assert!(print().contains("BridgePositions"));
    }

    /// The stored names and types of the bridge's tables, which an earlier version has written.
    #[test]
    fn bridge_tables_keep_their_definitions() {
        let all: Vec<String> = MIGRATIONS.into_iter().flat_map(statements).collect();
        assert_eq!(all.join(";\n\n") + ";\n", include_str!("migrate/bridge_tables.sql"));
    }

    #[test]
    fn newer_database_is_rejected() {
        assert!(check(1, 1).is_ok());
        let error = check(3, 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains('3') && error.message().contains('1'));
    }
}
