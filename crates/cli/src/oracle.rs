//! A change stream read again from its start, after the fact: what publish should have published.
//!
//! A tailing read of the emulator can miss a commit that falls on its polling boundary, so a reader that was there at
//! the time is no oracle.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::{ChangeRecord, Changes, ChildPartitions, DataChange, Database, ErrorKind, ModType};

use crate::Result;
use crate::ancestry::Ancestry;
use crate::change::{self, ChangeId};

/// The end is in the past, so heartbeats matter only for how long silence is borne.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Queries of one partition before its error counts.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// One change of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub id: ChangeId,
    pub kind: ModType,
    /// The primary key, as the stream's JSON text.
    pub keys: String,
    /// The columns after the change, as the stream's JSON text.
    pub new_values: String,
}

/// All changes of a stream with `start <= commit timestamp <= end`, in lineage order: a row's changes are in the order
/// in which they were committed. `end` is in the past, such as Spanner's own now. All are held in memory.
///
/// # Errors
/// The stream does not exist or no longer holds `start`; Spanner cannot be reached.
pub async fn read(database: &Database, stream: &str, start: Timestamp, end: Timestamp) -> Result<History> {
    let mut lineage = Lineage::default();
    let root = partition(database, stream, None, start, end).await?;
    lineage.add(&root.children);
    let mut changes = Vec::new();
    while let Some((token, start)) = lineage.next() {
        if start > end {
            continue;
        }
        let read = partition(database, stream, Some(&token), start, end).await?;
        changes.extend(read.changes);
        lineage.add(&read.children);
    }
    Ok(History { changes, ancestry: lineage.ancestry })
}

/// What a stream has to tell.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub changes: Vec<Change>,
    pub ancestry: Ancestry,
}

/// Tokens that were found and not yet read. Breadth first: a child's parents were all found before it.
#[derive(Default)]
struct Lineage {
    found: HashSet<String>,
    open: VecDeque<(String, Timestamp)>,
    ancestry: Ancestry,
}

impl Lineage {
    /// A merge is reported by each of its parents.
    fn add(&mut self, records: &[ChildPartitions]) {
        for record in records {
            for child in &record.children {
                self.ancestry.add(&child.token, &child.parents);
                if self.found.insert(child.token.clone()) {
                    self.open.push_back((child.token.clone(), record.start_timestamp));
                }
            }
        }
        // Parents before children, also when one branch has split more often than the other.
        self.open.make_contiguous().sort_by_key(|(_, start)| *start);
    }

    fn next(&mut self) -> Option<(String, Timestamp)> {
        self.open.pop_front()
    }
}

#[derive(Default)]
struct Partition {
    changes: Vec<Change>,
    children: Vec<ChildPartitions>,
}

async fn partition(
    database: &Database,
    stream: &str,
    token: Option<&str>,
    start: Timestamp,
    end: Timestamp,
) -> Result<Partition> {
    let mut attempt = 1;
    loop {
        match collect(database.changes(stream, token, start, Some(end), HEARTBEAT)).await {
            Ok(partition) => return partition,
            Err(error) if error.kind() == ErrorKind::Unavailable && attempt < ATTEMPTS => {
                tracing::debug!(%error, attempt, "the oracle reads a partition again");
                attempt += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn collect(mut records: Changes) -> spanbridge_spanner::Result<Result<Partition>> {
    let mut partition = Partition::default();
    while let Some(record) = records.next().await {
        match record? {
            ChangeRecord::Data(data) => match changes(&data) {
                Ok(changes) => partition.changes.extend(changes),
                Err(error) => return Ok(Err(error)),
            },
            ChangeRecord::Children(children) => partition.children.push(children),
            ChangeRecord::Heartbeat(_) => {}
        }
    }
    Ok(Ok(partition))
}

fn changes(data: &DataChange) -> Result<Vec<Change>> {
    let sequence = change::sequence(&data.record_sequence)?;
    let change = |(number, row): (usize, &spanbridge_spanner::Mod)| Change {
        id: ChangeId {
            commit: data.commit_timestamp,
            transaction: data.server_transaction_id.clone(),
            sequence,
            table: data.table_name.clone(),
            number,
        },
        kind: data.mod_type,
        keys: row.keys.clone(),
        new_values: row.new_values.clone(),
    };
    Ok(data.mods.iter().enumerate().map(change).collect())
}

#[cfg(test)]
mod tests {
    use spanbridge_spanner::ChildPartition;

    use super::*;

    #[test]
    fn a_merge_is_read_once_and_parents_go_first() {
        let at = |second| Timestamp::from_timestamp(second, 0).unwrap();
        let children = |start, tokens: &[&str]| ChildPartitions {
            start_timestamp: at(start),
            record_sequence: "0".into(),
            children: tokens
                .iter()
                .map(|token| ChildPartition { token: (*token).into(), parents: Vec::new() })
                .collect(),
        };
        let mut lineage = Lineage::default();
        lineage.add(&[children(0, &["a", "b"])]);
        assert_eq!(lineage.next(), Some(("a".into(), at(0))));
        lineage.add(&[children(9, &["ab"]), children(5, &["c"])]);
        assert_eq!(lineage.next(), Some(("b".into(), at(0))));
        lineage.add(&[children(9, &["ab"])]);
        assert_eq!(lineage.next(), Some(("c".into(), at(5))));
        assert_eq!(lineage.next(), Some(("ab".into(), at(9))));
        assert_eq!(lineage.next(), None);
    }
}
