//! Two versions of a pipeline, table by table and row by row, at one instant.

mod checksum;
mod order;
mod rows;
mod tally;

use std::collections::BTreeSet;
use std::time::Duration;

use spanbridge_config::{Function, Ingest, IngestTable, Version};
use spanbridge_protocol::ingest::{Offset, Partition};
use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::{Timestamp, Type};
use spanbridge_spanner::Snapshot;

use super::progress::beside;
use super::{State, Versions, positions};
use crate::plan::column_names;
use crate::{Error, ErrorKind};
pub use checksum::Checksum;
use order::Order;
use rows::Rows;
pub use tally::{Difference, Tally};

/// Instants that are tried for one at which both have applied the same records, and the pause between two.
const INSTANTS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// What a comparison found.
#[derive(Debug)]
pub struct Comparison {
    /// The version that is compared with, and the new one.
    pub versions: [Version; 2],
    pub at: Timestamp,
    /// Partitions whose positions differed, with those of both.
    pub apart: Vec<(Partition, [Option<Offset>; 2])>,
    pub tables: Vec<Compared>,
}

/// A table in both versions.
#[derive(Debug)]
pub struct Compared {
    /// Its name in the file.
    pub table: String,
    pub rows: Rowwise,
    /// What was not compared, and why.
    pub notes: Vec<String>,
}

/// How a table's rows were compared.
#[derive(Debug)]
pub enum Rowwise {
    /// By key.
    Keys(Tally),
    /// Their numbers alone, as the keys are of other columns.
    Counts([u64; 2]),
    /// Not at all: only one version has the table.
    Not,
}

impl Comparison {
    /// Whether everything that could be compared is equal.
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(|compared| match &compared.rows {
            Rowwise::Keys(tally) => tally.is_equal(),
            Rowwise::Counts([before, after]) => before == after,
            Rowwise::Not => true,
        })
    }
}

/// Compares a version with the active one, or with the one before where it is itself the active one.
///
/// # Errors
/// A version has no positions; the comparison takes longer than Spanner keeps the instant; Spanner does not answer.
pub async fn compare(versions: &Versions<'_>, version: Version) -> Result<Comparison, Error> {
    let pipeline = versions.required(version)?;
    let database = versions.live.database;
    let state = State::read(database, versions.name).await?;
    let other = beside(state, version);
    if other == version {
        let message = format!("there is no version to compare version {version} with");
        return Err(versions.error(ErrorKind::NoVersion, message));
    }
    let identities = [other, version].map(|version| versions.identity(version));
    let (snapshot, apart) = instant(versions, [&identities[0], &identities[1]]).await?;
    let mut tables = Vec::new();
    let mut seen = BTreeSet::new();
    for mapping in &pipeline.tables {
        let table = pipeline.logical(mapping);
        if seen.insert(table.to_ascii_lowercase()) {
            let names = [other, version].map(|version| version.table(table));
            tables.push(of_table(versions, &snapshot, pipeline, table, names).await?);
        }
    }
    Ok(Comparison { versions: [other, version], at: snapshot.at(), apart, tables })
}

type Apart = Vec<(Partition, [Option<Offset>; 2])>;

/// An instant at which both versions had applied the same records, or the last one that was tried.
async fn instant(versions: &Versions<'_>, identities: [&str; 2]) -> Result<(Snapshot, Apart), Error> {
    let mut tried = 1;
    loop {
        let snapshot = versions.live.database.snapshot().await?;
        let [before, after] = positions::at(&snapshot, identities).await?;
        for (identity, positions) in identities.iter().zip([&before, &after]) {
            if positions.is_empty() {
                return Err(Error::new(ErrorKind::NotStarted, identity, "it has no positions yet"));
            }
        }
        let all: BTreeSet<&Partition> = before.keys().chain(after.keys()).collect();
        let both = |partition: &Partition| [&before, &after].map(|it| it.get(partition).copied());
        let apart: Apart = all
            .into_iter()
            .map(|partition| (partition.clone(), both(partition)))
            .filter(|(_, [before, after])| before != after)
            .collect();
        if apart.is_empty() || tried >= INSTANTS {
            return Ok((snapshot, apart));
        }
        tried += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn of_table(
    versions: &Versions<'_>,
    snapshot: &Snapshot,
    pipeline: &Ingest,
    table: &str,
    names: [String; 2],
) -> Result<Compared, Error> {
    let database = versions.live.database;
    let found = [database.table(&names[0]).await?, database.table(&names[1]).await?];
    let table = table.to_owned();
    let [Some(before), Some(after)] = found else {
        let missing: Vec<&str> = names
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|(name, _)| name.as_str())
            .collect();
        let notes = vec![format!("there is no {}", missing.join(" and no "))];
        return Ok(Compared { table, rows: Rowwise::Not, notes });
    };
    let mut notes = Vec::new();
    let (key, order) = (key(&after), order(&after));
    if key != self::key(&before) || order != self::order(&before) {
        let counted = [(names[0].clone(), &before), (names[1].clone(), &after)];
        let mut counts = [0, 0];
        for (count, (name, table)) in counts.iter_mut().zip(counted) {
            let order = self::order(table);
            *count = Rows::new(snapshot, versions.name, name, self::key(table), &order).count().await?;
        }
        notes.push("the primary keys differ, so rows are counted and no more".to_owned());
        return Ok(Compared { table, rows: Rowwise::Counts(counts), notes });
    }
    let columns = columns(pipeline, &table, [&before, &after], key, &mut notes);
    let [one, other] = names;
    let mut one = Rows::new(snapshot, versions.name, one, columns.clone(), &order);
    let mut other = Rows::new(snapshot, versions.name, other, columns, &order);
    let mut tally = Tally::default();
    while let Some(taken) = tally.step(&order, one.peek().await?, other.peek().await?) {
        if taken != tally::Taken::After {
            one.take();
        }
        if taken != tally::Taken::Before {
            other.take();
        }
    }
    Ok(Compared { table, rows: Rowwise::Keys(tally), notes })
}

fn key(table: &Table) -> Vec<(String, Type)> {
    table.key().into_iter().map(|column| (column.name.clone(), column.ty.clone())).collect()
}

fn order(table: &Table) -> Order {
    Order(table.key().into_iter().map(|column| column.key_descending).collect())
}

/// The key's columns, and those others that the new mapping writes and both tables have with one type. What depends
/// on more than the records is left out.
fn columns(
    pipeline: &Ingest,
    table: &str,
    [before, after]: [&Table; 2],
    key: Vec<(String, Type)>,
    notes: &mut Vec<String>,
) -> Vec<(String, Type)> {
    let mut columns = key;
    for mapping in pipeline.tables.iter().filter(|it| pipeline.logical(it).eq_ignore_ascii_case(table)) {
        let random = random(mapping);
        for name in written(mapping, after) {
            if columns.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                continue;
            }
            let Some(after) = after.column(&name) else { continue };
            match before.column(&name) {
                None => notes.push(format!("{name} is new")),
                Some(_) if is_final(mapping, &name) => {
                    notes.push(format!("{name} is not compared: it is set after the rows"));
                }
                Some(_) if random.contains(&name) => {
                    notes.push(format!("{name} is not compared: a sketch depends on the batches too"));
                }
                Some(before) if before.ty != after.ty => {
                    notes.push(format!("{name} is not compared: it was {}, and is {}", before.ty, after.ty));
                }
                Some(_) => columns.push((after.name.clone(), after.ty.clone())),
            }
        }
    }
    columns
}

/// The columns that a mapping writes; of a `"*"`, all that the table has.
fn written(mapping: &IngestTable, table: &Table) -> Vec<String> {
    match mapping {
        IngestTable::Rows(rows) if rows.all.is_some() => {
            let written = table.columns.iter().filter(|column| !column.generated);
            written.map(|column| column.name.clone()).collect()
        }
        _ => column_names(mapping),
    }
}

/// Whether the column says that a window is final.
fn is_final(mapping: &IngestTable, column: &str) -> bool {
    let IngestTable::Aggregates(table) = mapping else { return false };
    let last = table.window.as_ref().and_then(|window| window.final_column.as_ref());
    last.is_some_and(|last| last.eq_ignore_ascii_case(column))
}

/// Columns whose values differ between two runs over the same records.
fn random(mapping: &IngestTable) -> Vec<String> {
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
