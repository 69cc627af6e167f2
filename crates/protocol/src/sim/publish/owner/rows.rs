//! The tables as an owner reads them: for a snapshot, or again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::super::Rng;
use super::super::history::{Change, History, READ, instant};
use super::{Around, Owner};
use crate::publish::{Range, RangeId};
use crate::value::Timestamp;

#[derive(Default)]
pub(super) struct Rows {
    ranges: BTreeMap<RangeId, Range>,
    pub(super) divide: bool,
    /// To be divided.
    pub(super) table: Option<Arc<str>>,
}

impl Rows {
    pub(super) fn add(&mut self, id: RangeId, range: Range) {
        self.ranges.insert(id, range);
    }
}

/// The rows of a table at a time, in the order of keys: all of them for a snapshot; a half, with numbers of its own,
/// of a table that is read again.
fn rows(history: &History, table: &str, at: Timestamp) -> Vec<Change> {
    let rows = history.rows(at.timestamp());
    let Ok(number) = table.parse::<usize>() else { return rows.collect() };
    let again = |row: Change| Change { key: row.key + READ * (1 + number), ..row };
    rows.filter(|row| row.key % READ % 2 == number % 2).map(again).collect()
}

fn ranges(dice: &mut Rng, table: &str, at: Timestamp) -> Vec<Range> {
    let cuts = (0..8).filter(|_| dice.percent(30)).map(|key| Some(Arc::from(key.to_string())));
    let mut after = None;
    let range = |through: Option<Arc<str>>| Range {
        table: table.into(),
        at,
        after: std::mem::replace(&mut after, through.clone()),
        through,
        rows: 0,
    };
    cuts.chain([None]).map(range).collect()
}

impl Owner {
    pub(super) fn divide(&mut self, dice: &mut Rng, around: &Around<'_>) {
        let at = instant(around.clock);
        if std::mem::take(&mut self.rows.divide) {
            self.shard.divided(at, ranges(dice, "T", at), around.now);
        }
        if let Some(table) = self.rows.table.take() {
            self.shard.table_divided(&table, Ok(ranges(dice, &table, at)), around.now);
        }
    }

    /// The next row or two of a range.
    pub(super) fn page(&mut self, dice: &mut Rng, around: &Around<'_>) {
        if self.rows.ranges.is_empty() || !self.shard.has_room() {
            return;
        }
        let any = dice.below(self.rows.ranges.len());
        let Some((id, range)) = self.rows.ranges.iter_mut().nth(any) else { return };
        let id = *id;
        let number = |key: &Option<Arc<str>>| key.as_deref().map(|key| key.parse::<usize>().unwrap());
        let (after, through) = (number(&range.after), number(&range.through));
        let rows = rows(around.history, &range.table, range.at).into_iter().filter(|row| {
            let key = row.key % READ;
            after.is_none_or(|after| key > after) && through.is_none_or(|through| key <= through)
        });
        let rows: Vec<Change> = rows.take(1 + dice.below(2)).collect();
        if self.shard.reads_again() && dice.percent(5) {
            // Spanner keeps the rows no longer.
            self.rows.ranges.remove(&id);
            return self.shard.leave(id, around.now);
        }
        match rows.last() {
            Some(last) => {
                let last: Arc<str> = (last.key % READ).to_string().into();
                range.after = Some(last.clone());
                if !self.shard.page(id, rows, 10, last, around.now) {
                    self.rows.ranges.remove(&id);
                }
            }
            None => {
                self.rows.ranges.remove(&id);
                self.shard.read(id, around.now);
            }
        }
    }
}
