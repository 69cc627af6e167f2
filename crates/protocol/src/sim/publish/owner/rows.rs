//! The tables as an owner reads them: for a snapshot, or again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::super::Rng;
use super::super::history::{ChangeRecord, History, READ, instant};
use super::{Owner, OwnerEnvironment};
use crate::publish::{RangeId, SnapshotRange};
use crate::value::Timestamp;

#[derive(Default)]
pub(super) struct RowReader {
    ranges: BTreeMap<RangeId, SnapshotRange>,
    pub(super) divide: bool,
    /// To be divided.
    pub(super) table: Option<Arc<str>>,
}

impl RowReader {
    pub(super) fn add(&mut self, id: RangeId, range: SnapshotRange) {
        self.ranges.insert(id, range);
    }
}

/// The rows of a table at a time, in the order of keys: all of them for a snapshot; a half, with numbers of its own,
/// of a table that is read again.
fn rows(history: &History, table: &str, at: Timestamp) -> Vec<ChangeRecord> {
    let rows = history.rows(at.timestamp());
    let Ok(number) = table.parse::<usize>() else { return rows.collect() };
    let again = |row: ChangeRecord| ChangeRecord { key: row.key + READ * (1 + number), ..row };
    rows.filter(|row| row.key % READ % 2 == number % 2).map(again).collect()
}

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

impl Owner {
    pub(super) fn divide(&mut self, rng: &mut Rng, env: &OwnerEnvironment<'_>) {
        let at = instant(env.clock);
        if std::mem::take(&mut self.rows.divide) {
            self.shard.add_snapshot_ranges(at, ranges(rng, "T", at), env.now);
        }
        if let Some(table) = self.rows.table.take() {
            self.shard.add_table_ranges(&table, Ok(ranges(rng, &table, at)), env.now);
        }
    }

    /// The next row or two of a range.
    pub(super) fn page(&mut self, rng: &mut Rng, env: &OwnerEnvironment<'_>) {
        if self.rows.ranges.is_empty() || !self.shard.has_room() {
            return;
        }
        let any = rng.below(self.rows.ranges.len());
        let Some((id, range)) = self.rows.ranges.iter_mut().nth(any) else { return };
        let id = *id;
        let number = |key: &Option<Arc<str>>| key.as_deref().map(|key| key.parse::<usize>().unwrap());
        let (after, through) = (number(&range.after), number(&range.through));
        let rows = rows(env.history, &range.table, range.at).into_iter().filter(|row| {
            let key = row.key % READ;
            after.is_none_or(|after| key > after) && through.is_none_or(|through| key <= through)
        });
        let rows: Vec<ChangeRecord> = rows.take(1 + rng.below(2)).collect();
        if self.shard.is_at_barrier() && rng.percent(5) {
            // Spanner keeps the rows no longer.
            self.rows.ranges.remove(&id);
            return self.shard.defer_range(id, env.now);
        }
        match rows.last() {
            Some(last) => {
                let last: Arc<str> = (last.key % READ).to_string().into();
                range.after = Some(last.clone());
                if !self.shard.add_rows(id, rows, 10, last, env.now) {
                    self.rows.ranges.remove(&id);
                }
            }
            None => {
                self.rows.ranges.remove(&id);
                self.shard.finish_range(id, env.now);
            }
        }
    }
}
