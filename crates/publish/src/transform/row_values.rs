//! The decoded values of a row.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::decode_column;

use super::table_transform::TableTransform;

/// The values of a row by column, as far as a change or page holds them.
#[derive(Default)]
pub(super) struct RowValues<'a>(HashMap<&'a str, Value>);

impl<'a> RowValues<'a> {
    /// Decodes the columns of a change record and adds them.
    ///
    /// # Errors
    /// A column without a type, and a value that does not fit its type. The message contains no value.
    pub(super) fn with(
        mut self,
        transform: &'a TableTransform,
        columns: &Map<String, Json>,
    ) -> Result<Self, String> {
        for (name, json) in columns {
            let Some((column, ty)) = transform.columns.get_key_value(name) else {
                if transform.excludes(name) {
                    continue;
                }
                return Err(format!("its column {name} is not among its column types"));
            };
            let value = decode_column(ty, json).map_err(|error| format!("column {name}: {error}"))?;
            self.0.insert(column, value);
        }
        Ok(self)
    }

    /// The values of a row that was read with these columns.
    pub(super) fn of_page(columns: &'a [(String, Type)], values: Vec<Value>) -> Self {
        Self(columns.iter().map(|(name, _)| name.as_str()).zip(values).collect())
    }

    pub(super) fn get(&self, column: &str) -> Option<&Value> {
        self.0.get(column)
    }

    /// Returns a function that takes each column's value out.
    pub(super) fn into_taker(mut self) -> impl FnMut(&str) -> Option<Value> {
        move |column| self.0.remove(column)
    }
}
