//! Compares the values of the registered schemas with the columns that they fill.

use spanbridge_config::{Aggregate, AggregatesTable, Function, IngestTable, Located};
use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::Type;
use spanbridge_schema::Shape;
use spanbridge_schema::convert::{Fit, check_fit};

use super::report::{Report, Severity};
use crate::schemas::{MissingField, PathField, ResolvedReference, Schemas};

const PATH: &str = "SB-CHECK-PATH";
const TYPE: &str = "SB-CHECK-TYPE";
const NULL: &str = "SB-CHECK-NULL";
const LENGTH: &str = "SB-CHECK-LENGTH";

/// The check of one table, which adds to a report.
pub(super) struct FitCheck<'r, 'c> {
    pub(super) report: &'r mut Report<'c>,
    pub(super) schemas: &'r Schemas,
    pub(super) table: &'r Table,
}

/// The column, or event time, that an expression's values fill.
struct ValueTarget<'a> {
    name: &'a str,
    ty: &'a Type,
    required: bool,
    length: Option<u64>,
}

impl FitCheck<'_, '_> {
    /// Checks all expressions of a mapping.
    pub(super) fn run(&mut self, mapping: &IngestTable) {
        let table = self.table;
        for mapping in mapping.mappings() {
            // A masked value does not have the type of its field.
            if let (Some(column), None) = (table.column(&mapping.column), mapping.mask) {
                self.expression(&mapping.expr, mapping.copied, &ValueTarget::column(column));
            }
        }
        if let IngestTable::Aggregates(aggregates) = mapping {
            self.aggregates(aggregates);
        }
    }

    fn aggregates(&mut self, mapping: &AggregatesTable) {
        if let Some(window) = &mapping.window {
            let into =
                ValueTarget { name: "the event time", ty: &Type::Timestamp, required: true, length: None };
            self.expression(&window.time, false, &into);
        }
        for Aggregate { column, function, argument, .. } in &mapping.aggregates {
            let (Some(argument), Some(column)) = (argument, self.table.column(column)) else { continue };
            let ty = match function {
                // Values of any type can be counted.
                Function::Count | Function::ApproxDistinct => continue,
                Function::ApproxQuantile(_) => &Type::Float64,
                _ => &column.ty,
            };
            // An aggregate ignores NULL.
            self.expression(
                argument,
                false,
                &ValueTarget { ty, required: false, ..ValueTarget::column(column) },
            );
        }
    }

    /// Checks one expression. A copied field may be missing.
    fn expression(&mut self, text: &Located<str>, copied: bool, into: &ValueTarget<'_>) {
        match self.schemas.resolve(text) {
            ResolvedReference::Computed => {}
            ResolvedReference::Metadata(field) => {
                for (severity, code, why) in into.misfits(&field) {
                    let message = format!("{}: {why}", into.name);
                    self.report.add(severity, text.span, code, message, help(code));
                }
            }
            ResolvedReference::Field(part, path) => {
                let mut found: Vec<(Severity, &'static str, String, Vec<&str>)> = Vec::new();
                for version in part.versions.iter().rev() {
                    let field = if copied { version.copied(&path) } else { version.field(&path) };
                    let misfits = match field {
                        Ok(field) => into.misfits(&field),
                        Err(MissingField(why)) => {
                            // Records of an older writer may still be in the log.
                            let severity = if version.newest { Severity::Error } else { Severity::Warning };
                            vec![(severity, PATH, why)]
                        }
                    };
                    for (severity, code, why) in misfits {
                        match found.iter_mut().find(|known| (known.1, &known.2) == (code, &why)) {
                            Some(known) => known.3.push(&version.title),
                            None => found.push((severity, code, why, vec![&version.title])),
                        }
                    }
                }
                for (severity, code, why, titles) in found {
                    let message = match code {
                        PATH => format!("{}: {why}", into.name),
                        _ => format!("{}: {why} ({})", into.name, titles.join(", ")),
                    };
                    self.report.add(severity, text.span, code, message, help(code));
                }
            }
        }
    }
}

impl<'a> ValueTarget<'a> {
    /// Returns a column as the target.
    fn column(column: &'a Column) -> Self {
        Self { name: &column.name, ty: &column.ty, required: !column.nullable, length: column.length }
    }

    /// Returns the ways in which the values of a field do not fit: severity, code and reason.
    fn misfits(&self, field: &PathField) -> Vec<(Severity, &'static str, String)> {
        let mut misfits = Vec::new();
        match check_fit(&field.shape, self.ty) {
            Fit::Lossless => {}
            Fit::Sometimes(why) => misfits.push((Severity::Warning, TYPE, why)),
            Fit::Never(why) => return vec![(Severity::Error, TYPE, why)],
        }
        if self.required && field.nullable {
            misfits.push((
                Severity::Warning,
                NULL,
                "the schema allows null, but the column does not".to_owned(),
            ));
        }
        if let Some(length) = self.length
            && field.shape.members().iter().any(is_unbounded)
        {
            let why = format!("the schema does not limit the length, but the column limits it to {length}");
            misfits.push((Severity::Warning, LENGTH, why));
        }
        misfits
    }
}

fn is_unbounded(shape: &Shape) -> bool {
    match shape {
        Shape::String | Shape::Bytes => true,
        Shape::List(item) => item.members().iter().any(is_unbounded),
        _ => false,
    }
}

fn help(code: &str) -> &'static str {
    match code {
        PATH => "records of this writer become dead letters: correct the path, or use CEL with has()",
        NULL => {
            "a record with null becomes a dead letter: allow null in the column, or exclude such records with `where`"
        }
        LENGTH => "a record with a longer value becomes a dead letter: make the column MAX, or accept that",
        _ => {
            "a record whose value cannot be converted becomes a dead letter: see docs/reference/values.md for the types that fit"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misfits_have_codes_and_severities() {
        let misfits = |shape: Shape, ty: Type, required, length| {
            let into = ValueTarget { name: "C", ty: &ty, required, length };
            let nullable = shape.is_nullable();
            let of = into.misfits(&PathField { shape, nullable });
            of.into_iter().map(|(severity, code, _)| (severity, code)).collect::<Vec<_>>()
        };
        let warning = |code| (Severity::Warning, code);
        assert_eq!(misfits(Shape::Int(64), Type::Int64, true, None), []);
        assert_eq!(misfits(Shape::Bool, Type::Int64, true, None), [(Severity::Error, TYPE)]);
        assert_eq!(misfits(Shape::Int(64), Type::Float64, true, None), [warning(TYPE)]);
        assert_eq!(misfits(Shape::Int(64).nullable(), Type::Int64, true, None), [warning(NULL)]);
        assert_eq!(misfits(Shape::Int(64).nullable(), Type::Int64, false, None), []);
        let both = misfits(Shape::String.nullable(), Type::String, true, Some(9));
        assert_eq!(both, [warning(NULL), warning(LENGTH)]);
    }
}
