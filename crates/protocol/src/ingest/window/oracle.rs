//! Random records, and the states of functions over them, computed without the functions.

use proptest::prelude::*;

use super::instant::{MILLISECOND, instant, nanos};
use crate::ingest::aggregate::{AggregateFunction, AggregateInput};
use crate::value::{Timestamp, Value};

#[derive(Debug, Clone)]
pub(super) struct TimedRecord {
    pub(super) at: Timestamp,
    value: Option<i64>,
    /// True if a batch ends with the record.
    pub(super) last: bool,
}

pub(super) const FUNCTIONS: [AggregateFunction; 5] = [
    AggregateFunction::Count,
    AggregateFunction::Sum,
    AggregateFunction::Max,
    AggregateFunction::First,
    AggregateFunction::Last,
];

/// Generates records of one group in the order of their offsets, within `millis` milliseconds.
pub(super) fn records(millis: i128) -> impl Strategy<Value = Vec<TimedRecord>> {
    // Ten instants per millisecond around the epoch. Many are equal, and many share a millisecond.
    let time = (-millis * 5..millis * 5).prop_map(|tenth| instant(tenth * MILLISECOND / 10).unwrap());
    let record = (time, prop::option::weighted(0.9, -9..9_i64), prop::bool::weighted(0.3));
    prop::collection::vec(record.prop_map(|(at, value, last)| TimedRecord { at, value, last }), 0..40)
}

impl TimedRecord {
    pub(super) fn new(millis: i128, value: i64) -> Self {
        Self { at: at(millis), value: Some(value), last: false }
    }

    pub(super) fn inputs(&self) -> Vec<AggregateInput> {
        let value = AggregateInput::Value(self.value.into());
        vec![AggregateInput::Record, value.clone(), value.clone(), value.clone(), value]
    }

    /// The record's time in milliseconds.
    pub(super) fn millis(&self) -> i128 {
        nanos(self.at).div_euclid(MILLISECOND)
    }
}

pub(super) fn at(millis: i128) -> Timestamp {
    instant(millis * MILLISECOND).unwrap()
}

/// Computes the columns of [`FUNCTIONS`] over records in the order of their offsets.
pub(super) fn state<'a>(records: impl Iterator<Item = &'a TimedRecord> + Clone) -> Vec<Value> {
    let present = records.clone().filter_map(|record| Some((record.at, record.value?)));
    let values = || present.clone().map(|(_, value)| value);
    // Among equal times, `min_by_key` takes the first and `max_by_key` the last.
    let first = present.clone().min_by_key(|(at, _)| *at);
    let last = present.clone().max_by_key(|(at, _)| *at);
    let edge = |edge: Option<(Timestamp, i64)>| match edge {
        Some((at, value)) => [value.into(), Value::Timestamp(at)],
        None => [Value::Null, Value::Null],
    };
    let sum = values().next().map(|_| values().sum::<i64>());
    let mut state = vec![(records.count() as i64).into(), sum.into(), values().max().into()];
    state.extend(edge(first));
    state.extend(edge(last));
    state
}

/// Returns the batches, each with the earliest and the latest time in it.
pub(super) fn batches(
    records: &[TimedRecord],
) -> impl Iterator<Item = (&[TimedRecord], Timestamp, Timestamp)> {
    records.split_inclusive(|record| record.last).map(|batch| {
        let times = || batch.iter().map(|record| record.at);
        (batch, times().min().unwrap(), times().max().unwrap())
    })
}
