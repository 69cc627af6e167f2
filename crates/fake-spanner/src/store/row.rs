//! One row.

use spanbridge_protocol::value::Value;

/// A row: one value for each column, in column order.
pub(crate) type Row = Vec<Value>;
