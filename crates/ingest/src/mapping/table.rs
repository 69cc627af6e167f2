//! One table's part of the mapping.

use spanbridge_config::Tombstones;
use spanbridge_protocol::ingest::{AggregateInput as FunctionInput, Change, Failure, Partition};
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_schema::datum::canonical_text;
use spanbridge_schema::debezium::RowOperation;

use super::expression::Expression;
use super::plan::RecordId;
use super::record::Input;

pub(crate) struct TableMapping {
    pub(super) name: String,
    pub(super) filter: Option<Expression>,
    pub(super) tombstones: Tombstones,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Rows(RowMapping),
    Groups(GroupMapping),
}

/// One record, one row.
pub(super) struct RowMapping {
    pub(super) columns: Vec<Column>,
    /// Where the columns of the primary key stand, in key order.
    pub(super) key: Vec<usize>,
    pub(super) version: Option<usize>,
    /// False where every record deletes.
    pub(super) writes: bool,
    pub(super) delete_when: Option<Expression>,
    /// The record whose fields are all copied.
    pub(super) all: Option<RecordId>,
}

/// Many records, one row.
pub(super) struct GroupMapping {
    /// All of the primary key but a window's bound, in key order.
    pub(super) key: Vec<KeyColumn>,
    /// The event time of windows; without them it is the record's timestamp.
    pub(super) time: Option<Expression>,
    /// One a function.
    pub(super) inputs: Vec<Argument>,
}

/// An expression for a column.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) ty: Type,
    pub(super) expression: Expression,
}

/// A column of a group's key.
pub(super) enum KeyColumn {
    Group(Box<Column>),
    SourcePartition,
}

/// What a record gives to an aggregate.
pub(super) struct Argument {
    pub(super) value: Given,
    pub(super) filter: Option<Expression>,
}

pub(super) enum Given {
    /// Itself, for `count()`.
    Record,
    /// A value of the function's type.
    Value(Column),
    /// Whatever tells values apart.
    Identity(Column),
}

impl Given {
    fn column(&self) -> Option<&Column> {
        match self {
            Self::Record => None,
            Self::Value(column) | Self::Identity(column) => Some(column),
        }
    }
}

impl TableMapping {
    /// What the record changes in this table.
    pub(super) fn change(
        &self,
        target: usize,
        partition: &Partition,
        input: &Input<'_>,
    ) -> Result<Option<Change>, Failure> {
        let is_tombstone = input.value.is_none();
        // Nothing is taken back out of a group: a deleted row is to it what a tombstone is.
        let has_no_row = matches!(self.kind, Kind::Groups(_)) && input.operation == RowOperation::Delete;
        match (is_tombstone || has_no_row, self.tombstones) {
            (true, Tombstones::Ignore) => return Ok(None),
            (true, Tombstones::DeadLetter) => {
                return Err(Failure::new("SB-INGEST-TOMBSTONE", "the record has no value"));
            }
            (true, Tombstones::Delete) | (false, _) => {}
        }
        // What a filter says of the value says nothing of a tombstone.
        let filter = self.filter.as_ref().filter(|filter| !(is_tombstone && filter.reads("value")));
        if let Some(filter) = filter
            && !filter.holds(input)?
        {
            return Ok(None);
        }
        let change = match &self.kind {
            Kind::Rows(rows) => rows.change(target, is_tombstone, input)?,
            Kind::Groups(groups) => groups.change(target, partition, input)?,
        };
        Ok(Some(change))
    }

    /// The record whose fields are all copied.
    pub(super) fn takes_all(&self) -> Option<RecordId> {
        match &self.kind {
            Kind::Rows(rows) => rows.all,
            Kind::Groups(_) => None,
        }
    }

    pub(super) fn reads_key(&self) -> bool {
        let (columns, others): (Vec<&Column>, Vec<Option<&Expression>>) = match &self.kind {
            Kind::Rows(rows) => (rows.columns.iter().collect(), vec![rows.delete_when.as_ref()]),
            Kind::Groups(groups) => {
                let keys = groups.key.iter().filter_map(|key| match key {
                    KeyColumn::Group(column) => Some(column.as_ref()),
                    KeyColumn::SourcePartition => None,
                });
                let values = groups.inputs.iter().filter_map(|input| input.value.column());
                let filters = groups.inputs.iter().map(|input| input.filter.as_ref());
                (keys.chain(values).collect(), filters.chain([groups.time.as_ref()]).collect())
            }
        };
        let columns = columns.into_iter().map(|column| &column.expression);
        let others = others.into_iter().flatten().chain(&self.filter);
        columns.chain(others).any(|expression| expression.reads("key"))
    }
}

impl RowMapping {
    fn change(&self, target: usize, is_tombstone: bool, input: &Input<'_>) -> Result<Change, Failure> {
        let deletes = is_tombstone
            || input.operation == RowOperation::Delete
            || !self.writes
            || match &self.delete_when {
                Some(delete_when) => delete_when.holds(input)?,
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
}

impl GroupMapping {
    fn change(&self, target: usize, partition: &Partition, input: &Input<'_>) -> Result<Change, Failure> {
        let key = self.key.iter().map(|part| part.evaluate(partition, input)).collect::<Result<_, _>>()?;
        let at = match &self.time {
            Some(time) => Some(time.instant(input)?),
            None => input.record.timestamp_ms.and_then(Timestamp::from_timestamp_millis),
        };
        let inputs = self.inputs.iter().map(|argument| argument.evaluate(input)).collect::<Result<_, _>>()?;
        Ok(Change::Group { target, key, at, inputs })
    }
}

impl Column {
    fn evaluate(&self, input: &Input<'_>) -> Result<Value, Failure> {
        self.expression.evaluate(input, &self.ty).map_err(|failure| self.at_fault(failure))
    }

    /// The bytes that are the same for equal values, whatever type carries them.
    fn identity(&self, input: &Input<'_>) -> Result<Value, Failure> {
        let datum = self.expression.datum(input).map_err(|failure| self.at_fault(failure))?;
        if datum.is_null() {
            return Ok(Value::Null);
        }
        canonical_text(&datum).map(|bytes| Value::Bytes(bytes.into_owned())).ok_or_else(|| {
            let what = format!("a {} out of range cannot be told from others", datum.type_name());
            self.at_fault(Failure::new("SB-INGEST-CONVERT", what))
        })
    }

    fn at_fault(&self, failure: Failure) -> Failure {
        let message = format!("column {}: {}", self.name, failure.message);
        Failure { code: failure.code, message }
    }
}

impl KeyColumn {
    fn evaluate(&self, partition: &Partition, input: &Input<'_>) -> Result<Value, Failure> {
        match self {
            Self::Group(column) => column.evaluate(input),
            Self::SourcePartition => Ok(i64::from(partition.number).into()),
        }
    }
}

impl Argument {
    fn evaluate(&self, input: &Input<'_>) -> Result<FunctionInput, Failure> {
        if let Some(filter) = &self.filter
            && !filter.holds(input)?
        {
            return Ok(FunctionInput::Skip);
        }
        match &self.value {
            Given::Record => Ok(FunctionInput::Record),
            Given::Value(column) => column.evaluate(input).map(FunctionInput::Value),
            Given::Identity(column) => column.identity(input).map(FunctionInput::Value),
        }
    }
}
