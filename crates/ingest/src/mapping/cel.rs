//! CEL over a record.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use apache_avro::Schema as AvroSchema;
use apache_avro::types::Value as Avro;
use cel::objects::{Key, Map};
use cel::{Context, Program, Value as CelValue};
use chrono::{DateTime, FixedOffset};
use spanbridge_protocol::ingest::Failure;
use spanbridge_protocol::value::{Type, Value};
use spanbridge_schema::convert::to_spanner;

use super::expression::VARIABLES;
use super::record::Input;

pub(super) struct Cel {
    program: Program,
    variables: Vec<&'static str>,
}

impl Cel {
    pub(super) fn compile(text: &str) -> Result<Self, (String, Range<usize>)> {
        // The parser takes an error in its own grammar tables for a reason to panic.
        let parsed = std::panic::catch_unwind(|| Program::compile(text));
        let program = match parsed {
            Ok(Ok(program)) => program,
            Ok(Err(errors)) => return Err(place(text, &errors)),
            Err(_) => return Err(("the expression cannot be parsed".to_owned(), 0..text.len())),
        };
        let references = program.references();
        let unknown = references.variables().into_iter().find(|name| !VARIABLES.contains(name));
        if let Some(unknown) = unknown {
            let at = text.find(unknown).map_or(0..text.len(), |at| at..at + unknown.len());
            return Err((format!("`{unknown}` is not one of {}", VARIABLES.join(", ")), at));
        }
        let variables = VARIABLES.into_iter().filter(|name| references.has_variable(*name)).collect();
        drop(references);
        Ok(Self { program, variables })
    }

    pub(super) fn reads(&self, variable: &str) -> bool {
        self.variables.contains(&variable)
    }

    pub(super) fn evaluate(&self, input: &Input<'_>, ty: &Type) -> Result<Value, Failure> {
        let mut context = Context::default();
        for name in &self.variables {
            context.add_variable_from_value(*name, variable(name, input)?);
        }
        // The library's errors may quote values.
        let result = self.program.execute(&context).map_err(|error| {
            Failure::new("SB-INGEST-EXPRESSION", format!("the expression fails: {}", kind(&error)))
        })?;
        column(&result, ty)
    }
}

fn place(text: &str, errors: &cel::ParseErrors) -> (String, Range<usize>) {
    let Some(first) = errors.errors.first() else {
        return ("the expression cannot be parsed".to_owned(), 0..text.len());
    };
    let line = usize::try_from(first.pos.0 - 1).unwrap_or(0);
    let column = usize::try_from(first.pos.1).unwrap_or(0);
    let start = text.split_inclusive('\n').take(line).map(str::len).sum::<usize>() + column;
    let start = start.min(text.len());
    (first.msg.clone(), start..(start + 1).min(text.len()).max(start))
}

fn kind(error: &cel::ExecutionError) -> &'static str {
    use cel::ExecutionError as E;
    match error {
        E::NoSuchKey(_) => "a field is missing",
        E::UndeclaredReference(_) => "an unknown function or variable",
        E::DivisionByZero(_) | E::RemainderByZero(_) => "division by zero",
        E::Overflow(..) => "overflow",
        E::InvalidArgumentCount { .. } => "wrong number of arguments",
        _ => "types do not fit",
    }
}

fn variable(name: &str, input: &Input<'_>) -> Result<CelValue, Failure> {
    let record = input.record;
    Ok(match name {
        "value" => input.value.map_or(Ok(CelValue::Null), |decoded| from_avro(&decoded.value))?,
        "key" => from_avro(input.key.value().0)?,
        "headers" => {
            let text = |bytes: &Option<Vec<u8>>| match bytes {
                Some(bytes) => match std::str::from_utf8(bytes) {
                    Ok(text) => CelValue::from(text),
                    Err(_) => CelValue::from(bytes.clone()),
                },
                None => CelValue::Null,
            };
            let headers = record.headers.iter().map(|(name, value)| (Key::from(name.clone()), text(value)));
            CelValue::Map(Map { map: Arc::new(headers.collect()) })
        }
        "topic" => CelValue::from(&*record.topic),
        "partition" => CelValue::Int(i64::from(record.partition)),
        "offset" => CelValue::Int(record.offset),
        _ => match record.timestamp_ms.and_then(DateTime::from_timestamp_millis) {
            Some(at) => CelValue::Timestamp(at.fixed_offset()),
            None => CelValue::Null,
        },
    })
}

/// An Avro value for CEL; a decimal as a string, which is what keeps its digits.
fn from_avro(value: &Avro) -> Result<CelValue, Failure> {
    let list = |items: &[Avro]| items.iter().map(from_avro).collect::<Result<Vec<_>, _>>();
    let instant = |at: Option<DateTime<chrono::Utc>>| {
        let at: Option<DateTime<FixedOffset>> = at.map(|at| at.fixed_offset());
        at.map(CelValue::Timestamp)
            .ok_or_else(|| Failure::new("SB-INGEST-CONVERT", "an instant is out of range"))
    };
    Ok(match value {
        Avro::Null => CelValue::Null,
        Avro::Boolean(value) => CelValue::Bool(*value),
        Avro::Int(value) => CelValue::Int(i64::from(*value)),
        Avro::Long(value) => CelValue::Int(*value),
        Avro::Float(value) => CelValue::Float(f64::from(*value)),
        Avro::Double(value) => CelValue::Float(*value),
        Avro::String(text) | Avro::Enum(_, text) => CelValue::from(text.as_str()),
        Avro::Bytes(bytes) | Avro::Fixed(_, bytes) => CelValue::from(bytes.clone()),
        Avro::Union(_, inner) => from_avro(inner)?,
        Avro::Array(items) => CelValue::List(Arc::new(list(items)?)),
        Avro::Map(entries) => {
            let entries =
                entries.iter().map(|(name, value)| Ok((Key::from(name.clone()), from_avro(value)?)));
            CelValue::Map(Map { map: Arc::new(entries.collect::<Result<HashMap<_, _>, Failure>>()?) })
        }
        Avro::Record(fields) => {
            let fields = fields.iter().map(|(name, value)| Ok((Key::from(name.clone()), from_avro(value)?)));
            CelValue::Map(Map { map: Arc::new(fields.collect::<Result<HashMap<_, _>, Failure>>()?) })
        }
        Avro::TimestampMillis(at) => instant(DateTime::from_timestamp_millis(*at))?,
        Avro::TimestampMicros(at) => instant(DateTime::from_timestamp_micros(*at))?,
        Avro::TimestampNanos(at) => instant(Some(DateTime::from_timestamp_nanos(*at)))?,
        Avro::Uuid(uuid) => CelValue::from(uuid.to_string()),
        other => {
            let schema = apache_avro::types::ValueKind::from(other);
            let what = format!("an expression cannot read Avro's {schema:?}; copy it with a bare path");
            return Err(Failure::new("SB-INGEST-CONVERT", what));
        }
    })
}

/// A result for a column of that type, by the same rules as a field's value.
fn column(result: &CelValue, ty: &Type) -> Result<Value, Failure> {
    let convert = |value: Avro| {
        to_spanner(&value, &AvroSchema::Null, ty)
            .map_err(|error| Failure::new("SB-INGEST-CONVERT", error.to_string()))
    };
    match (result, ty) {
        (CelValue::Timestamp(at), Type::Timestamp) => Ok(Value::Timestamp(at.to_utc())),
        (CelValue::Timestamp(at), _) => convert(Avro::String(at.to_rfc3339())),
        (CelValue::List(items), Type::Array(item)) => {
            items.iter().map(|value| column(value, item)).collect::<Result<_, _>>().map(Value::Array)
        }
        (CelValue::Null, _) => Ok(Value::Null),
        (CelValue::Bool(value), _) => convert(Avro::Boolean(*value)),
        (CelValue::Int(value), _) => convert(Avro::Long(*value)),
        (CelValue::UInt(value), _) => match i64::try_from(*value) {
            Ok(value) => convert(Avro::Long(value)),
            Err(_) => Err(Failure::new("SB-INGEST-CONVERT", "an unsigned integer leaves INT64")),
        },
        (CelValue::Float(value), _) => convert(Avro::Double(*value)),
        (CelValue::String(text), _) => convert(Avro::String(text.to_string())),
        (CelValue::Bytes(bytes), _) => convert(Avro::Bytes(bytes.to_vec())),
        _ => Err(Failure::new("SB-INGEST-CONVERT", format!("the expression's result is no {ty}"))),
    }
}
