//! An expression of the configuration file: a bare path, which is copied without evaluation, or CEL.

use std::borrow::Cow;
use std::ops::Range;

use spanbridge_protocol::ingest::Failure;
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_schema::Datum;
use spanbridge_schema::datum::Instant;
use spanbridge_schema::debezium::ChangeEvent;

use super::cel::CelProgram;
use super::convert::convert;
use super::expression_input::ExpressionInput;
use super::field_path::{FieldPath, PathRoot, child};
use super::mask::Mask;
use super::path_resolver::{PathId, PathResolver};
use super::variables::Variables;
use crate::bare_path::bare_path;

/// The source of a value.
pub(super) enum Expression {
    /// `value.a.b`
    Value(PathId),
    /// `key` or `key.a.b`
    Key(PathId, Vec<String>),
    /// `headers.name`: the last header with that name, as text
    Header(String),
    Topic,
    Partition,
    Offset,
    Timestamp,
    /// `op`, of a change event
    Op,
    /// `source.a.b`, of a change event
    Source(PathId, Vec<String>),
    /// `before.a.b`, of a change event
    Before(PathId, Vec<String>),
    Cel(Box<CelProgram>),
    Masked(Box<Expression>, Mask),
}

impl Expression {
    /// Compiles an expression.
    ///
    /// With a type, the writer's schema must already show that the values of a bare path convert to that type.
    ///
    /// # Errors
    /// The text is not a valid expression: the message, and the range of bytes in the text.
    pub(super) fn compile(
        text: &str,
        variables: Variables,
        paths: &mut PathResolver,
        ty: Option<&Type>,
    ) -> Result<Self, (String, Range<usize>)> {
        let cel = || CelProgram::compile(text, variables.names()).map(|cel| Self::Cel(Box::new(cel)));
        let Some(parts) = bare_path(text) else { return cel() };
        let (root, rest) = (parts[0], owned(&parts[1..]));
        let invalid = |message: String| Err((message, 0..text.len()));
        if matches!((root, rest.len()), ("true" | "false" | "null", 0)) {
            return cel();
        }
        if !variables.names().contains(&root) {
            return invalid(format!("variable `{root}` is not one of {}", variables.names().join(", ")));
        }
        let mut path =
            |root, names: Vec<String>| paths.add(FieldPath { root, names, copied: false, ty: ty.cloned() });
        // In a change event, the variable's name is the first field of the path.
        let whole = || owned(&parts);
        match (root, rest.len()) {
            ("value", _) => Ok(Self::Value(path(PathRoot::Row, rest))),
            ("key", _) => Ok(Self::Key(path(PathRoot::Key, rest.clone()), rest)),
            ("headers", 1) => Ok(Self::Header(rest.concat())),
            ("topic", 0) => Ok(Self::Topic),
            ("partition", 0) => Ok(Self::Partition),
            ("offset", 0) => Ok(Self::Offset),
            ("timestamp", 0) => Ok(Self::Timestamp),
            ("op", 0) => Ok(Self::Op),
            ("source", _) => Ok(Self::Source(path(PathRoot::Event, whole()), rest)),
            ("before", _) => Ok(Self::Before(path(PathRoot::Event, whole()), rest)),
            _ => invalid(format!("`{text}` is not a single value that a column can hold")),
        }
    }

    /// Returns the expression of a field of `"*"`, at that path in the value.
    pub(super) fn copied(text: &str, paths: &mut PathResolver, ty: &Type) -> Self {
        let names = owned(&bare_path(text).unwrap_or_default());
        let names = names.into_iter().skip(1).collect();
        Self::Value(paths.add(FieldPath { root: PathRoot::Row, names, copied: true, ty: Some(ty.clone()) }))
    }

    /// Returns the expression with its values masked.
    pub(super) fn masked(self, mask: Mask) -> Self {
        Self::Masked(Box::new(self), mask)
    }

    /// Returns true if the expression reads a variable.
    pub(super) fn reads(&self, variable: &str) -> bool {
        match self {
            Self::Value(_) => variable == "value",
            Self::Key(..) => variable == "key",
            Self::Header(_) => variable == "headers",
            Self::Topic => variable == "topic",
            Self::Partition => variable == "partition",
            Self::Offset => variable == "offset",
            Self::Timestamp => variable == "timestamp",
            Self::Op => variable == "op",
            Self::Source(..) => variable == "source",
            Self::Before(..) => variable == "before",
            Self::Cel(cel) => cel.reads(variable),
            Self::Masked(inner, _) => inner.reads(variable),
        }
    }

    /// Returns the value for a column of that type.
    ///
    /// # Errors
    /// The record has no such field, or its value does not fit the column.
    pub(super) fn evaluate(&self, input: &ExpressionInput<'_>, ty: &Type) -> Result<Value, Failure> {
        match self {
            Self::Masked(inner, mask) => mask.apply(&*inner.datum(input)?, ty),
            Self::Cel(cel) => convert(&as_text(cel.evaluate(input)?, ty), ty),
            _ => convert(&*self.datum(input)?, ty),
        }
    }

    /// Returns the value before any conversion or mask.
    ///
    /// # Errors
    /// The record has no such field, or the evaluation fails.
    pub(super) fn datum<'i>(&self, input: &'i ExpressionInput<'_>) -> Result<Cow<'i, Datum>, Failure> {
        let event = |id: PathId, path: &[String], of: fn(&'i ChangeEvent) -> &'i Datum| match (
            input.event,
            &input.row,
        ) {
            (Some(event), Some(row)) => {
                row.paths.steps(id)?;
                descend(of(event), path).map(Cow::Borrowed)
            }
            _ => Ok(Cow::Owned(Datum::Null)),
        };
        Ok(match self {
            Self::Value(path) => match &input.row {
                Some(row) => Cow::Borrowed(row.paths.value(*path, row.value)?),
                None => Cow::Owned(Datum::Null),
            },
            Self::Key(id, path) => {
                if let Some(paths) = &input.key.paths {
                    paths.steps(*id)?;
                }
                Cow::Borrowed(key_field(input.key.value, path)?)
            }
            Self::Header(name) => {
                let found = input.record.headers.iter().rev().find(|(header, _)| header == name);
                Cow::Owned(match found.and_then(|(_, value)| value.as_ref()) {
                    None => Datum::Null,
                    Some(bytes) => Datum::from(std::str::from_utf8(bytes).map_err(|_| {
                        Failure::new("SB-INGEST-CONVERT", format!("header `{name}` is not UTF-8"))
                    })?),
                })
            }
            Self::Topic => Cow::Owned(Datum::from(&*input.record.topic)),
            Self::Partition => Cow::Owned(Datum::Int(i64::from(input.record.partition))),
            Self::Offset => Cow::Owned(Datum::Int(input.record.offset)),
            Self::Timestamp => Cow::Owned(match input.record.timestamp_ms {
                Some(at) => Datum::Timestamp(Instant::from_millis(at)),
                None => Datum::Null,
            }),
            Self::Op => Cow::Owned(input.event.map_or(Datum::Null, |event| Datum::from(event.op.as_str()))),
            Self::Source(id, path) => event(*id, path, |event| &event.source)?,
            Self::Before(id, path) => event(*id, path, |event| &event.before)?,
            Self::Cel(cel) => Cow::Owned(cel.evaluate(input)?),
            Self::Masked(inner, _) => inner.datum(input)?,
        })
    }

    /// Returns true if the record passes a condition.
    ///
    /// # Errors
    /// The condition is neither true nor false, or its evaluation fails.
    pub(super) fn is_true(&self, input: &ExpressionInput<'_>) -> Result<bool, Failure> {
        match self.evaluate(input, &Type::Bool)? {
            Value::Bool(is_true) => Ok(is_true),
            _ => Err(Failure::new("SB-INGEST-WHERE", "`where` is neither true nor false")),
        }
    }

    /// Returns the event time for a window.
    ///
    /// # Errors
    /// The value is NULL or not a timestamp.
    pub(super) fn timestamp(&self, input: &ExpressionInput<'_>) -> Result<Timestamp, Failure> {
        match self.evaluate(input, &Type::Timestamp)? {
            Value::Timestamp(at) => Ok(at),
            _ => Err(Failure::new("SB-INGEST-WINDOW", "the event time is null")),
        }
    }
}

/// Converts CEL's timestamps to text, unless the column is a TIMESTAMP.
fn as_text(value: Datum, ty: &Type) -> Datum {
    match (value, ty) {
        (Datum::Timestamp(at), ty) if *ty != Type::Timestamp => match at.to_utc() {
            Some(at) => Datum::String(at.to_rfc3339()),
            None => Datum::Timestamp(at),
        },
        (Datum::List(items), Type::Array(item)) => {
            Datum::List(items.into_iter().map(|value| as_text(value, item)).collect())
        }
        (value, _) => value,
    }
}

/// Returns a field of the key. Unlike a field of the value it must exist in every format.
fn key_field<'v>(key: &'v Datum, path: &[String]) -> Result<&'v Datum, Failure> {
    path.iter().try_fold(key, |value, name| {
        value
            .get(name)
            .ok_or_else(|| Failure::new("SB-INGEST-PATH", format!("the key has no field `{name}`")))
    })
}

fn descend<'v>(value: &'v Datum, path: &[String]) -> Result<&'v Datum, Failure> {
    path.iter().try_fold(value, |value, name| child(value, name))
}

fn owned(parts: &[&str]) -> Vec<String> {
    parts.iter().map(ToString::to_string).collect()
}
