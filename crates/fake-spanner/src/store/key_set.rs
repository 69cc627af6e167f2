//! Key sets.

use googleapis_tonic_google_spanner_v1::google::spanner::v1::key_range::{EndKeyType, StartKeyType};
use googleapis_tonic_google_spanner_v1::google::spanner::v1::{KeyRange, KeySet};
use prost_types::ListValue;

use crate::cell;
use crate::key::{self, Key};
use crate::refusal::{Error, Result};
use crate::schema::Table;
use crate::span::{Span, behind};

/// Converts a key set of a table into spans, one for each key and each range.
/// Source: <https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#keyset>.
pub(crate) fn key_set(table: &Table, set: Option<&KeySet>) -> Result<Vec<Span>> {
    let Some(set) = set else { return Ok(Vec::new()) };
    if set.all {
        return Ok(vec![Span::all()]);
    }
    let whole = |list: &ListValue| {
        if list.values.len() == table.key.len() {
            return encoded(table, list).map(Span::prefix);
        }
        let (found, wanted, name) = (list.values.len(), table.key.len(), table.full_name());
        let message = format!("Wrong number of key parts for table {name}. Expected: {wanted}. Got: {found}");
        Err(Error::precondition(message))
    };
    let keys = set.keys.iter().map(whole);
    keys.chain(set.ranges.iter().map(|range| span(table, range))).collect()
}

fn span(table: &Table, range: &KeyRange) -> Result<Span> {
    let incomplete = || Error::invalid("A key range must have a start and an end.");
    let from = match range.start_key_type.as_ref().ok_or_else(incomplete)? {
        StartKeyType::StartClosed(start) => encoded(table, start)?,
        StartKeyType::StartOpen(start) => behind(&encoded(table, start)?),
    };
    let until = match range.end_key_type.as_ref().ok_or_else(incomplete)? {
        EndKeyType::EndClosed(end) => behind(&encoded(table, end)?),
        EndKeyType::EndOpen(end) => encoded(table, end)?,
    };
    Ok(Span { from, until })
}

/// Encodes a key, or its first parts.
fn encoded(table: &Table, list: &ListValue) -> Result<Key> {
    if list.values.len() > table.key.len() {
        let message = format!("Wrong number of key parts for table {}.", table.full_name());
        return Err(Error::precondition(message));
    }
    let mut key = Key::new();
    for (part, wire) in table.key.iter().zip(&list.values) {
        let value = cell::accept(table, &table.columns[part.column], wire)?;
        key::push(&mut key, &value, part.descending);
    }
    Ok(key)
}
