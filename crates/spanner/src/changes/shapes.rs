use std::collections::HashMap;
use std::sync::Arc;

use super::record::ColumnType;
use crate::error::Result;

/// Tables whose column types are remembered at most.
const MOST: usize = 1000;

/// The last column types of each table, with what they were read from: nearly all records of a table have the same.
#[derive(Debug)]
pub(super) struct Shapes<C>(HashMap<String, (C, Arc<[ColumnType]>)>);

impl<C> Default for Shapes<C> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<C: PartialEq> Shapes<C> {
    /// The column types of a record, read only where they are not those of the table's last one.
    pub(super) fn of(
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
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(table.to_owned(), (columns, types.clone()));
        Ok(types)
    }
}
