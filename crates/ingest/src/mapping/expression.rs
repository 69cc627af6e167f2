//! An expression of the file: a bare path, copied without evaluation, or CEL.

use std::borrow::Cow;
use std::ops::Range;

use spanbridge_protocol::ingest::Failure;
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_schema::Datum;
use spanbridge_schema::convert::to_spanner;
use spanbridge_schema::datum::Instant;
use spanbridge_schema::debezium::ChangeEvent;

use super::cel::Cel;
use super::mask::Mask;
use super::plan::{Path, PathId, Plans, Root, child};
use super::record::Input;
use super::variables::Variables;

pub(super) enum Expression {
    /// `value.a.b`
    Value(PathId),
    /// `key` or `key.a.b`
    Key(PathId, Vec<String>),
    /// `headers.name`: the last header of that name, as text.
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
    Cel(Box<Cel>),
    Masked(Box<Expression>, Mask),
}

impl Expression {
    /// Compiles it; an error says what is wrong, and where in the text, in bytes. With a type, a bare path is of a
    /// field whose values must convert to it by the writer's schema already.
    pub(super) fn compile(
        text: &str,
        variables: Variables,
        plans: &mut Plans,
        ty: Option<&Type>,
    ) -> Result<Self, (String, Range<usize>)> {
        let cel = || Cel::compile(text, variables.names()).map(|cel| Self::Cel(Box::new(cel)));
        let Some(parts) = bare_path(text) else { return cel() };
        let (root, rest) = (parts[0], path_of(&parts[1..]));
        let unknown = |what: String| Err((what, 0..text.len()));
        if matches!((root, rest.len()), ("true" | "false" | "null", 0)) {
            return cel();
        }
        if !variables.names().contains(&root) {
            return unknown(format!("`{root}` is not one of {}", variables.names().join(", ")));
        }
        let mut path =
            |root, steps: Vec<String>| plans.add(Path { root, steps, copied: false, ty: ty.cloned() });
        // A path of the event begins with the variable's own name.
        let whole = || path_of(&parts);
        match (root, rest.len()) {
            ("value", _) => Ok(Self::Value(path(Root::Row, rest))),
            ("key", _) => Ok(Self::Key(path(Root::Key, rest.clone()), rest)),
            ("headers", 1) => Ok(Self::Header(rest.concat())),
            ("topic", 0) => Ok(Self::Topic),
            ("partition", 0) => Ok(Self::Partition),
            ("offset", 0) => Ok(Self::Offset),
            ("timestamp", 0) => Ok(Self::Timestamp),
            ("op", 0) => Ok(Self::Op),
            ("source", _) => Ok(Self::Source(path(Root::Event, whole()), rest)),
            ("before", _) => Ok(Self::Before(path(Root::Event, whole()), rest)),
            _ => unknown(format!("`{text}` is no value of a column")),
        }
    }

    /// A field of `"*"`, at that path in the value.
    pub(super) fn copied(text: &str, plans: &mut Plans, ty: &Type) -> Self {
        let steps = path_of(&bare_path(text).unwrap_or_default());
        let steps = steps.into_iter().skip(1).collect();
        Self::Value(plans.add(Path { root: Root::Row, steps, copied: true, ty: Some(ty.clone()) }))
    }

    /// The same, its values hidden.
    pub(super) fn masked(self, mask: Mask) -> Self {
        Self::Masked(Box::new(self), mask)
    }

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

    /// Its value for a column of that type.
    pub(super) fn evaluate(&self, input: &Input<'_>, ty: &Type) -> Result<Value, Failure> {
        match self {
            Self::Masked(inner, mask) => mask.apply(inner, input, ty),
            Self::Cel(cel) => convert(&as_text(cel.evaluate(input)?, ty), ty),
            _ => convert(&*self.datum(input)?, ty),
        }
    }

    /// Its value, before any conversion.
    pub(super) fn datum<'i>(&self, input: &'i Input<'_>) -> Result<Cow<'i, Datum>, Failure> {
        let event = |id: PathId, path: &[String], of: fn(&'i ChangeEvent) -> &'i Datum| match (
            input.event,
            &input.value,
        ) {
            (Some(event), Some(row)) => {
                row.plan.path(id)?;
                descend(of(event), path).map(Cow::Borrowed)
            }
            _ => Ok(Cow::Owned(Datum::Null)),
        };
        Ok(match self {
            Self::Value(path) => match &input.value {
                Some(row) => Cow::Borrowed(row.plan.value(*path, row.value)?),
                None => Cow::Owned(Datum::Null),
            },
            Self::Key(id, path) => {
                if let Some(plan) = &input.key.plan {
                    plan.path(*id)?;
                }
                Cow::Borrowed(of_key(input.key.value, path)?)
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

    /// Whether the record passes a `where`.
    pub(super) fn holds(&self, input: &Input<'_>) -> Result<bool, Failure> {
        match self.evaluate(input, &Type::Bool)? {
            Value::Bool(holds) => Ok(holds),
            _ => Err(Failure::new("SB-INGEST-WHERE", "`where` is neither true nor false")),
        }
    }

    /// Its instant, for a window.
    pub(super) fn instant(&self, input: &Input<'_>) -> Result<Timestamp, Failure> {
        match self.evaluate(input, &Type::Timestamp)? {
            Value::Timestamp(at) => Ok(at),
            _ => Err(Failure::new("SB-INGEST-WINDOW", "the event time is null")),
        }
    }
}

pub(super) fn convert(value: &Datum, ty: &Type) -> Result<Value, Failure> {
    to_spanner(value, ty).map_err(|error| Failure::new("SB-INGEST-CONVERT", error.to_string()))
}

/// CEL's timestamps are text for every column but TIMESTAMP: an expression asked for them.
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

/// A field of the key; unlike the value's, it must be there, whatever the format.
fn of_key<'v>(key: &'v Datum, path: &[String]) -> Result<&'v Datum, Failure> {
    path.iter().try_fold(key, |value, name| {
        value
            .get(name)
            .ok_or_else(|| Failure::new("SB-INGEST-PATH", format!("the key has no field `{name}`")))
    })
}

fn descend<'v>(value: &'v Datum, path: &[String]) -> Result<&'v Datum, Failure> {
    path.iter().try_fold(value, |value, name| child(value, name))
}

fn path_of(parts: &[&str]) -> Vec<String> {
    parts.iter().map(ToString::to_string).collect()
}

/// The steps of a bare path; nothing for any other expression.
pub(crate) fn bare_path(text: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = text.trim().split('.').collect();
    let is_name = |part: &&str| {
        let mut bytes = part.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    parts.iter().all(is_name).then_some(parts)
}
