//! A cache of decoded column types: nearly all records of a table have the same.

use std::collections::HashMap;
use std::sync::Arc;

use super::record::ColumnType;
use crate::error::Result;

/// The greatest number of cached tables.
const MAX_TABLES: usize = 1000;

/// The last column types of each table, with their encoded form `C`.
#[derive(Debug)]
pub(super) struct ColumnTypeCache<C>(HashMap<String, (C, Arc<[ColumnType]>)>);

impl<C> Default for ColumnTypeCache<C> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<C: PartialEq> ColumnTypeCache<C> {
    /// Returns the column types of a record. `read` decodes them if they differ from those of the table's last record.
    pub(super) fn get(
        &mut self,
        table: &str,
        columns: C,
        read: impl FnOnce(&C) -> Result<Vec<ColumnType>>,
    ) -> Result<Arc<[ColumnType]>> {
        if let Some((known, types)) = self.0.get(table)
            && *known == columns
        {
            return Ok(types.clone());
        }
        let types: Arc<[ColumnType]> = read(&columns)?.into();
        if self.0.len() >= MAX_TABLES {
            self.0.clear();
        }
        self.0.insert(table.to_owned(), (columns, types.clone()));
        Ok(types)
    }
}
