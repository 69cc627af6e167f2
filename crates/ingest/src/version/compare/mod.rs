//! Compares two versions of a pipeline at one instant: table by table, row by row.
//!
//! The rows of both tables are read in key order and merged, so that memory does not grow with the tables. Columns that
//! depend on more than the records are not compared.

mod checksum;
mod key_order;
mod row_differences;
mod row_reader;

use std::collections::BTreeSet;
use std::time::Duration;

use spanbridge_config::{Function, Ingest, IngestTable, RowsTable, Version};
use spanbridge_protocol::ingest::{Offset, Partition};
use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::{Timestamp, Type};
use spanbridge_spanner::Snapshot;

use super::progress::reference_version;
use super::{VersionState, Versions, positions};
use crate::plan::column_names;
use crate::{Error, ErrorKind};
pub use checksum::Checksum;
use key_order::KeyOrder;
use row_differences::MergeStep;
pub use row_differences::{Difference, RowDifferences};
use row_reader::RowReader;

/// The maximum number of snapshots that are step to find one at which both versions have applied the same records.
const MAX_SNAPSHOTS: u32 = 40;
/// The pause between two snapshots.
const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(50);

/// The result of a comparison.
#[derive(Debug)]
pub struct Comparison {
    /// The reference version and the compared version.
    pub versions: [Version; 2],
    /// The instant of the comparison.
    pub at: Timestamp,
    /// The partitions whose positions differed, with the positions of both versions.
    pub differing_positions: Vec<(Partition, [Option<Offset>; 2])>,
    /// The tables of the compared version, in the order of the file.
    pub tables: Vec<TableComparison>,
}

/// The comparison of one table.
#[derive(Debug)]
pub struct TableComparison {
    /// The name of the table in the file.
    pub table: String,
    /// The comparison of the rows.
    pub rows: RowComparison,
    /// The parts that were not compared, with the reasons.
    pub notes: Vec<String>,
}

/// The comparison of a table's rows.
#[derive(Debug)]
pub enum RowComparison {
    /// The rows were compared by key.
    ByKey(RowDifferences),
    /// Only the numbers of rows were compared, because the primary keys have different columns.
    Counts([u64; 2]),
    /// Only one version has the table.
    NotCompared,
}

impl Comparison {
    /// Returns true if everything that was compared is equal.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(|compared| match &compared.rows {
            RowComparison::ByKey(differences) => differences.is_equal(),
            RowComparison::Counts([before, after]) => before == after,
            RowComparison::NotCompared => true,
        })
    }
}

/// Compares a version with the active one, or with the previous one if it is itself active.
///
/// # Errors
/// A version has no positions; the comparison takes longer than Spanner retains old row versions; or Spanner does not
/// answer.
pub async fn compare(versions: &Versions<'_>, version: Version) -> Result<Comparison, Error> {
    let pipeline = versions.required(version)?;
    let database = versions.environment.database;
    let state = VersionState::read(database, versions.name).await?;
    let other = reference_version(state, version);
    if other == version {
        let message = format!("there is no version to compare version {version} with");
        return Err(versions.error(ErrorKind::UnknownVersion, message));
    }
    let identities = [other, version].map(|version| versions.identity(version));
    let (snapshot, differing_positions) = common_snapshot(versions, [&identities[0], &identities[1]]).await?;
    let mut tables = Vec::new();
    let mut seen = BTreeSet::new();
    for mapping in &pipeline.tables {
        let table = pipeline.logical(mapping);
        if seen.insert(table.to_ascii_lowercase()) {
            let names = [other, version].map(|version| version.table(table));
            tables.push(compare_table(versions, &snapshot, pipeline, table, names).await?);
        }
    }
    Ok(Comparison { versions: [other, version], at: snapshot.at(), differing_positions, tables })
}

/// The partitions whose positions differ, with the positions of both versions.
type DifferingPositions = Vec<(Partition, [Option<Offset>; 2])>;

/// Returns a snapshot at which both versions had applied the same records, or the last snapshot that was step.
async fn common_snapshot(
    versions: &Versions<'_>,
    identities: [&str; 2],
) -> Result<(Snapshot, DifferingPositions), Error> {
    let mut tried = 1;
    loop {
        let snapshot = versions.environment.database.snapshot().await?;
        let [before, after] = positions::at(&snapshot, identities).await?;
        for (identity, positions) in identities.iter().zip([&before, &after]) {
            if positions.is_empty() {
                return Err(Error::new(ErrorKind::NotStarted, identity, "it has no positions yet"));
            }
        }
        let all: BTreeSet<&Partition> = before.keys().chain(after.keys()).collect();
        let both = |partition: &Partition| [&before, &after].map(|it| it.get(partition).copied());
        let differing: DifferingPositions = all
            .into_iter()
            .map(|partition| (partition.clone(), both(partition)))
            .filter(|(_, [before, after])| before != after)
            .collect();
        if differing.is_empty() || tried >= MAX_SNAPSHOTS {
            return Ok((snapshot, differing));
        }
        tried += 1;
        tokio::time::sleep(SNAPSHOT_INTERVAL).await;
    }
}

async fn compare_table(
    versions: &Versions<'_>,
    snapshot: &Snapshot,
    pipeline: &Ingest,
    table: &str,
    names: [String; 2],
) -> Result<TableComparison, Error> {
    let database = versions.environment.database;
    let live = [database.table(&names[0]).await?, database.table(&names[1]).await?];
    let table = table.to_owned();
    let [Some(before), Some(after)] = live else {
        let missing: Vec<&str> = names
            .iter()
            .zip(&live)
            .filter(|(_, live)| live.is_none())
            .map(|(name, _)| name.as_str())
            .collect();
        let notes = vec![format!("there is no {}", missing.join(" and no "))];
        return Ok(TableComparison { table, rows: RowComparison::NotCompared, notes });
    };
    let mut notes = Vec::new();
    let (key, order) = (key(&after), order(&after));
    if key != self::key(&before) || order != self::order(&before) {
        let counted = [(names[0].clone(), &before), (names[1].clone(), &after)];
        let mut counts = [0, 0];
        for (count, (name, table)) in counts.iter_mut().zip(counted) {
            let order = self::order(table);
            *count = RowReader::new(snapshot, versions.name, name, self::key(table), &order).count().await?;
        }
        notes.push("the primary keys differ, so only the numbers of rows are compared".to_owned());
        return Ok(TableComparison { table, rows: RowComparison::Counts(counts), notes });
    }
    let columns = comparable_columns(pipeline, &table, [&before, &after], key, &mut notes);
    let [one, other] = names;
    let mut one = RowReader::new(snapshot, versions.name, one, columns.clone(), &order);
    let mut other = RowReader::new(snapshot, versions.name, other, columns, &order);
    let mut differences = RowDifferences::default();
    while let Some(step) = differences.step(&order, one.peek().await?, other.peek().await?) {
        if step != MergeStep::After {
            one.take();
        }
        if step != MergeStep::Before {
            other.take();
        }
    }
    Ok(TableComparison { table, rows: RowComparison::ByKey(differences), notes })
}

fn key(table: &Table) -> Vec<(String, Type)> {
    table.key().into_iter().map(|column| (column.name.clone(), column.ty.clone())).collect()
}

fn order(table: &Table) -> KeyOrder {
    KeyOrder(table.key().into_iter().map(|column| column.key_descending).collect())
}

/// Returns the key's columns, and the columns that the new mapping writes and both tables have with the same type. Columns
/// that depend on more than the records are omitted, with a note.
fn comparable_columns(
    pipeline: &Ingest,
    table: &str,
    [before, after]: [&Table; 2],
    key: Vec<(String, Type)>,
    notes: &mut Vec<String>,
) -> Vec<(String, Type)> {
    let mut columns = key;
    for mapping in pipeline.tables.iter().filter(|it| pipeline.logical(it).eq_ignore_ascii_case(table)) {
        let batch_dependent = batch_dependent(mapping);
        for name in written_columns(mapping, after) {
            if columns.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                continue;
            }
            let Some(after) = after.column(&name) else { continue };
            match before.column(&name) {
                None => notes.push(format!("{name} is new")),
                Some(_) if is_final(mapping, &name) => {
                    notes.push(format!("{name} is not compared: it is set after the rows"));
                }
                Some(_) if batch_dependent.contains(&name) => {
                    notes.push(format!("{name} is not compared: a sketch also depends on the batches"));
                }
                Some(before) if before.ty != after.ty => {
                    notes.push(format!(
                        "{name} is not compared: its type was {} and is {}",
                        before.ty, after.ty
                    ));
                }
                Some(_) => columns.push((after.name.clone(), after.ty.clone())),
            }
        }
    }
    columns
}

/// Returns the columns that a mapping writes. A `"*"` counts as all columns of the table that it does not exclude.
fn written_columns(mapping: &IngestTable, table: &Table) -> Vec<String> {
    let mut written = column_names(mapping);
    let IngestTable::Rows(RowsTable { all: Some(all), .. }) = mapping else { return written };
    for column in table.columns.iter().filter(|column| !column.generated && !all.excludes(&column.name)) {
        if written.iter().all(|name| !name.eq_ignore_ascii_case(&column.name)) {
            written.push(column.name.clone());
        }
    }
    written
}

/// Returns true if the column marks final windows.
fn is_final(mapping: &IngestTable, column: &str) -> bool {
    let IngestTable::Aggregates(table) = mapping else { return false };
    let last = table.window.as_ref().and_then(|window| window.final_column.as_ref());
    last.is_some_and(|last| last.eq_ignore_ascii_case(column))
}

/// Returns the columns whose values depend on the batches, and so differ between two runs over the same records.
fn batch_dependent(mapping: &IngestTable) -> Vec<String> {
    let IngestTable::Aggregates(table) = mapping else { return Vec::new() };
    let of = |aggregate: &spanbridge_config::Aggregate| match aggregate.function {
        Function::ApproxDistinct => aggregate.companions(),
        Function::ApproxQuantile(_) => {
            [aggregate.column.to_string()].into_iter().chain(aggregate.companions()).collect()
        }
        _ => Vec::new(),
    };
    table.aggregates.iter().flat_map(of).collect()
}
