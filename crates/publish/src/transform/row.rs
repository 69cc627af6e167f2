use std::collections::HashMap;

use serde_json::{Map, Value as Json};
use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::decode_column;

use super::TableTransform;

/// The values of a row as far as a change holds them, by column.
#[derive(Default)]
pub(super) struct Row<'p>(HashMap<&'p str, Value>);

impl<'p> Row<'p> {
    /// Decodes these columns and adds them.
    pub(super) fn with(
        mut self,
        plan: &'p TableTransform,
        columns: &Map<String, Json>,
    ) -> Result<Self, String> {
        for (name, json) in columns {
            let Some((column, ty)) = plan.columns.get_key_value(name) else {
                if plan.leaves_out(name) {
                    continue;
                }
                return Err(format!("its column {name} is not among its column types"));
            };
            let value = decode_column(ty, json).map_err(|error| format!("column {name}: {error}"))?;
            self.0.insert(column, value);
        }
        Ok(self)
    }

    /// A row that was read with these columns.
    pub(super) fn read(columns: &'p [(String, Type)], values: Vec<Value>) -> Self {
        Self(columns.iter().map(|(name, _)| name.as_str()).zip(values).collect())
    }

    pub(super) fn get(&self, column: &str) -> Option<&Value> {
        self.0.get(column)
    }

    /// Gives each column's value away.
    pub(super) fn taker(mut self) -> impl FnMut(&str) -> Option<Value> {
        move |column| self.0.remove(column)
    }
}
