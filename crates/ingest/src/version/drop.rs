//! Deletes a version: its tables first, its positions last.
//!
//! A worker that still runs the version then fails because of a missing table, and stops. In the opposite order it would
//! find no position, register again at the start of the log and fill tables that are about to be deleted ("Tables before
//! positions", docs/design/ingest-versions.md). Every step reads what still exists, so that the next drop finishes an
//! interrupted one. Until then the row of `BridgeVersions` prevents a switch to the version and a new start.

use spanbridge_config::{Ingest, Version};
use spanbridge_kafka::Admin as Kafka;
use spanbridge_protocol::ingest::{TABLE_DEAD_LETTERS, TABLE_PARTITIONS, TABLE_POSITIONS};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{Admin, KeyRange, ReadWrite, quoted};

use super::live_views::LiveViews;
use super::{VersionState, Versions, transaction};
use crate::pipeline::group;
use crate::plan::merged_view;
use crate::{Error, ErrorKind};

/// The number of rows per transaction, far below Spanner's limits.
const MAX_ROWS_PER_TRANSACTION: usize = 500;
/// The maximum number of partitions of a version, and therefore of rows in the last transaction.
const MAX_PARTITIONS: usize = 20_000;
/// The table of gaps in the log.
const GAPS: &str = "BridgeGaps";

/// The result of a drop.
#[derive(Debug, Default)]
pub struct DropReport {
    /// The DDL that was run.
    pub statements: Vec<String>,
    /// The number of deleted dead letters.
    pub dead_letters: usize,
    /// The number of partitions whose positions were deleted.
    pub partitions: usize,
}

/// Returns the tables that a drop of the version would delete.
///
/// # Errors
/// The file does not have the version.
pub fn tables(versions: &Versions<'_>, version: Version) -> Result<Vec<String>, Error> {
    Ok(versions.required(version)?.tables.iter().map(|table| table.table().to_string()).collect())
}

/// Deletes a version's tables, views, dead letters, gaps and positions.
///
/// # Errors
/// The version is active, or workers still run it; Spanner or Kafka does not answer; or Spanner refuses to drop a table on
/// which something else depends.
pub async fn drop(
    versions: &Versions<'_>,
    admin: &Admin,
    kafka: &Kafka,
    version: Version,
) -> Result<DropReport, Error> {
    let pipeline = versions.required(version)?;
    let members = kafka.group_member_count(&group(pipeline.identity())).await?;
    if members > 0 {
        let message = format!("{members} workers are running version {version}");
        return Err(versions.error(ErrorKind::Running, message));
    }
    let database = versions.environment.database;
    let mark = async |transaction: &mut ReadWrite| mark(versions, transaction, version).await;
    let state = transaction::transact(database, mark).await?;
    let mut statements = LiveViews::plan(versions, Some(&state), Some(version)).await?.statements;
    statements.extend(drop_statements(versions, pipeline).await?);
    admin.apply_ddl(&statements).await?;
    let mut report = DropReport { statements, ..DropReport::default() };
    report.dead_letters = delete_rows(versions, pipeline, TABLE_DEAD_LETTERS, "KafkaOffset").await?;
    delete_rows(versions, pipeline, GAPS, "FromOffset").await?;
    let last = async |transaction: &mut ReadWrite| delete_positions(versions, pipeline, transaction).await;
    report.partitions = transaction::transact(database, last).await?;
    Ok(report)
}

/// Marks the version as dropping, which prevents switches to it.
async fn mark(
    versions: &Versions<'_>,
    transaction: &mut ReadWrite,
    version: Version,
) -> Result<(Vec<Mutation>, VersionState), Error> {
    let state =
        VersionState::lock(transaction, versions.name).await?.unwrap_or(VersionState::new(Version::FIRST));
    if state.active == version {
        let message = format!("version {version} is the active version");
        return Err(versions.error(ErrorKind::Active, message));
    }
    let previous = state.previous.filter(|previous| *previous != version);
    let next = VersionState { previous, dropping: Some(version), ..state };
    Ok((vec![next.mutation(versions.name, false)], next))
}

/// Returns the DDL that drops the version's merged views, and its tables with their indexes, children before parents.
async fn drop_statements(versions: &Versions<'_>, pipeline: &Ingest) -> Result<Vec<String>, Error> {
    let database = versions.environment.database;
    let mut statements = Vec::new();
    for name in pipeline.tables.iter().filter_map(merged_view) {
        if database.view(&name).await?.is_some() {
            statements.push(format!("DROP VIEW {}", quoted(&name)));
        }
    }
    let tables = versions.environment.tables(pipeline).await?;
    for name in tables.into_iter().flatten().rev().map(|table| table.name) {
        let statement = format!("DROP TABLE {}", quoted(&name));
        if !statements.contains(&statement) {
            let indexes = versions.environment.indexes(pipeline, &name).await?;
            statements.extend(indexes.iter().map(|index| format!("DROP INDEX {}", quoted(&index.name))));
            statements.push(statement);
        }
    }
    Ok(statements)
}

/// Deletes the pipeline's rows in a table with the same key as the dead letters. Returns their number.
async fn delete_rows(
    versions: &Versions<'_>,
    pipeline: &Ingest,
    table: &str,
    last: &str,
) -> Result<usize, Error> {
    let database = versions.environment.database;
    let columns = key(&[last]);
    let mut deleted = 0;
    loop {
        let attempt = async |transaction: &mut ReadWrite| {
            // A read outside of the transaction suffices, because nobody adds rows.
            let range = KeyRange::prefix(vec![pipeline.identity().into()]);
            let rows = database.read_page(table, &columns, range, MAX_ROWS_PER_TRANSACTION).await?;
            // The first read begins the transaction.
            VersionState::lock(transaction, versions.name).await?;
            let count = rows.len();
            Ok::<_, Error>((deletion(table, &columns, rows), count))
        };
        match transaction::transact(database, attempt).await? {
            0 => return Ok(deleted),
            count => deleted += count,
        }
    }
}

/// Deletes the positions and ends the drop.
async fn delete_positions(
    versions: &Versions<'_>,
    pipeline: &Ingest,
    transaction: &mut ReadWrite,
) -> Result<(Vec<Mutation>, usize), Error> {
    let range = || vec![KeyRange::prefix(vec![pipeline.identity().into()])];
    let (positions, partitions) = (key(&["NextOffset", "Revision"]), key(&[]));
    let stored = transaction.read_ranges(TABLE_POSITIONS, &positions, range(), MAX_PARTITIONS).await?;
    let parents = transaction.read_ranges(TABLE_PARTITIONS, &partitions, range(), MAX_PARTITIONS).await?;
    let count = parents.len();
    let mut mutations = deletion(TABLE_POSITIONS, &positions, stored);
    mutations.extend(deletion(TABLE_PARTITIONS, &partitions, parents));
    let state = VersionState::lock(transaction, versions.name).await?;
    if let Some(state) = state.filter(|state| state.dropping == Some(pipeline.version)) {
        mutations.push(VersionState { dropping: None, ..state }.mutation(versions.name, false));
    }
    Ok((mutations, count))
}

/// Returns the key columns that all tables of positions share, followed by these INT64 columns.
fn key(more: &[&str]) -> Vec<(String, Type)> {
    let mut columns: Vec<(String, Type)> =
        ["Pipeline", "Topic"].map(|name| (name.to_owned(), Type::String)).to_vec();
    let numbers = ["KafkaPartition"].iter().chain(more);
    columns.extend(numbers.map(|name| ((*name).to_owned(), Type::Int64)));
    columns
}

/// Returns the deletion of rows, or nothing without rows.
fn deletion(table: &str, columns: &[(String, Type)], rows: Vec<Vec<Value>>) -> Vec<Mutation> {
    if rows.is_empty() {
        return Vec::new();
    }
    let columns = columns.iter().map(|(name, _)| name.clone()).collect();
    vec![Mutation { write: Write::Delete, table: table.into(), columns, rows }]
}
