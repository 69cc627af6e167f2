use spanbridge_protocol::ingest::{AggregateInput, Change, Failure, Partition};
use spanbridge_protocol::value::{Timestamp, Value};
use spanbridge_schema::datum::Instant;

use super::expression::Expression;
use super::expression_input::ExpressionInput;
use super::mapped_column::MappedColumn;

/// The mapping of a table with one row per group of records.
pub(super) struct GroupMapping {
    /// The columns of the primary key in key order, without a window's bound.
    pub(super) key: Vec<GroupKeyColumn>,
    /// The event time of windows. Without it the record's timestamp counts.
    pub(super) time: Option<Expression>,
    /// One argument per aggregate function.
    pub(super) arguments: Vec<AggregateArgument>,
}

/// A column of a group's key.
pub(super) enum GroupKeyColumn {
    Mapped(Box<MappedColumn>),
    SourcePartition,
}

/// The argument that a record gives to an aggregate function.
pub(super) struct AggregateArgument {
    pub(super) value: ArgumentValue,
    pub(super) filter: Option<Expression>,
}

/// The form of an aggregate function's argument.
pub(super) enum ArgumentValue {
    /// The record itself, for `count()`.
    Record,
    /// A value of the function's type.
    Value(MappedColumn),
    /// Bytes that identify the value, for `approx_distinct(…)`.
    Identity(MappedColumn),
}

impl GroupMapping {
    pub(super) fn change(
        &self,
        target: usize,
        partition: &Partition,
        input: &ExpressionInput<'_>,
    ) -> Result<Change, Failure> {
        let key = self.key.iter().map(|part| part.evaluate(partition, input)).collect::<Result<_, _>>()?;
        let at = match &self.time {
            Some(time) => Some(time.timestamp(input)?),
            None => input.record.timestamp_ms.map(record_time).transpose()?,
        };
        let inputs =
            self.arguments.iter().map(|argument| argument.evaluate(input)).collect::<Result<_, _>>()?;
        Ok(Change::Group { target, key, at, inputs })
    }

    /// Returns all expressions of the mapping.
    pub(super) fn expressions(&self) -> Vec<&Expression> {
        let keys = self.key.iter().filter_map(|key| match key {
            GroupKeyColumn::Mapped(column) => Some(&column.expression),
            GroupKeyColumn::SourcePartition => None,
        });
        let values = self.arguments.iter().filter_map(|argument| argument.value.column());
        let values = values.map(|column| &column.expression);
        let filters = self.arguments.iter().filter_map(|argument| argument.filter.as_ref());
        keys.chain(values).chain(filters).chain(&self.time).collect()
    }
}

/// Returns the timestamp of a record as its event time.
///
/// # Errors
/// It is out of the range of TIMESTAMP: `SB-INGEST-CONVERT`.
fn record_time(since_1970_ms: i64) -> Result<Timestamp, Failure> {
    Instant::from_millis(since_1970_ms).to_utc().ok_or_else(|| {
        Failure::new("SB-INGEST-CONVERT", "the record's timestamp is out of the range of TIMESTAMP")
    })
}

impl GroupKeyColumn {
    fn evaluate(&self, partition: &Partition, input: &ExpressionInput<'_>) -> Result<Value, Failure> {
        match self {
            Self::Mapped(column) => column.evaluate(input),
            Self::SourcePartition => Ok(i64::from(partition.number).into()),
        }
    }
}

impl AggregateArgument {
    fn evaluate(&self, input: &ExpressionInput<'_>) -> Result<AggregateInput, Failure> {
        if let Some(filter) = &self.filter
            && !filter.is_true(input)?
        {
            return Ok(AggregateInput::Skip);
        }
        match &self.value {
            ArgumentValue::Record => Ok(AggregateInput::Record),
            ArgumentValue::Value(column) => column.evaluate(input).map(AggregateInput::Value),
            ArgumentValue::Identity(column) => column.identity(input).map(AggregateInput::Value),
        }
    }
}

impl ArgumentValue {
    fn column(&self) -> Option<&MappedColumn> {
        match self {
            Self::Record => None,
            Self::Value(column) | Self::Identity(column) => Some(column),
        }
    }
}
