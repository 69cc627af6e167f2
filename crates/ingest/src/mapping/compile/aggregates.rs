//! Compiles the aggregates of a table.

use spanbridge_config::{Aggregate, AggregatesTable, Function as ConfigFunction};
use spanbridge_protocol::ingest::{AggregateFunction, Fraction, MeanType};
use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::Type;

use super::super::group_mapping::{AggregateArgument, ArgumentValue};
use super::super::mapped_column::MappedColumn;
use super::compiler::{COLUMN, Compiler, TYPE};

/// The columns, functions and arguments of a table in the order of the file. Each column is followed by its companions.
pub(super) struct CompiledAggregates {
    pub(super) columns: Vec<String>,
    pub(super) functions: Vec<AggregateFunction>,
    pub(super) arguments: Vec<AggregateArgument>,
}

/// Returns the aggregates of a table, or `None` after a mistake.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    mapping: &AggregatesTable,
    live: &Table,
) -> Option<CompiledAggregates> {
    let mut all = CompiledAggregates { columns: Vec::new(), functions: Vec::new(), arguments: Vec::new() };
    for aggregate in &mapping.aggregates {
        let column = compiler.live_column(live, &aggregate.column)?;
        let Some((function, argument)) = function(aggregate.function, &column.ty) else {
            let message =
                format!("column {} is {}, which this aggregate cannot produce", column.name, column.ty);
            compiler.error(&aggregate.column, TYPE, message, accepted(aggregate.function));
            return None;
        };
        let companions = companions(compiler, aggregate, function, &column, live)?;
        let value = match &aggregate.argument {
            None => ArgumentValue::Record,
            Some(text) => {
                // Values of any type can be counted as distinct.
                let any = function == AggregateFunction::ApproxDistinct;
                let expression = compiler.expression(text, (!any).then_some(&argument))?;
                let column = MappedColumn { name: column.name.clone(), ty: argument, expression };
                if any { ArgumentValue::Identity(column) } else { ArgumentValue::Value(column) }
            }
        };
        let filter = compiler.filter(aggregate.filter.as_ref())?;
        all.arguments.push(AggregateArgument { value, filter });
        all.columns.push(column.name);
        all.columns.extend(companions);
        all.functions.push(function);
    }
    Some(all)
}

/// Returns the companion columns in which the aggregate keeps the rest of its state. They must exist.
fn companions(
    compiler: &mut Compiler<'_>,
    aggregate: &Aggregate,
    function: AggregateFunction,
    column: &Column,
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
        let companion = live.column(&name).filter(|found| found.ty == *ty && !found.generated);
        let Some(companion) = companion else {
            let message = format!("table `{}` has no column {name} {ty}", live.name);
            let help = format!("add it: `{}` keeps part of its state there", aggregate.function.name());
            compiler.error(&aggregate.column, COLUMN, message, help);
            return None;
        };
        names.push(companion.name.clone());
    }
    Some(names)
}

/// Returns the function for a column of that type, and the type of its argument.
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
        ConfigFunction::Count | ConfigFunction::ApproxDistinct => "change the column to INT64",
        ConfigFunction::Sum => "change the column to INT64, NUMERIC or FLOAT64",
        ConfigFunction::Avg => "change the column to NUMERIC or FLOAT64",
        ConfigFunction::ApproxQuantile(_) => "change the column to FLOAT64",
        ConfigFunction::Min | ConfigFunction::Max | ConfigFunction::First | ConfigFunction::Last => {
            "change the column to a scalar type"
        }
    }
}
