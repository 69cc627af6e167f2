//! An expression of the file: a bare path, copied without evaluation, or CEL.

use apache_avro::Schema as AvroSchema;
use apache_avro::types::Value as Avro;
use spanbridge_protocol::ingest::Failure;
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_schema::convert::{self, to_spanner};

use super::cel::Cel;
use super::plan::{PathId, Plans};
use super::record::Input;

/// The variables that an expression may name.
pub(super) const VARIABLES: [&str; 7] =
    ["key", "value", "headers", "topic", "partition", "offset", "timestamp"];

pub(super) enum Expression {
    /// `value.a.b`
    Value(PathId),
    /// `key` or `key.a.b`
    Key(Vec<String>),
    /// `headers.name`: the last header of that name, as text.
    Header(String),
    Topic,
    Partition,
    Offset,
    Timestamp,
    Cel(Box<Cel>),
}

impl Expression {
    /// Compiles it; an error says what is wrong, and where in the text, in bytes.
    pub(super) fn compile(text: &str, plans: &mut Plans) -> Result<Self, (String, std::ops::Range<usize>)> {
        let Some(path) = bare_path(text) else { return Ok(Self::Cel(Box::new(Cel::compile(text)?))) };
        let (root, rest) = (path[0], &path[1..]);
        let rest: Vec<String> = rest.iter().map(ToString::to_string).collect();
        let unknown = |what: String| Err((what, 0..text.len()));
        match (root, rest.len()) {
            ("value", _) => Ok(Self::Value(plans.add(rest))),
            ("key", _) => Ok(Self::Key(rest)),
            ("headers", 1) => Ok(Self::Header(rest.concat())),
            ("topic", 0) => Ok(Self::Topic),
            ("partition", 0) => Ok(Self::Partition),
            ("offset", 0) => Ok(Self::Offset),
            ("timestamp", 0) => Ok(Self::Timestamp),
            ("true" | "false" | "null", 0) => Ok(Self::Cel(Box::new(Cel::compile(text)?))),
            (root, _) if VARIABLES.contains(&root) => unknown(format!("`{text}` is no value of a column")),
            (root, _) => unknown(format!("`{root}` is not one of {}", VARIABLES.join(", "))),
        }
    }

    pub(super) fn reads(&self, variable: &str) -> bool {
        match self {
            Self::Value(_) => variable == "value",
            Self::Key(_) => variable == "key",
            Self::Header(_) => variable == "headers",
            Self::Topic => variable == "topic",
            Self::Partition => variable == "partition",
            Self::Offset => variable == "offset",
            Self::Timestamp => variable == "timestamp",
            Self::Cel(cel) => cel.reads(variable),
        }
    }

    /// Its value for a column of that type.
    pub(super) fn evaluate(&self, input: &Input<'_>, ty: &Type) -> Result<Value, Failure> {
        let convert = |value: &Avro, schema: &AvroSchema| {
            to_spanner(value, schema, ty)
                .map_err(|error| Failure::new("SB-INGEST-CONVERT", error.to_string()))
        };
        match self {
            Self::Value(path) => match input.value {
                Some(decoded) => input.plans.value(decoded.id, *path, &decoded.value, convert),
                None => Ok(Value::Null),
            },
            Self::Key(path) => {
                let (mut value, mut schema) = input.key.value();
                for name in path {
                    (value, schema) = convert::field(value, schema, name).ok_or_else(|| {
                        Failure::new("SB-INGEST-PATH", format!("the key has no field `{name}`"))
                    })?;
                }
                convert(value, schema)
            }
            Self::Header(name) => {
                let found = input.record.headers.iter().rev().find(|(header, _)| header == name);
                match found.and_then(|(_, value)| value.as_ref()) {
                    None => Ok(Value::Null),
                    Some(bytes) => {
                        let text = std::str::from_utf8(bytes).map_err(|_| {
                            Failure::new("SB-INGEST-CONVERT", format!("header `{name}` is not UTF-8"))
                        })?;
                        convert(&Avro::String(text.to_owned()), &AvroSchema::String)
                    }
                }
            }
            Self::Topic => convert(&Avro::String(input.record.topic.to_string()), &AvroSchema::String),
            Self::Partition => convert(&Avro::Int(input.record.partition), &AvroSchema::Int),
            Self::Offset => convert(&Avro::Long(input.record.offset), &AvroSchema::Long),
            Self::Timestamp => match input.record.timestamp_ms {
                Some(at) => convert(&Avro::TimestampMillis(at), &AvroSchema::TimestampMillis),
                None => Ok(Value::Null),
            },
            Self::Cel(cel) => cel.evaluate(input, ty),
        }
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

fn bare_path(text: &str) -> Option<Vec<&str>> {
    let parts: Vec<&str> = text.trim().split('.').collect();
    let is_name = |part: &&str| {
        let mut bytes = part.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    parts.iter().all(is_name).then_some(parts)
}
