//! Reads a change stream from its start, after the fact: the changes that publish should have published.
//!
//! A tailing read of the emulator can miss a commit that falls on its polling boundary. A reader that was there at the
//! time is therefore not an oracle, and this one reads only the past.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::{ChangeRecord, Changes, ChildPartitions, DataChange, Database, ErrorKind, ModType};

use crate::ancestry::Ancestry;
use crate::change_id::{ChangeId, parse_record_sequence};
use crate::error::Result;

/// The heartbeat interval. All queries end in the past, so it only bounds how long a query may stay silent.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);

/// The number of queries of one partition before its error is returned.
const MAX_ATTEMPTS: u32 = 5;
/// The time between two attempts.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// One change of one row, as the change stream reports it.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamChange {
    /// The identity of the change.
    pub id: ChangeId,
    /// Insert, update or delete.
    pub mod_type: ModType,
    /// The primary key, as the stream's JSON text.
    pub keys: String,
    /// The columns after the change, as the stream's JSON text.
    pub new_values: String,
}

/// All changes of a change stream in a time range.
#[derive(Debug, Clone, Default)]
pub struct StreamHistory {
    /// The changes in lineage order: the changes of a row are in commit order.
    pub changes: Vec<StreamChange>,
    /// The lineage of the tokens.
    pub ancestry: Ancestry,
}

/// Reads all changes of a stream with `start <= commit timestamp <= end`, and holds them in memory. `end` must be in the
/// past, such as the database's current timestamp.
///
/// # Errors
/// The stream does not exist or no longer retains `start`, or Spanner cannot be reached.
pub async fn read(
    database: &Database,
    stream: &str,
    start: Timestamp,
    end: Timestamp,
) -> Result<StreamHistory> {
    let mut lineage = Lineage::default();
    let root = read_partition(database, stream, None, start, end).await?;
    lineage.add(&root.children);
    let mut changes = Vec::new();
    while let Some((token, start)) = lineage.next() {
        if start > end {
            continue;
        }
        let partition = read_partition(database, stream, Some(&token), start, end).await?;
        changes.extend(partition.changes);
        lineage.add(&partition.children);
    }
    Ok(StreamHistory { changes, ancestry: lineage.ancestry })
}

/// The discovered tokens that have not been read yet. The search is breadth first: all parents of a child were
/// discovered before it.
#[derive(Default)]
struct Lineage {
    discovered: HashSet<String>,
    unread: VecDeque<(String, Timestamp)>,
    ancestry: Ancestry,
}

impl Lineage {
    /// Adds child partitions. Each parent of a merge reports the merged child; it is added once.
    fn add(&mut self, records: &[ChildPartitions]) {
        for record in records {
            for child in &record.children {
                self.ancestry.add(&child.token, &child.parents);
                if self.discovered.insert(child.token.clone()) {
                    self.unread.push_back((child.token.clone(), record.start_timestamp));
                }
            }
        }
        // Parents come before children even when one branch has split more often than the other.
        self.unread.make_contiguous().sort_by_key(|(_, start)| *start);
    }

    fn next(&mut self) -> Option<(String, Timestamp)> {
        self.unread.pop_front()
    }
}

#[derive(Default)]
struct PartitionHistory {
    changes: Vec<StreamChange>,
    children: Vec<ChildPartitions>,
}

async fn read_partition(
    database: &Database,
    stream: &str,
    token: Option<&str>,
    start: Timestamp,
    end: Timestamp,
) -> Result<PartitionHistory> {
    let mut attempt = 1;
    loop {
        match collect(database.changes(stream, token, start, Some(end), HEARTBEAT_INTERVAL)).await {
            Ok(partition) => return partition,
            Err(error) if error.kind() == ErrorKind::Unavailable && attempt < MAX_ATTEMPTS => {
                tracing::debug!(%error, attempt, "retrying a change stream partition");
                attempt += 1;
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Collects the records of one query. The outer error is Spanner's, which may be retried; the inner error is final.
async fn collect(mut records: Changes) -> spanbridge_spanner::Result<Result<PartitionHistory>> {
    let mut partition = PartitionHistory::default();
    while let Some(record) = records.next().await {
        match record? {
            ChangeRecord::Data(data) => match changes_of(&data) {
                Ok(changes) => partition.changes.extend(changes),
                Err(error) => return Ok(Err(error)),
            },
            ChangeRecord::Children(children) => partition.children.push(children),
            ChangeRecord::Heartbeat(_) => {}
        }
    }
    Ok(Ok(partition))
}

fn changes_of(data: &DataChange) -> Result<Vec<StreamChange>> {
    let record_sequence = parse_record_sequence(&data.record_sequence)?;
    let change = |(mod_number, row): (usize, &spanbridge_spanner::Mod)| StreamChange {
        id: ChangeId {
            commit_timestamp: data.commit_timestamp,
            transaction_id: data.server_transaction_id.clone(),
            record_sequence,
            table: data.table_name.clone(),
            mod_number,
        },
        mod_type: data.mod_type,
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
    fn merged_token_is_read_once_and_after_its_parents() {
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
