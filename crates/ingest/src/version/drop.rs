//! A version's end.
//!
//! Its tables go first and its positions last. A worker that still runs it then meets a missing table, which stops it
//! for good with an error that says so. The other way round it would find no position, register anew at the log's
//! start, and fill tables that are about to go. Every step looks at what is left, so a drop that was interrupted is
//! finished by the next one; until then the row of `BridgeVersions` refuses a switch to it, and a new start.

use spanbridge_config::{Ingest, Version};
use spanbridge_kafka::Admin as Kafka;
use spanbridge_protocol::ingest::{TABLE_DEAD_LETTERS, TABLE_PARTITIONS, TABLE_POSITIONS};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{Admin, KeyRange, ReadWrite, quoted};

use super::views::Views;
use super::{State, Versions, state};
use crate::pipeline::group;
use crate::plan::merged_view;
use crate::{Error, ErrorKind};

/// Rows of one transaction: far below Spanner's limits.
const BATCH: usize = 500;
/// Partitions of one version, and so rows of the last transaction.
const MOST: usize = 20_000;
const GAPS: &str = "BridgeGaps";

/// What is gone.
#[derive(Debug, Default)]
pub struct Dropped {
    pub statements: Vec<String>,
    pub letters: usize,
    pub partitions: usize,
}

/// The tables that a drop of the version would take away.
pub fn tables(versions: &Versions<'_>, version: Version) -> Result<Vec<String>, Error> {
    Ok(versions.required(version)?.tables.iter().map(|table| table.table().to_string()).collect())
}

/// Takes away a version's tables, views, dead letters, gaps and positions.
///
/// # Errors
/// It is the active one, or workers still run it; Spanner or Kafka does not answer, or Spanner refuses to drop a table
/// that something else needs.
pub async fn drop(
    versions: &Versions<'_>,
    admin: &Admin,
    kafka: &Kafka,
    version: Version,
) -> Result<Dropped, Error> {
    let pipeline = versions.required(version)?;
    let members = kafka.group_member_count(&group(pipeline.identity())).await?;
    if members > 0 {
        let message = format!("{members} workers are running version {version}");
        return Err(versions.error(ErrorKind::Running, message));
    }
    let database = versions.live.database;
    let mark = async |transaction: &mut ReadWrite| mark(versions, transaction, version).await;
    let state = state::transact(database, mark).await?;
    let mut statements = Views::of(versions, Some(&state), Some(version)).await?.statements;
    statements.extend(own(versions, pipeline).await?);
    admin.apply_ddl(&statements).await?;
    let mut dropped = Dropped { statements, ..Dropped::default() };
    dropped.letters = rows(versions, pipeline, TABLE_DEAD_LETTERS, "KafkaOffset").await?;
    rows(versions, pipeline, GAPS, "FromOffset").await?;
    let last = async |transaction: &mut ReadWrite| positions(versions, pipeline, transaction).await;
    dropped.partitions = state::transact(database, last).await?;
    Ok(dropped)
}

/// From here on nobody switches to it.
async fn mark(
    versions: &Versions<'_>,
    transaction: &mut ReadWrite,
    version: Version,
) -> Result<(Vec<Mutation>, State), Error> {
    let state = State::lock(transaction, versions.name).await?.unwrap_or(State::new(Version::FIRST));
    if state.active == version {
        let message = format!("version {version} is the one that is read");
        return Err(versions.error(ErrorKind::Active, message));
    }
    let previous = state.previous.filter(|previous| *previous != version);
    let next = State { previous, dropping: Some(version), ..state };
    Ok((vec![next.mutation(versions.name, false)], next))
}

/// Its merged views, and its tables with their indexes, children before their parents.
async fn own(versions: &Versions<'_>, pipeline: &Ingest) -> Result<Vec<String>, Error> {
    let database = versions.live.database;
    let mut statements = Vec::new();
    for name in pipeline.tables.iter().filter_map(merged_view) {
        if database.view(&name).await?.is_some() {
            statements.push(format!("DROP VIEW {}", quoted(&name)));
        }
    }
    let tables = versions.live.tables(pipeline).await?;
    for name in tables.into_iter().flatten().rev().map(|table| table.name) {
        let statement = format!("DROP TABLE {}", quoted(&name));
        if !statements.contains(&statement) {
            let indexes = versions.live.indexes(pipeline, &name).await?;
            statements.extend(indexes.iter().map(|index| format!("DROP INDEX {}", quoted(&index.name))));
            statements.push(statement);
        }
    }
    Ok(statements)
}

/// Deletes the pipeline's rows of a table that has the same key as the dead letters.
async fn rows(versions: &Versions<'_>, pipeline: &Ingest, table: &str, last: &str) -> Result<usize, Error> {
    let database = versions.live.database;
    let columns = key(&[last]);
    let mut deleted = 0;
    loop {
        let turn = async |transaction: &mut ReadWrite| {
            // In the transaction, as only the first page is wanted, and nobody adds to it.
            let range = KeyRange::prefix(vec![pipeline.identity().into()]);
            let found = database.read_page(table, &columns, range, BATCH).await?;
            // The first read begins the transaction.
            State::lock(transaction, versions.name).await?;
            let count = found.len();
            Ok::<_, Error>((delete(table, &columns, found), count))
        };
        match state::transact(database, turn).await? {
            0 => return Ok(deleted),
            count => deleted += count,
        }
    }
}

/// Deletes the positions and ends the drop.
async fn positions(
    versions: &Versions<'_>,
    pipeline: &Ingest,
    transaction: &mut ReadWrite,
) -> Result<(Vec<Mutation>, usize), Error> {
    let range = || vec![KeyRange::prefix(vec![pipeline.identity().into()])];
    let (positions, partitions) = (key(&["NextOffset", "Revision"]), key(&[]));
    let stored = transaction.read_ranges(TABLE_POSITIONS, &positions, range(), MOST).await?;
    let parents = transaction.read_ranges(TABLE_PARTITIONS, &partitions, range(), MOST).await?;
    let count = parents.len();
    let mut mutations = delete(TABLE_POSITIONS, &positions, stored);
    mutations.extend(delete(TABLE_PARTITIONS, &partitions, parents));
    let state = State::lock(transaction, versions.name).await?;
    if let Some(state) = state.filter(|state| state.dropping == Some(pipeline.version)) {
        mutations.push(State { dropping: None, ..state }.mutation(versions.name, false));
    }
    Ok((mutations, count))
}

fn key(more: &[&str]) -> Vec<(String, Type)> {
    let mut columns: Vec<(String, Type)> =
        ["Pipeline", "Topic"].map(|name| (name.to_owned(), Type::String)).to_vec();
    let numbers = ["KafkaPartition"].iter().chain(more);
    columns.extend(numbers.map(|name| ((*name).to_owned(), Type::Int64)));
    columns
}

/// Nothing for no rows.
fn delete(table: &str, columns: &[(String, Type)], rows: Vec<Vec<Value>>) -> Vec<Mutation> {
    if rows.is_empty() {
        return Vec::new();
    }
    let columns = columns.iter().map(|(name, _)| name.clone()).collect();
    vec![Mutation { write: Write::Delete, table: table.into(), columns, rows }]
}
