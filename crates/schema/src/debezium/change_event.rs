//! Reads a change event of any Debezium connector.

use super::connect_json;
use crate::datum::{Datum, Symbol};
use crate::{Error, ErrorKind, Result};

/// The effect of a change event on its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowOperation {
    /// The row exists as `after` has it: a create, an update or a snapshot read.
    Upsert,
    /// The row no longer exists. `before` has what is known of it.
    Delete,
}

/// A change event of any Debezium connector.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeEvent {
    /// The effect on the row.
    pub operation: RowOperation,
    /// Debezium's `op`: `c`, `u`, `r` or `d`.
    pub op: String,
    /// The row before the change. Null if there was none, or if the connector does not know it.
    pub before: Datum,
    /// The row after the change. Null for a delete.
    pub after: Datum,
    /// Debezium's `source`: the origin of the change.
    pub source: Datum,
}

impl ChangeEvent {
    /// Reads the event in a decoded value, also inside the `{schema, payload}` of Connect's JSON converter.
    ///
    /// # Errors
    /// [`ErrorKind::Envelope`] if the value has no `op`, if its `op` changes no row (`t` truncates a table, `m` is a
    /// logical decoding message), or if the row of an upsert is missing.
    pub fn from_datum(value: Datum) -> Result<Self> {
        let mut envelope = connect_json::apply_connect_schema(value)?;
        let op = match envelope.take("op") {
            Some(Datum::String(op) | Datum::Enum(Symbol { name: op, .. })) => op,
            _ => {
                return Err(invalid(
                    "the value is not a Debezium change event: it has no `op`; check the pipeline's `unwrap`",
                ));
            }
        };
        let operation = match op.as_str() {
            "c" | "u" | "r" => RowOperation::Upsert,
            "d" => RowOperation::Delete,
            "t" => {
                return Err(invalid(
                    "the change event truncates its table (op `t`), which changes no single row",
                ));
            }
            "m" => return Err(invalid("the change event is a message (op `m`), not a row")),
            _ => return Err(invalid("the change event's `op` is none of c, u, r and d")),
        };
        let mut part = |name: &str| envelope.take(name).unwrap_or(Datum::Null);
        let event =
            Self { operation, op, before: part("before"), after: part("after"), source: part("source") };
        match (operation, event.row()) {
            (RowOperation::Upsert, Datum::Null) => Err(invalid("the change event has no `after`")),
            _ => Ok(event),
        }
    }

    /// The row: `after` for an upsert, `before` for a delete.
    pub fn row(&self) -> &Datum {
        match self.operation {
            RowOperation::Upsert => &self.after,
            RowOperation::Delete => &self.before,
        }
    }

    /// The name of the envelope's field that contains the row.
    pub fn row_field(&self) -> &'static str {
        match self.operation {
            RowOperation::Upsert => "after",
            RowOperation::Delete => "before",
        }
    }
}

fn invalid(message: &str) -> Error {
    Error::new(ErrorKind::Envelope, message)
}

#[cfg(test)]
mod tests;
