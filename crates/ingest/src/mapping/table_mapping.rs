use spanbridge_config::Tombstones;
use spanbridge_protocol::ingest::{Change, Failure, Partition};
use spanbridge_schema::debezium::RowOperation;

use super::expression::Expression;
use super::expression_input::ExpressionInput;
use super::group_mapping::GroupMapping;
use super::path_resolver::RecordId;
use super::row_mapping::RowMapping;

/// The mapping of one table.
pub(super) struct TableMapping {
    pub(super) name: String,
    pub(super) filter: Option<Expression>,
    pub(super) tombstones: Tombstones,
    pub(super) kind: MappingKind,
}

/// The two kinds of tables.
pub(super) enum MappingKind {
    Rows(RowMapping),
    Groups(GroupMapping),
}

impl TableMapping {
    /// Returns the change of one record in this table, or `None` if the record does not concern it.
    ///
    /// # Errors
    /// The record is invalid for this table.
    pub(super) fn change(
        &self,
        target: usize,
        partition: &Partition,
        input: &ExpressionInput<'_>,
    ) -> Result<Option<Change>, Failure> {
        let is_tombstone = input.row.is_none();
        // An aggregate cannot subtract a record. A deleted row therefore counts as a tombstone.
        let has_no_row =
            matches!(self.kind, MappingKind::Groups(_)) && input.operation == RowOperation::Delete;
        match (is_tombstone || has_no_row, self.tombstones) {
            (true, Tombstones::Ignore) => return Ok(None),
            (true, Tombstones::DeadLetter) => {
                return Err(Failure::new("SB-INGEST-TOMBSTONE", "the record has no value"));
            }
            (true, Tombstones::Delete) | (false, _) => {}
        }
        // A filter on the value cannot be evaluated for a tombstone, which passes it.
        let filter = self.filter.as_ref().filter(|filter| !(is_tombstone && filter.reads("value")));
        if let Some(filter) = filter
            && !filter.is_true(input)?
        {
            return Ok(None);
        }
        let change = match &self.kind {
            MappingKind::Rows(rows) => rows.change(target, is_tombstone, input)?,
            MappingKind::Groups(groups) => groups.change(target, partition, input)?,
        };
        Ok(Some(change))
    }

    /// Returns whether a record may delete a row. `unwraps_changes` is true if the records are change events.
    pub(super) fn may_delete(&self, unwraps_changes: bool) -> bool {
        let MappingKind::Rows(rows) = &self.kind else { return false };
        let deletes_tombstones = self.tombstones == Tombstones::Delete;
        deletes_tombstones || unwraps_changes || !rows.writes || rows.delete_when.is_some()
    }

    /// Returns the record whose fields are all copied, if the table maps `"*"`.
    pub(super) fn copied_record(&self) -> Option<RecordId> {
        match &self.kind {
            MappingKind::Rows(rows) => rows.copied_record,
            MappingKind::Groups(_) => None,
        }
    }

    pub(super) fn reads_key(&self) -> bool {
        let expressions = match &self.kind {
            MappingKind::Rows(rows) => rows.expressions(),
            MappingKind::Groups(groups) => groups.expressions(),
        };
        expressions.into_iter().chain(&self.filter).any(|expression| expression.reads("key"))
    }
}
