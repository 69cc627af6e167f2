//! The bridge's own tables: versioned DDL, applied in order.
//!
//! Every statement can run twice (`IF NOT EXISTS`), and a version is recorded only after all of its
//! statements ran. So an interrupted migration is completed by the next one, and two at once are harmless.
//! Versions are recorded as rows of their own, never overwritten: an older binary cannot set one back.

use std::time::Duration;

use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Type, Value};

use crate::admin::Admin;
use crate::commit::CommitOptions;
use crate::database::Database;
use crate::error::{Error, ErrorKind, Result};

/// The table of the versions that were applied.
const VERSIONS: &str = "BridgeSchemaVersion";

/// The DDL of each version, from 1.
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/0001_bridge.sql")];

/// How often a version is recorded where something is in the way, and how long is waited in between.
const ATTEMPTS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(250);

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The version before; 0 for none.
    pub from: i64,
    /// The version now.
    pub to: i64,
    /// The statements that ran. Those whose table was there already did nothing.
    pub applied: Vec<String>,
}

/// The version that this binary migrates to.
pub fn latest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// All the DDL, with its comments.
pub fn print() -> String {
    MIGRATIONS.join("\n")
}

/// Brings the database to [`latest`].
///
/// # Errors
/// [`ErrorKind::Config`] when the database is newer than this binary; it is left as it is.
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

/// The version of the database's tables; 0 when there are none.
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
        "the database has version {database} of the bridge's tables, this binary knows them up to {binary}; \
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
            // Somebody else recorded it, or the first attempt did, whose answer was lost.
            ErrorKind::AlreadyExists => return Ok(()),
            ErrorKind::Aborted | ErrorKind::InDoubt | ErrorKind::Unavailable if attempt < ATTEMPTS => {
                attempt += 1;
                tokio::time::sleep(PAUSE).await;
            }
            _ => return Err(error),
        }
    }
}

/// The statements of a file: comments are whole lines, a semicolon ends each.
fn statements(ddl: &str) -> Vec<String> {
    let lines: Vec<&str> = ddl.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let text = lines.join("\n");
    text.split(';').map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_can_run_twice() {
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
    fn a_newer_database_is_refused() {
        assert!(check(1, 1).is_ok());
        let error = check(3, 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains('3') && error.message().contains('1'));
    }
}
