use super::connect_json;
use crate::datum::{Datum, Symbol};
use crate::{Error, Kind, Result};

/// What a change event does to its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Creates, updates and rows of a snapshot: the row is there, as `after` has it.
    Upsert,
    /// The row is gone; `before` has what is known of it.
    Delete,
}

/// A change event of any Debezium connector, unwrapped.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub operation: Operation,
    /// Debezium's letter.
    pub op: String,
    /// Null where there was none, or the connector does not know it.
    pub before: Datum,
    /// Null for a delete.
    pub after: Datum,
    /// Where it comes from.
    pub source: Datum,
}

impl Event {
    /// The row: `after`, of a delete `before`.
    pub fn row(&self) -> &Datum {
        match self.operation {
            Operation::Upsert => &self.after,
            Operation::Delete => &self.before,
        }
    }

    /// The name of the envelope's field that holds the row.
    pub fn row_field(&self) -> &'static str {
        match self.operation {
            Operation::Upsert => "after",
            Operation::Delete => "before",
        }
    }
}

/// The event in a decoded value, also within the JSON converter's `{schema, payload}`.
///
/// Fails with [`Kind::Envelope`]: there is no `op`, it is one that names no row (`t` truncates, `m` is a
/// message), or its row is missing.
pub fn unwrap(value: Datum) -> Result<Event> {
    let mut envelope = connect_json::unwrap(value)?;
    let op = match envelope.take("op") {
        Some(Datum::String(op) | Datum::Enum(Symbol { name: op, .. })) => op,
        _ => return Err(refused("the value is not a change event of Debezium: it has no `op`")),
    };
    let operation = match op.as_str() {
        "c" | "u" | "r" => Operation::Upsert,
        "d" => Operation::Delete,
        "t" => return Err(refused("the change event truncates its table (op `t`), which names no row")),
        "m" => return Err(refused("the change event is a message (op `m`), not a row")),
        _ => return Err(refused("the change event's `op` is none of c, u, r and d")),
    };
    let mut part = |name: &str| envelope.take(name).unwrap_or(Datum::Null);
    let event = Event { operation, op, before: part("before"), after: part("after"), source: part("source") };
    match (operation, event.row()) {
        (Operation::Upsert, Datum::Null) => Err(refused("the change event has no `after`")),
        _ => Ok(event),
    }
}

fn refused(what: &str) -> Error {
    Error::new(Kind::Envelope, what)
}

#[cfg(test)]
mod tests;
