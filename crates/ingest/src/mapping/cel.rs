//! Expressions in the Common Expression Language (<https://cel.dev>) over one record.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use cel::objects::{Key, Map};
use cel::{Context, Program, Value as CelValue};
use chrono::TimeDelta;
use spanbridge_protocol::ingest::Failure;
use spanbridge_schema::Datum;
use spanbridge_schema::datum::{Instant, Period, Symbol, canonical_text, nearest_double};

use super::expression_input::ExpressionInput;
use super::unreadable::Unreadable;

/// A compiled CEL program, and the variables that it reads.
pub(super) struct CelProgram {
    text: String,
    program: Program,
    variables: Vec<&'static str>,
}

impl CelProgram {
    /// Compiles an expression over these variables.
    ///
    /// # Errors
    /// The text is not valid CEL or names another variable: the message, and the range of bytes in the text.
    pub(super) fn compile(text: &str, variables: &[&'static str]) -> Result<Self, (String, Range<usize>)> {
        // The parser panics on some errors in its grammar tables.
        let parsed = std::panic::catch_unwind(|| Program::compile(text));
        let program = match parsed {
            Ok(Ok(program)) => program,
            Ok(Err(errors)) => return Err(first_error(text, &errors)),
            Err(_) => return Err(("the expression cannot be parsed".to_owned(), 0..text.len())),
        };
        let references = program.references();
        let unknown = references.variables().into_iter().find(|name| !variables.contains(name));
        if let Some(unknown) = unknown {
            let at = text.find(unknown).map_or(0..text.len(), |at| at..at + unknown.len());
            return Err((format!("variable `{unknown}` is not one of {}", variables.join(", ")), at));
        }
        let variables = variables.iter().copied().filter(|name| references.has_variable(*name)).collect();
        drop(references);
        Ok(Self { text: text.to_owned(), program, variables })
    }

    pub(super) fn reads(&self, variable: &str) -> bool {
        self.variables.contains(&variable)
    }

    pub(super) fn evaluate(&self, input: &ExpressionInput<'_>) -> Result<Datum, Failure> {
        let mut context = Context::default();
        let mut unreadable = Vec::new();
        for name in &self.variables {
            context.add_variable_from_value(*name, variable(name, input, &mut unreadable));
        }
        match self.program.execute(&context) {
            Ok(result) => to_datum(&result),
            Err(error) => Err(self.failure(&error, &unreadable)),
        }
    }

    /// Returns the failure of an error. The library's messages may quote values, so the failure contains only the kind of
    /// error and names that the expression itself contains.
    fn failure(&self, error: &cel::ExecutionError, unreadable: &[Unreadable]) -> Failure {
        let mut message = format!("the expression fails: {}", error_kind(error));
        if let cel::ExecutionError::NoSuchKey(name) = error
            && self.text.contains(name.as_str())
        {
            message = format!("the expression fails: the field `{name}` is missing");
        }
        if let Some(field) = Unreadable::named_in(unreadable, &self.text) {
            message = format!("{message}; {field}");
        }
        Failure::new("SB-INGEST-EXPRESSION", message)
    }
}

fn first_error(text: &str, errors: &cel::ParseErrors) -> (String, Range<usize>) {
    let Some(first) = errors.errors.first() else {
        return ("the expression cannot be parsed".to_owned(), 0..text.len());
    };
    let line = usize::try_from(first.pos.0 - 1).unwrap_or(0);
    let column = usize::try_from(first.pos.1).unwrap_or(0);
    let start = text.split_inclusive('\n').take(line).map(str::len).sum::<usize>() + column;
    let start = start.min(text.len());
    (first.msg.clone(), start..(start + 1).min(text.len()).max(start))
}

fn error_kind(error: &cel::ExecutionError) -> &'static str {
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

/// Converts a variable. Values that CEL cannot represent are also added to `unreadable`.
fn variable(name: &str, input: &ExpressionInput<'_>, unreadable: &mut Vec<Unreadable>) -> CelValue {
    let record = input.record;
    let mut convert = |value| from_datum(value, FieldPlace { parent: None, name }, unreadable);
    match name {
        "value" => input.row_value().map_or(CelValue::Null, convert),
        "key" => convert(input.key.value),
        "op" => input.event.map_or(CelValue::Null, |event| CelValue::from(event.op.as_str())),
        "source" => input.event.map_or(CelValue::Null, |event| convert(&event.source)),
        "before" => input.event.map_or(CelValue::Null, |event| convert(&event.before)),
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
        _ => match record.timestamp_ms {
            Some(at) => convert(&Datum::Timestamp(Instant::from_millis(at))),
            None => CelValue::Null,
        },
    }
}

/// The place of a value in a record, for messages.
#[derive(Clone, Copy)]
struct FieldPlace<'a> {
    parent: Option<&'a FieldPlace<'a>>,
    name: &'a str,
}

impl FieldPlace<'_> {
    fn path(&self) -> String {
        match self.parent {
            Some(parent) => format!("{}.{}", parent.path(), self.name),
            None => self.name.to_owned(),
        }
    }
}

/// Converts a decoded value to CEL.
///
/// Decimals become strings, which keep all digits. Dates, times of day and local timestamps become strings because CEL
/// has no types for them. A JSON number becomes the nearest double. A value that CEL cannot represent becomes an
/// [`Unreadable`].
fn from_datum(value: &Datum, place: FieldPlace<'_>, unreadable: &mut Vec<Unreadable>) -> CelValue {
    let converted = match value {
        Datum::Null => Some(CelValue::Null),
        Datum::Bool(value) => Some(CelValue::Bool(*value)),
        Datum::Int(value) => Some(CelValue::Int(*value)),
        Datum::UInt(value) => Some(CelValue::UInt(*value)),
        Datum::Float(value) => Some(CelValue::Float(f64::from(*value))),
        Datum::Double(value) => Some(CelValue::Float(*value)),
        Datum::Number(value) => nearest_double(value).map(CelValue::Float),
        Datum::String(text) | Datum::Enum(Symbol { name: text, .. }) => Some(CelValue::from(text.as_str())),
        Datum::Bytes(bytes) => Some(CelValue::from(bytes.clone())),
        Datum::Timestamp(at) => at.to_utc().map(|at| CelValue::Timestamp(at.fixed_offset())),
        Datum::Duration(period) if (period.months, period.days) == (0, 0) => {
            duration(period).map(CelValue::Duration)
        }
        Datum::Decimal(_)
        | Datum::Date(_)
        | Datum::Time(_)
        | Datum::LocalTimestamp(_)
        | Datum::Uuid(_)
        | Datum::Duration(_) => {
            let text = canonical_text(value).and_then(|text| String::from_utf8(text.into_owned()).ok());
            text.map(CelValue::from)
        }
        Datum::List(items) => {
            let items = items.iter().map(|item| from_datum(item, place, unreadable));
            Some(CelValue::List(Arc::new(items.collect())))
        }
        Datum::Map(entries) => {
            Some(map(entries.iter().map(|(name, value)| (name.as_str(), value)), place, unreadable))
        }
        Datum::Record(record) => Some(map(record.fields(), place, unreadable)),
        Datum::Invalid(_) => None,
    };
    converted.unwrap_or_else(|| {
        let field = Unreadable::new(place.path(), value.clone());
        unreadable.push(field.clone());
        CelValue::Opaque(Arc::new(field))
    })
}

fn duration(period: &Period) -> Option<TimeDelta> {
    let seconds = i64::try_from(period.nanos.div_euclid(1_000_000_000)).ok()?;
    let nanos = u32::try_from(period.nanos.rem_euclid(1_000_000_000)).ok()?;
    TimeDelta::new(seconds, nanos)
}

fn map<'v>(
    entries: impl Iterator<Item = (&'v str, &'v Datum)>,
    place: FieldPlace<'_>,
    unreadable: &mut Vec<Unreadable>,
) -> CelValue {
    let entries = entries.map(|(name, value)| {
        let field = FieldPlace { parent: Some(&place), name };
        (Key::from(name.to_owned()), from_datum(value, field, unreadable))
    });
    CelValue::Map(Map { map: Arc::new(entries.collect::<HashMap<_, _>>()) })
}

/// Converts the result of an expression to the form of decoded values.
fn to_datum(value: &CelValue) -> Result<Datum, Failure> {
    Ok(match value {
        CelValue::Null => Datum::Null,
        CelValue::Bool(value) => Datum::Bool(*value),
        CelValue::Int(value) => Datum::Int(*value),
        CelValue::UInt(value) => Datum::UInt(*value),
        CelValue::Float(value) => Datum::Double(*value),
        CelValue::String(text) => Datum::String(text.to_string()),
        CelValue::Bytes(bytes) => Datum::Bytes(bytes.to_vec()),
        CelValue::Timestamp(at) => Datum::Timestamp(Instant::from(at.to_utc())),
        CelValue::Duration(length) => {
            let nanos = i128::from(length.num_seconds()) * 1_000_000_000 + i128::from(length.subsec_nanos());
            Datum::Duration(Box::new(Period::from_nanos(nanos)))
        }
        CelValue::List(items) => Datum::List(items.iter().map(to_datum).collect::<Result<_, _>>()?),
        CelValue::Map(map) => {
            let entries = map.map.iter().map(|(key, value)| {
                let key = match key {
                    Key::Int(key) => key.to_string(),
                    Key::Uint(key) => key.to_string(),
                    Key::Bool(key) => key.to_string(),
                    Key::String(key) => key.to_string(),
                };
                Ok((key, to_datum(value)?))
            });
            Datum::Map(entries.collect::<Result<_, Failure>>()?)
        }
        CelValue::Opaque(opaque) => {
            return Err(opaque.downcast_ref::<Unreadable>().map_or_else(unstorable, Unreadable::failure));
        }
        _ => return Err(unstorable()),
    })
}

fn unstorable() -> Failure {
    Failure::new("SB-INGEST-CONVERT", "the expression's result cannot be stored in a column")
}
