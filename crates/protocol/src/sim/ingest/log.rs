//! The topic's log, and what it must become.

use std::collections::BTreeMap;

use super::super::Dice;
use crate::ingest::{Change, Failure, Input, Offset, Payload, Record};
use crate::value::{Timestamp, Value};

pub(super) const PARTITIONS: i32 = 3;

/// What Spanner's answer to a record's row is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Good,
    Filtered,
    /// Cannot be decoded.
    Garbled,
    /// Spanner rejects its row.
    Poison,
    /// Spanner misses a row for it, with the same code that a lost fence has.
    Orphan,
    /// Its sum leaves INT64.
    Overflow,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) offset: Offset,
    pub(super) group: i64,
    pub(super) amount: i64,
    pub(super) kind: Kind,
}

pub(super) struct Raw;

impl Payload for Raw {
    fn key(&self) -> Option<&[u8]> {
        None
    }
    fn value(&self) -> Option<&[u8]> {
        None
    }
    fn headers(&self) -> Option<String> {
        None
    }
    fn timestamp(&self) -> Option<Timestamp> {
        None
    }
    fn trace_id(&self) -> Option<String> {
        None
    }
}

/// A partition's log; offsets have holes, as behind compaction and transaction markers.
pub(super) fn generate(dice: &mut Dice) -> Vec<Entry> {
    let mut offset = dice.below(5) as Offset;
    let entries = 5 + dice.below(40);
    let entry = |_| {
        let kind = match dice.below(100) {
            0..3 => Kind::Garbled,
            3..6 => Kind::Poison,
            6..8 => Kind::Orphan,
            8..10 => Kind::Overflow,
            10..15 => Kind::Filtered,
            _ => Kind::Good,
        };
        offset += 1 + if dice.percent(10) { dice.below(4) as Offset } else { 0 };
        Entry { offset, group: dice.below(4) as i64, amount: dice.below(100) as i64 - 20, kind }
    };
    (0..entries).map(entry).collect()
}

impl Entry {
    pub(super) fn record(&self, partition: i32) -> Record<Raw> {
        let key = || vec![Value::from(self.group), Value::from(i64::from(partition))];
        let amount = if self.kind == Kind::Overflow { i64::MAX } else { self.amount };
        let changes = || {
            let mut row = key();
            if matches!(self.kind, Kind::Poison | Kind::Orphan) {
                // A later record of the key in its batch would hide the flaw from Spanner.
                row[0] = Value::from(1000 + self.offset);
            }
            row.push(Value::from(self.offset));
            row.push(match self.kind {
                Kind::Poison => "poison".into(),
                Kind::Orphan => "orphan".into(),
                _ => Value::Null,
            });
            let inputs = vec![Input::Record, Input::Value(amount.into()), Input::Value(amount.into())];
            vec![Change::Row { target: 0, row }, Change::Group { target: 1, key: key(), inputs }]
        };
        let changes = match self.kind {
            Kind::Filtered => Ok(Vec::new()),
            Kind::Garbled => Err(Failure::new("SB-TEST", "garbled")),
            _ => Ok(changes()),
        };
        Record { offset: self.offset, changes, payload: Raw, size: 10 }
    }
}

/// What a partition's log folds to: the last offset a row, the states a group, and the dead letters.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Fold {
    pub(super) rows: BTreeMap<i64, Offset>,
    pub(super) groups: BTreeMap<i64, (i64, i64, i64)>,
    pub(super) letters: Vec<Offset>,
}

pub(super) fn fold(log: &[Entry]) -> Fold {
    let mut fold = Fold::default();
    for entry in log {
        let overflows = |fold: &Fold| {
            let sum = fold.groups.get(&entry.group).map(|(_, sum, _)| *sum);
            sum.is_some_and(|sum| sum.checked_add(i64::MAX).is_none())
        };
        let amount = match entry.kind {
            Kind::Filtered => continue,
            Kind::Garbled | Kind::Poison | Kind::Orphan => {
                fold.letters.push(entry.offset);
                continue;
            }
            Kind::Overflow if overflows(&fold) => {
                fold.letters.push(entry.offset);
                continue;
            }
            Kind::Overflow => i64::MAX,
            Kind::Good => entry.amount,
        };
        if let Some((_, sum, _)) = fold.groups.get(&entry.group)
            && sum.checked_add(amount).is_none()
        {
            fold.letters.push(entry.offset);
            continue;
        }
        fold.rows.insert(entry.group, entry.offset);
        let group = fold.groups.entry(entry.group).or_insert((0, 0, i64::MIN));
        *group = (group.0 + 1, group.1 + amount, group.2.max(amount));
    }
    fold
}
