//! The aggregates of a table.

use spanbridge_config::{Aggregate, AggregatesTable, Function as ConfigFunction};
use spanbridge_protocol::ingest::{AggregateFunction, Fraction, MeanType};
use spanbridge_protocol::table::{Column as TableColumn, Table};
use spanbridge_protocol::value::Type;

use super::super::table::{Argument, Column, Given};
use super::{COLUMN, Compiler, TYPE};

/// Columns, functions and inputs, in the order of the file; each column with its companions behind it.
pub(super) struct Aggregates {
    pub(super) columns: Vec<String>,
    pub(super) functions: Vec<AggregateFunction>,
    pub(super) inputs: Vec<Argument>,
}

impl Compiler<'_> {
    pub(super) fn aggregates(&mut self, mapping: &AggregatesTable, live: &Table) -> Option<Aggregates> {
        let mut all = Aggregates { columns: Vec::new(), functions: Vec::new(), inputs: Vec::new() };
        for aggregate in &mapping.aggregates {
            let column = self.live(live, &aggregate.column)?;
            let Some((function, argument)) = function(aggregate.function, &column.ty) else {
                let message = format!("column {} is {}, which this aggregate is not", column.name, column.ty);
                self.error(&aggregate.column, TYPE, message, accepted(aggregate.function));
                return None;
            };
            let companions = self.companions(aggregate, function, &column, live)?;
            let value = match &aggregate.argument {
                None => Given::Record,
                Some(text) => {
                    // Any values can be told apart.
                    let any = function == AggregateFunction::ApproxDistinct;
                    let expression = self.expression(text, (!any).then_some(&argument))?;
                    let column = Column { name: column.name.clone(), ty: argument, expression };
                    if any { Given::Identity(column) } else { Given::Value(column) }
                }
            };
            let filter = self.filter(aggregate.filter.as_ref())?;
            all.inputs.push(Argument { value, filter });
            all.columns.push(column.name);
            all.columns.extend(companions);
            all.functions.push(function);
        }
        Some(all)
    }

    /// The columns beside the aggregate's own, which must be there.
    fn companions(
        &mut self,
        aggregate: &Aggregate,
        function: AggregateFunction,
        column: &TableColumn,
        live: &Table,
    ) -> Option<Vec<String>> {
        let types: &[Type] = match function {
            AggregateFunction::Avg(_) => &[column.ty.clone(), Type::Int64],
            AggregateFunction::First | AggregateFunction::Last => &[Type::Timestamp],
            AggregateFunction::ApproxDistinct | AggregateFunction::ApproxQuantile(_) => &[Type::Bytes],
            AggregateFunction::Count
            | AggregateFunction::Sum
            | AggregateFunction::Min
            | AggregateFunction::Max => &[],
        };
        let mut names = Vec::with_capacity(types.len());
        for (name, ty) in aggregate.companions().into_iter().zip(types) {
            let found = live.column(&name).filter(|found| found.ty == *ty && !found.generated);
            let Some(found) = found else {
                let message = format!("table `{}` has no column {name} {ty}", live.name);
                let help = format!("add it: `{}` keeps part of its state there", aggregate.function.name());
                self.error(&aggregate.column, COLUMN, message, help);
                return None;
            };
            names.push(found.name.clone());
        }
        Some(names)
    }
}

/// The function for a column of that type, and the type of its argument.
fn function(function: ConfigFunction, ty: &Type) -> Option<(AggregateFunction, Type)> {
    let scalar = !matches!(ty, Type::Array(_) | Type::Json);
    let (function, fits, argument) = match function {
        ConfigFunction::Count => (AggregateFunction::Count, *ty == Type::Int64, ty.clone()),
        ConfigFunction::Sum => {
            (AggregateFunction::Sum, matches!(ty, Type::Int64 | Type::Numeric | Type::Float64), ty.clone())
        }
        ConfigFunction::Min => (AggregateFunction::Min, scalar, ty.clone()),
        ConfigFunction::Max => (AggregateFunction::Max, scalar, ty.clone()),
        ConfigFunction::First => (AggregateFunction::First, scalar, ty.clone()),
        ConfigFunction::Last => (AggregateFunction::Last, scalar, ty.clone()),
        ConfigFunction::Avg => {
            let mean = if *ty == Type::Numeric { MeanType::Numeric } else { MeanType::Float64 };
            (AggregateFunction::Avg(mean), matches!(ty, Type::Numeric | Type::Float64), ty.clone())
        }
        ConfigFunction::ApproxDistinct => {
            (AggregateFunction::ApproxDistinct, *ty == Type::Int64, Type::Bytes)
        }
        ConfigFunction::ApproxQuantile(quantile) => {
            let fraction = Fraction::new(quantile.get()).ok()?;
            (AggregateFunction::ApproxQuantile(fraction), *ty == Type::Float64, Type::Float64)
        }
    };
    fits.then_some((function, argument))
}

fn accepted(function: ConfigFunction) -> &'static str {
    match function {
        ConfigFunction::Count | ConfigFunction::ApproxDistinct => "make it INT64",
        ConfigFunction::Sum => "make it INT64, NUMERIC or FLOAT64",
        ConfigFunction::Avg => "make it NUMERIC or FLOAT64",
        ConfigFunction::ApproxQuantile(_) => "make it FLOAT64",
        ConfigFunction::Min | ConfigFunction::Max | ConfigFunction::First | ConfigFunction::Last => {
            "make it of a scalar type"
        }
    }
}
