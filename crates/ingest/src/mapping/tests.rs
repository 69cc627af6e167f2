//! Mapping of real Avro records, without a registry or Spanner.

use std::sync::Arc;

use apache_avro::types::Value as Avro;
use spanbridge_kafka::Record;
use spanbridge_protocol::value::{Type, Value};
use spanbridge_schema::{Decoded, Schema};

use super::expression::Expression;
use super::plan::Plans;
use super::record::{Input, Part};

const SCHEMA: &str = r#"{"type": "record", "name": "R", "fields": [
    {"name": "origin", "type": "string"},
    {"name": "delay", "type": ["null", "long"]},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "plane", "type": ["null", {"type": "record", "name": "P", "fields": [
        {"name": "seats", "type": "int"}]}]}]}"#;

fn decoded(plane: Avro) -> Decoded {
    let value = Avro::Record(vec![
        ("origin".into(), Avro::String("JFK".into())),
        ("delay".into(), Avro::Union(1, Box::new(Avro::Long(7)))),
        ("at".into(), Avro::TimestampMillis(3_600_000)),
        ("plane".into(), plane),
    ]);
    Decoded { id: 1, schema: Arc::new(Schema::parse(SCHEMA).unwrap()), value }
}

fn record() -> Record {
    Record {
        topic: "t".into(),
        partition: 3,
        offset: 42,
        timestamp_ms: Some(1_000),
        key: None,
        value: Some(vec![]),
        headers: vec![("h".into(), Some(b"x".to_vec()))],
    }
}

fn evaluate(text: &str, ty: &Type) -> Result<Value, String> {
    evaluate_of(text, ty, Avro::Union(0, Box::new(Avro::Null)))
}

fn evaluate_of(text: &str, ty: &Type, plane: Avro) -> Result<Value, String> {
    let mut plans = Plans::default();
    let expression = Expression::compile(text, &mut plans).map_err(|(message, _)| message)?;
    let (record, value) = (record(), decoded(plane));
    plans.prepare(value.id, value.schema.avro());
    let key = Part::Plain(Avro::String("k".into()));
    let input = Input { record: &record, value: Some(&value), key, plans: &plans };
    expression.evaluate(&input, ty).map_err(|failure| failure.code.into_owned())
}

#[test]
fn a_bare_path_copies_the_field() {
    assert_eq!(evaluate("value.origin", &Type::String), Ok("JFK".into()));
    assert_eq!(evaluate("value.delay", &Type::Int64), Ok(7.into()));
    assert_eq!(evaluate("value.plane.seats", &Type::Int64), Ok(Value::Null));
    let seats = Avro::Record(vec![("seats".into(), Avro::Int(180))]);
    let plane = Avro::Union(1, Box::new(seats));
    assert_eq!(evaluate_of("value.plane.seats", &Type::Int64, plane), Ok(180.into()));
    assert_eq!(evaluate("offset", &Type::Int64), Ok(42.into()));
    assert_eq!(evaluate("key", &Type::String), Ok("k".into()));
    assert_eq!(evaluate("headers.h", &Type::String), Ok("x".into()));
    assert_eq!(evaluate("headers.none", &Type::String), Ok(Value::Null));
    let second = Value::Timestamp(chrono::DateTime::from_timestamp(1, 0).unwrap());
    assert_eq!(evaluate("timestamp", &Type::Timestamp), Ok(second));
}

#[test]
fn cel_computes() {
    assert_eq!(evaluate("value.delay + 1", &Type::Int64), Ok(8.into()));
    assert_eq!(evaluate("value.origin + '-' + topic", &Type::String), Ok("JFK-t".into()));
    assert_eq!(evaluate("value.origin != ''", &Type::Bool), Ok(true.into()));
    assert_eq!(evaluate("value.delay > 5 && partition == 3", &Type::Bool), Ok(true.into()));
    let hour = Value::Timestamp(chrono::DateTime::from_timestamp(3600, 0).unwrap());
    assert_eq!(evaluate("value.at + duration('0s')", &Type::Timestamp), Ok(hour));
}

#[test]
fn a_mistake_has_a_message_or_a_code() {
    assert!(evaluate("valu.origin", &Type::String).unwrap_err().contains("not one of"));
    assert!(evaluate("foo + 1", &Type::Int64).unwrap_err().contains("`foo`"));
    assert!(evaluate("value.", &Type::String).is_err());
    assert!(evaluate("1 +", &Type::Int64).is_err());
    assert_eq!(evaluate("value.nothing", &Type::String), Err("SB-INGEST-PATH".into()));
    assert_eq!(evaluate("value.origin", &Type::Int64), Err("SB-INGEST-CONVERT".into()));
    assert_eq!(evaluate("value.delay / 0", &Type::Int64), Err("SB-INGEST-EXPRESSION".into()));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_compiler_panic(text in "[a-z0-9.+*/()'\"\\[\\]{}<>=!&| ]{0,40}") {
        let _ = Expression::compile(&text, &mut Plans::default());
    }
}
