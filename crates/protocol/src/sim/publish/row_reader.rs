//! The reader of rows of an owner, for the initial snapshot and for incremental ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::stream_history::{ChangeRecord, SNAPSHOT_KEYS, StreamHistory, instant};
use crate::publish::{RangeId, Shard, SnapshotRange};
use crate::sim::rng::Rng;
use crate::value::Timestamp;

/// The tables to divide and the ranges to read.
#[derive(Default)]
pub(super) struct RowReader {
    ranges: BTreeMap<RangeId, SnapshotRange>,
    /// True if the initial snapshot is to be divided.
    divides_snapshot: bool,
    /// The table that is to be divided.
    table: Option<Arc<str>>,
}

impl RowReader {
    /// Adds a range to read.
    pub(super) fn add(&mut self, id: RangeId, range: SnapshotRange) {
        self.ranges.insert(id, range);
    }

    /// Requests the division of the initial snapshot.
    pub(super) fn request_snapshot(&mut self) {
        self.divides_snapshot = true;
    }

    /// Requests the division of a table.
    pub(super) fn request_table(&mut self, table: Arc<str>) {
        self.table = Some(table);
    }

    /// Divides what is to be divided.
    pub(super) fn divide(
        &mut self,
        shard: &mut Shard<ChangeRecord>,
        rng: &mut Rng,
        clock: i64,
        now: Duration,
    ) {
        let at = instant(clock);
        if std::mem::take(&mut self.divides_snapshot) {
            shard.add_snapshot_ranges(at, ranges(rng, "T", at), now);
        }
        if let Some(table) = self.table.take() {
            shard.add_table_ranges(&table, Ok(ranges(rng, &table, at)), now);
        }
    }

    /// Reads one or two rows of any range.
    pub(super) fn read_page(
        &mut self,
        shard: &mut Shard<ChangeRecord>,
        rng: &mut Rng,
        history: &StreamHistory,
        now: Duration,
    ) {
        if self.ranges.is_empty() || !shard.has_room() {
            return;
        }
        let any = rng.below(self.ranges.len());
        let Some((id, range)) = self.ranges.iter_mut().nth(any) else { return };
        let id = *id;
        let number = |key: &Option<Arc<str>>| key.as_deref().map(|key| key.parse::<usize>().unwrap());
        let (after, through) = (number(&range.after), number(&range.through));
        let rows = rows(history, &range.table, range.at).into_iter().filter(|row| {
            let key = row.key % SNAPSHOT_KEYS;
            after.is_none_or(|after| key > after) && through.is_none_or(|through| key <= through)
        });
        let rows: Vec<ChangeRecord> = rows.take(1 + rng.below(2)).collect();
        if shard.is_at_barrier() && rng.percent(5) {
            // The timestamp is older than `version_retention_period`.
            self.ranges.remove(&id);
            return shard.defer_range(id, now);
        }
        match rows.last() {
            Some(last) => {
                let last: Arc<str> = (last.key % SNAPSHOT_KEYS).to_string().into();
                range.after = Some(last.clone());
                if !shard.add_rows(id, rows, 10, last, now) {
                    self.ranges.remove(&id);
                }
            }
            None => {
                self.ranges.remove(&id);
                shard.finish_range(id, now);
            }
        }
    }
}

/// Returns the rows of a table as of `at` in key order. The initial snapshot contains all keys. The table of an
/// incremental snapshot contains half of them, under different key numbers.
fn rows(history: &StreamHistory, table: &str, at: Timestamp) -> Vec<ChangeRecord> {
    let rows = history.rows(at.timestamp());
    let Ok(number) = table.parse::<usize>() else { return rows.collect() };
    let renumber = |row: ChangeRecord| ChangeRecord { key: row.key + SNAPSHOT_KEYS * (1 + number), ..row };
    rows.filter(|row| row.key % SNAPSHOT_KEYS % 2 == number % 2).map(renumber).collect()
}

/// Divides a table at random keys.
fn ranges(rng: &mut Rng, table: &str, at: Timestamp) -> Vec<SnapshotRange> {
    let cuts = (0..8).filter(|_| rng.percent(30)).map(|key| Some(Arc::from(key.to_string())));
    let mut after = None;
    let range = |through: Option<Arc<str>>| SnapshotRange {
        table: table.into(),
        at,
        after: std::mem::replace(&mut after, through.clone()),
        through,
        rows: 0,
    };
    cuts.chain([None]).map(range).collect()
}
