//! Whether the registered schemas' values fit the columns.

use spanbridge_config::{Aggregate, AggregatesTable, Function, IngestTable, Located};
use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::Type;
use spanbridge_schema::Shape;
use spanbridge_schema::convert::{Fit, check_fit};

use super::report::{Report, Severity};
use crate::schemas::{Field, Missing, Read, Schemas};

const PATH: &str = "SB-CHECK-PATH";
const TYPE: &str = "SB-CHECK-TYPE";
const NULL: &str = "SB-CHECK-NULL";
const LENGTH: &str = "SB-CHECK-LENGTH";

pub(super) struct Fits<'r, 'c> {
    pub(super) report: &'r mut Report<'c>,
    pub(super) schemas: &'r Schemas,
    pub(super) table: &'r Table,
}

/// What an expression's values go into.
struct Into<'a> {
    name: &'a str,
    ty: &'a Type,
    required: bool,
    length: Option<u64>,
}

impl Fits<'_, '_> {
    pub(super) fn of(&mut self, mapping: &IngestTable) {
        let table = self.table;
        for mapping in mapping.mappings() {
            // What a mask leaves has nothing to do with the schema.
            if let (Some(column), None) = (table.column(&mapping.column), mapping.mask) {
                self.text(&mapping.expr, mapping.copied, &Into::column(column));
            }
        }
        if let IngestTable::Aggregates(aggregates) = mapping {
            self.aggregates(aggregates);
        }
    }

    fn aggregates(&mut self, mapping: &AggregatesTable) {
        if let Some(window) = &mapping.window {
            let into = Into { name: "the event time", ty: &Type::Timestamp, required: true, length: None };
            self.text(&window.time, false, &into);
        }
        for Aggregate { column, function, argument, .. } in &mapping.aggregates {
            let (Some(argument), Some(column)) = (argument, self.table.column(column)) else { continue };
            let ty = match function {
                // Any values can be told apart.
                Function::Count | Function::ApproxDistinct => continue,
                Function::ApproxQuantile(_) => &Type::Float64,
                _ => &column.ty,
            };
            // An aggregate passes over nulls.
            self.text(argument, false, &Into { ty, required: false, ..Into::column(column) });
        }
    }

    /// A copied field may be missing.
    fn text(&mut self, text: &Located<str>, copied: bool, into: &Into<'_>) {
        match self.schemas.read(text) {
            Read::Expression => {}
            Read::Record(field) => {
                for (severity, code, why) in into.misfits(&field) {
                    let message = format!("{}: {why}", into.name);
                    self.report.add(severity, text.span, code, message, help(code));
                }
            }
            Read::Field(part, path) => {
                let mut found: Vec<(Severity, &'static str, String, Vec<&str>)> = Vec::new();
                for version in part.versions.iter().rev() {
                    let field = if copied { version.copied(&path) } else { version.field(&path) };
                    let misfits = match field {
                        Ok(field) => into.misfits(&field),
                        Err(Missing(why)) => {
                            // Records of a former writer, which may still be in the log.
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

impl<'a> Into<'a> {
    fn column(column: &'a Column) -> Self {
        Self { name: &column.name, ty: &column.ty, required: !column.nullable, length: column.length }
    }

    fn misfits(&self, field: &Field) -> Vec<(Severity, &'static str, String)> {
        let mut misfits = Vec::new();
        match check_fit(&field.shape, self.ty) {
            Fit::Lossless => {}
            Fit::Sometimes(why) => misfits.push((Severity::Warning, TYPE, why)),
            Fit::Never(why) => return vec![(Severity::Error, TYPE, why)],
        }
        if self.required && field.nullable {
            misfits.push((Severity::Warning, NULL, "the schema allows null, the column does not".to_owned()));
        }
        if let Some(length) = self.length
            && field.shape.members().iter().any(is_unbounded)
        {
            let why = format!("the schema has no bound for the length, the column has {length}");
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
        PATH => "records of such a writer are errors: correct the path, or use CEL with has()",
        NULL => {
            "a record with null is an error: allow null in the column, or leave such records out with `where`"
        }
        LENGTH => "a longer value is an error of its record: make the column MAX, or accept that",
        _ => {
            "a value that does not convert is an error of its record: see docs/reference/values.md for the types that fit"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_misfit_has_its_code_and_weight() {
        let misfits = |shape: Shape, ty: Type, required, length| {
            let into = Into { name: "C", ty: &ty, required, length };
            let nullable = shape.is_nullable();
            let of = into.misfits(&Field { shape, nullable });
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
