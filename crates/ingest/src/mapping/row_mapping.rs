use spanbridge_protocol::ingest::{Change, Failure};
use spanbridge_schema::debezium::RowOperation;

use super::expression::Expression;
use super::expression_input::ExpressionInput;
use super::mapped_column::MappedColumn;
use super::path_resolver::RecordId;

/// The mapping of a table with one row per record.
pub(super) struct RowMapping {
    pub(super) columns: Vec<MappedColumn>,
    /// The indexes of the primary key's columns, in key order.
    pub(super) key: Vec<usize>,
    /// The index of the column that orders versions of one row.
    pub(super) version: Option<usize>,
    /// False if every record deletes.
    pub(super) writes: bool,
    pub(super) delete_when: Option<Expression>,
    /// The record whose fields are all copied.
    pub(super) copied_record: Option<RecordId>,
}

impl RowMapping {
    pub(super) fn change(
        &self,
        target: usize,
        is_tombstone: bool,
        input: &ExpressionInput<'_>,
    ) -> Result<Change, Failure> {
        let deletes = is_tombstone
            || input.operation == RowOperation::Delete
            || !self.writes
            || match &self.delete_when {
                Some(delete_when) => delete_when.is_true(input)?,
                None => false,
            };
        if !deletes {
            let row = self.columns.iter().map(|column| column.evaluate(input)).collect::<Result<_, _>>()?;
            return Ok(Change::Row { target, row });
        }
        let key = self.key.iter().map(|&at| self.columns[at].evaluate(input)).collect::<Result<_, _>>()?;
        let version = self.version.map(|at| &self.columns[at]);
        let version = version.filter(|column| !(is_tombstone && column.expression.reads("value")));
        let version = version.map(|column| column.evaluate(input)).transpose()?;
        Ok(Change::Delete { target, key, version })
    }

    /// Returns all expressions of the mapping.
    pub(super) fn expressions(&self) -> Vec<&Expression> {
        let columns = self.columns.iter().map(|column| &column.expression);
        columns.chain(&self.delete_when).collect()
    }
}
