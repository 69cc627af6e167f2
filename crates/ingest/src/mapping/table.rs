//! One table's part of the mapping.

use spanbridge_config::Tombstones;
use spanbridge_protocol::ingest::{Change, Failure, Input as FunctionInput, Partition, Size, tumbling};
use spanbridge_protocol::value::{Type, Value};

use super::expression::Expression;
use super::record::Input;

pub(crate) struct TableMapping {
    pub(super) name: String,
    pub(super) filter: Option<Expression>,
    pub(super) tombstones: Tombstones,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Rows(Vec<Column>),
    Groups { key: Vec<KeyColumn>, inputs: Vec<Option<Column>> },
}

/// An expression for a column.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) ty: Type,
    pub(super) expression: Expression,
}

/// A column of a group's key.
pub(super) enum KeyColumn {
    Group(Column),
    Window { time: Expression, size: Size },
    SourcePartition,
}

impl TableMapping {
    /// What the record changes in this table.
    pub(super) fn change(
        &self,
        target: usize,
        partition: &Partition,
        input: &Input<'_>,
    ) -> Result<Option<Change>, Failure> {
        if input.value.is_none() {
            return match self.tombstones {
                Tombstones::Ignore => Ok(None),
                Tombstones::DeadLetter => Err(Failure::new("SB-INGEST-TOMBSTONE", "the record has no value")),
            };
        }
        if let Some(filter) = &self.filter
            && !filter.holds(input)?
        {
            return Ok(None);
        }
        let change = match &self.kind {
            Kind::Rows(columns) => {
                let row = columns.iter().map(|column| column.evaluate(input)).collect::<Result<_, _>>()?;
                Change::Row { target, row }
            }
            Kind::Groups { key, inputs } => {
                let key = key.iter().map(|part| part.evaluate(partition, input)).collect::<Result<_, _>>()?;
                let argument = |argument: &Option<Column>| match argument {
                    None => Ok(FunctionInput::Record),
                    Some(column) => column.evaluate(input).map(FunctionInput::Value),
                };
                let inputs = inputs.iter().map(argument).collect::<Result<_, _>>()?;
                Change::Group { target, key, inputs }
            }
        };
        Ok(Some(change))
    }
}

impl Column {
    fn evaluate(&self, input: &Input<'_>) -> Result<Value, Failure> {
        self.expression.evaluate(input, &self.ty).map_err(|failure| {
            let message = format!("column {}: {}", self.name, failure.message);
            Failure { code: failure.code, message }
        })
    }
}

impl KeyColumn {
    fn evaluate(&self, partition: &Partition, input: &Input<'_>) -> Result<Value, Failure> {
        match self {
            Self::Group(column) => column.evaluate(input),
            Self::Window { time, size } => {
                let start = tumbling(time.instant(input)?, *size)
                    .map_err(|error| Failure::new("SB-INGEST-WINDOW", error.to_string()))?;
                Ok(Value::Timestamp(start))
            }
            Self::SourcePartition => Ok(i64::from(partition.number).into()),
        }
    }
}
