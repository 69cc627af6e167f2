//! Mapping of real Avro records, without a registry or Spanner.

use std::sync::Arc;

use apache_avro::types::Value as Avro;
use spanbridge_kafka::Record;
use spanbridge_protocol::ingest::Failure;
use spanbridge_protocol::value::{Type, Value};
use spanbridge_schema::datum::{Instant, Period};
use spanbridge_schema::debezium::{ChangeEvent, RowOperation};
use spanbridge_schema::frame::SchemaId;
use spanbridge_schema::{
    AvroSchema, Datum, DecodedPayload, RegistrySchema, WriterSchema, decode_avro, encode_avro,
};

use super::decoding::{DecodedValue, ValueBody};
use super::expression::Expression;
use super::expression_input::ExpressionInput;
use super::mask::Mask;
use super::path_resolver::PathResolver;
use super::variables::Variables;

const SCHEMA: &str = r#"{"type": "record", "name": "R", "fields": [
    {"name": "origin", "type": "string"},
    {"name": "delay", "type": ["null", "long"]},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "plane", "type": ["null", {"type": "record", "name": "P", "fields": [
        {"name": "seats", "type": "int"}]}]}]}"#;

const SEVEN: &str = "376661d9b79757b5db4befde283e32a46ef863a86322e4a30a52db7cb2e39c42";

fn content(plane: Avro) -> DecodedValue {
    let value = Avro::Record(vec![
        ("origin".into(), Avro::String("JFK".into())),
        ("delay".into(), Avro::Union(1, Box::new(Avro::Long(7)))),
        ("at".into(), Avro::TimestampMillis(3_600_000)),
        ("plane".into(), plane),
    ]);
    let schema = AvroSchema::parse(SCHEMA).unwrap();
    let frame = encode_avro(1, &schema, &value).unwrap();
    let value = decode_avro(&schema, &frame[5..]).unwrap();
    let writer = WriterSchema { id: SchemaId::Number(1), schema: RegistrySchema::Avro(Arc::new(schema)) };
    DecodedValue { writer: Some(writer), body: ValueBody::Plain(value) }
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
    evaluate_in(text, ty, &content(plane), Variables::Record, None)
}

/// Evaluates an expression over JSON without a schema, or over a change event of JSON.
fn evaluate_json(text: &str, ty: &Type, body: ValueBody) -> Result<Value, String> {
    let variables = match body {
        ValueBody::Plain(_) => Variables::Record,
        ValueBody::Event(_) => Variables::Event,
    };
    evaluate_in(text, ty, &DecodedValue { writer: None, body }, variables, None)
}

fn evaluate_in(
    text: &str,
    ty: &Type,
    content: &DecodedValue,
    variables: Variables,
    mask: Option<Mask>,
) -> Result<Value, String> {
    let mut paths = PathResolver::default();
    let mut expression =
        Expression::compile(text, variables, &mut paths, None).map_err(|(message, _)| message)?;
    if let Some(mask) = mask {
        expression = expression.masked(mask);
    }
    let (record, key) = (record(), DecodedPayload { writer: None, value: Datum::from("k") });
    let input = ExpressionInput::new(&record, Some(content), &key, &paths);
    expression.evaluate(&input, ty).map_err(|failure| failure.code.into_owned())
}

#[test]
fn bare_path_copies_the_field() {
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
fn mistakes_have_a_message_or_a_code() {
    assert!(evaluate("valu.origin", &Type::String).unwrap_err().contains("not one of"));
    assert!(evaluate("foo + 1", &Type::Int64).unwrap_err().contains("`foo`"));
    assert!(evaluate("value.", &Type::String).is_err());
    assert!(evaluate("1 +", &Type::Int64).is_err());
    assert_eq!(evaluate("value.nothing", &Type::String), Err("SB-INGEST-PATH".into()));
    assert_eq!(evaluate("value.origin", &Type::Int64), Err("SB-INGEST-CONVERT".into()));
    assert_eq!(evaluate("value.delay / 0", &Type::Int64), Err("SB-INGEST-EXPRESSION".into()));
}

fn map<const N: usize>(entries: [(&str, Datum); N]) -> Datum {
    Datum::Map(entries.map(|(name, value)| (name.to_owned(), value)).into())
}

fn number(text: &str) -> Datum {
    Datum::Number(text.parse().unwrap())
}

#[test]
fn quoted_name_is_part_of_a_bare_path() {
    let value = map([
        ("amount-eur", number("0.10000000000000000001")),
        ("more items", map([("a.b", number("18446744073709551616"))])),
    ]);
    let read = |text| evaluate_json(text, &Type::Numeric, ValueBody::Plain(value.clone()));
    let exact = |text: &str| Ok(Value::Numeric(text.parse().unwrap()));
    assert_eq!(read("value['more items'][\"a.b\"]"), exact("18446744073709551616"));
    // NUMERIC has nine digits after the point. CEL would round the number to a double first.
    assert_eq!(read("value['amount-eur']"), Err("SB-INGEST-CONVERT".into()));
    assert_eq!(read("value['none']"), Ok(Value::Null));
}

#[test]
fn condition_keeps_nulls_from_a_function() {
    let text = "value.at == null ? null : timestamp(value.at + 'Z')";
    let read = |at| evaluate_json(text, &Type::Timestamp, ValueBody::Plain(map([("at", at)])));
    assert_eq!(read(Datum::Null), Ok(Value::Null));
    let second = Value::Timestamp(chrono::DateTime::from_timestamp(1, 0).unwrap());
    assert_eq!(read("1970-01-01T00:00:01".into()), Ok(second));
}

#[test]
fn json_fields_are_read_by_name_and_without_loss() {
    let value = || {
        ValueBody::Plain(map([
            ("id", Datum::UInt(u64::MAX)),
            ("price", number("0.10")),
            ("tags", Datum::List(vec![Datum::from("a")])),
            ("deep", map([("x", Datum::Int(1))])),
            ("none", Datum::Null),
        ]))
    };
    let json = |text: &str, ty: &Type| evaluate_json(text, ty, value());
    assert_eq!(json("value.id", &Type::Numeric), Ok(Value::Numeric("18446744073709551615".parse().unwrap())));
    assert_eq!(json("value.id", &Type::Int64), Err("SB-INGEST-CONVERT".into()));
    assert_eq!(json("value.price", &Type::Float64), Ok(0.1.into()));
    assert_eq!(json("value.price * 2.0", &Type::Float64), Ok(0.2.into()));
    assert_eq!(json("value.id == 18446744073709551615u", &Type::Bool), Ok(true.into()));
    assert_eq!(json("value.deep.x", &Type::Int64), Ok(1.into()));
    assert_eq!(json("value.deep", &Type::Json), Ok(Value::Json(r#"{"x":1}"#.into())));
    assert_eq!(json("{'y': [value.deep.x]}", &Type::Json), Ok(Value::Json(r#"{"y":[1]}"#.into())));
    assert_eq!(json("value.tags", &Type::Array(Box::new(Type::String))), Ok(Value::Array(vec!["a".into()])));
    for absent in ["value.gone", "value.none.x", "value.deep.gone"] {
        assert_eq!(json(absent, &Type::Int64), Ok(Value::Null), "{absent}");
    }
    assert_eq!(json("value.price.x", &Type::Int64), Err("SB-INGEST-PATH".into()));
    assert!(json("op", &Type::String).unwrap_err().contains("not one of"));
}

/// A row with values that CEL cannot represent.
fn hostile_row() -> Datum {
    let infinity = || Instant::from_micros(i64::MAX);
    map([
        ("id", Datum::Int(1)),
        ("born", Datum::Date(i64::MAX)),
        ("at", Datum::Timestamp(infinity())),
        ("local", Datum::LocalTimestamp(infinity())),
        ("clock", Datum::Time(-1)),
        ("big", number("1e400")),
        ("long", Datum::Duration(Box::new(Period::from_nanos(i128::MAX)))),
        ("amount", Datum::Invalid("the decimal has no bytes")),
        ("deep", map([("at", Datum::Timestamp(infinity()))])),
        ("list", Datum::List(vec![Datum::Date(i64::MAX), Datum::Date(1)])),
    ])
}

#[test]
fn field_out_of_range_fails_only_expressions_that_read_it() {
    let hostile = |text: &str, ty: &Type| evaluate_json(text, ty, ValueBody::Plain(hostile_row()));
    for passes in [
        "value.id > 0",
        "value.id > 0 || value.at < timestamp('2020-01-01T00:00:00Z')",
        "value.id == 1 ? true : value.born > ''",
        "has(value.at) && has(value.deep.at)",
        "value.at != null && value.amount != null && value.deep.at == value.at",
        "'born' in value && size(value.list) == 2",
        "value.list[1] == '1970-01-02'",
    ] {
        assert_eq!(hostile(passes, &Type::Bool), Ok(true.into()), "{passes}");
    }
    for field in ["born", "at", "local", "clock", "big", "long", "amount", "deep.at"] {
        let code = hostile(&format!("value.{field} < value.id"), &Type::Bool);
        assert_eq!(code, Err("SB-INGEST-EXPRESSION".into()), "{field}");
        let code = hostile(&format!("value.id == 1 ? value.{field} : null"), &Type::String);
        assert_eq!(code, Err("SB-INGEST-CONVERT".into()), "{field}");
    }
    assert_eq!(hostile("value.amount", &Type::Numeric), Err("SB-INGEST-CONVERT".into()));
}

#[test]
fn failure_of_an_expression_names_the_field() {
    let content = DecodedValue { writer: None, body: ValueBody::Plain(hostile_row()) };
    let (record, key) = (record(), DecodedPayload { writer: None, value: Datum::Null });
    for (text, message) in [
        ("value.born > '2020'", "`value.born`: the date is out of the range of CEL"),
        ("value.deep.at > timestamp('2020-01-01T00:00:00Z')", "`value.deep.at`: the timestamp is out of"),
        ("[value.amount]", "`value.amount`: the decimal has no bytes"),
        ("value.none > 0", "the field `none` is missing"),
    ] {
        let mut paths = PathResolver::default();
        let expression = Expression::compile(text, Variables::Record, &mut paths, None).unwrap();
        let input = ExpressionInput::new(&record, Some(&content), &key, &paths);
        let failure = expression.evaluate(&input, &Type::Json).unwrap_err();
        assert!(failure.message.contains(message), "{text}: {}", failure.message);
    }
}

#[test]
fn change_event_gives_its_row_and_metadata() {
    let row = |id: i64| map([("id", Datum::Int(id))]);
    let event = |op: &str, operation, before: Datum, after: Datum| {
        let source = map([("table", Datum::from("orders"))]);
        ValueBody::Event(Box::new(ChangeEvent { operation, op: op.into(), before, after, source }))
    };
    let update = || event("u", RowOperation::Upsert, row(1), row(2));
    let delete = || event("d", RowOperation::Delete, row(3), Datum::Null);
    assert_eq!(evaluate_json("value.id", &Type::Int64, update()), Ok(2.into()));
    assert_eq!(evaluate_json("before.id", &Type::Int64, update()), Ok(1.into()));
    assert_eq!(evaluate_json("op", &Type::String, update()), Ok("u".into()));
    assert_eq!(evaluate_json("source.table", &Type::String, update()), Ok("orders".into()));
    assert_eq!(evaluate_json("op == 'u' && before.id < value.id", &Type::Bool, update()), Ok(true.into()));
    assert_eq!(evaluate_json("value.id", &Type::Int64, delete()), Ok(3.into()));
    assert_eq!(evaluate_json("source.table + op", &Type::String, delete()), Ok("ordersd".into()));
}

#[test]
fn dates_durations_and_decimals_can_be_used_in_cel() {
    let value = || {
        ValueBody::Plain(map([
            ("day", Datum::Date(1)),
            ("time", Datum::Time(1_000_000_000)),
            ("local", Datum::LocalTimestamp(Instant::from_millis(0))),
            ("took", Datum::Duration(Box::new(Period::from_nanos(1_500_000_000)))),
            ("amount", Datum::Decimal("1.50".parse().unwrap())),
            ("bytes", Datum::Bytes(vec![1])),
        ]))
    };
    let json = |text: &str, ty: &Type| evaluate_json(text, ty, value());
    assert_eq!(json("value.day + 'T'", &Type::String), Ok("1970-01-02T".into()));
    assert_eq!(json("value.time + '!'", &Type::String), Ok("00:00:01!".into()));
    let epoch = Value::Timestamp(chrono::DateTime::UNIX_EPOCH);
    assert_eq!(json("timestamp(value.local + 'Z')", &Type::Timestamp), Ok(epoch));
    assert_eq!(json("value.took > duration('1s')", &Type::Bool), Ok(true.into()));
    assert_eq!(json("value.took + value.took", &Type::String), Ok("PT3S".into()));
    assert_eq!(json("value.amount + '0'", &Type::Numeric), Ok(Value::Numeric("1.5".parse().unwrap())));
    assert_eq!(json("value.bytes == b'\\x01' ? value.bytes : null", &Type::Bytes), Ok(Value::Bytes(vec![1])));
}

#[test]
fn masks_hide_values_and_keep_nulls() {
    let masked = |text: &str, ty: &Type, mask: Mask| {
        let plane = Avro::Union(0, Box::new(Avro::Null));
        evaluate_in(text, ty, &content(plane), Variables::Record, Some(mask))
    };
    let hash = || Mask::hash(b"a key of sixteen");
    let seven = masked("value.delay", &Type::String, hash()).unwrap();
    // printf 7 | openssl dgst -sha256 -hmac 'a key of sixteen'
    assert_eq!(seven, SEVEN.into());
    for same in ["'7'", "7", "7.0", "string(value.delay)"] {
        assert_eq!(masked(same, &Type::String, hash()), Ok(seven.clone()), "{same}");
    }
    assert_ne!(masked("value.delay", &Type::String, Mask::hash(b"another key")), Ok(seven));
    assert_eq!(masked("value.plane", &Type::String, hash()), Ok(Value::Null));
    assert_eq!(masked("'1234567890'", &Type::String, Mask::Partial), Ok("******7890".into()));
    assert_eq!(masked("null", &Type::String, Mask::Partial), Ok(Value::Null));
    assert_eq!(masked("value.origin", &Type::String, Mask::Redact { nullable: true }), Ok(Value::Null));
    assert_eq!(masked("value.origin", &Type::String, Mask::Redact { nullable: false }), Ok("***".into()));
    assert_eq!(masked("value.delay", &Type::Int64, Mask::Redact { nullable: false }), Ok(0.into()));
    let wrong = masked("value.origin", &Type::Int64, Mask::Redact { nullable: true });
    assert_eq!(wrong, Err("SB-INGEST-CONVERT".into()));
}

/// Returns a column's value from a record whose schema has these fields.
fn evaluate_with_schema(
    fields: &str,
    value: Vec<(String, Avro)>,
    path: &str,
    copied: bool,
    ty: &Type,
) -> Result<Value, Failure> {
    let schema = format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#);
    let schema = AvroSchema::parse(&schema).unwrap();
    let frame = encode_avro(7, &schema, &Avro::Record(value)).unwrap();
    let value = decode_avro(&schema, &frame[5..]).unwrap();
    let writer = WriterSchema { id: SchemaId::Number(7), schema: RegistrySchema::Avro(Arc::new(schema)) };
    let content = DecodedValue { writer: Some(writer), body: ValueBody::Plain(value) };
    let mut paths = PathResolver::new([None, Some("t-value".to_owned())]);
    let expression = match copied {
        true => Expression::copied(path, &mut paths, ty),
        false => Expression::compile(path, Variables::Record, &mut paths, Some(ty)).unwrap(),
    };
    let key = DecodedPayload { writer: None, value: Datum::Null };
    let record = record();
    expression.evaluate(&ExpressionInput::new(&record, Some(&content), &key, &paths), ty)
}

#[test]
fn writer_whose_schema_never_fits_is_rejected() {
    let text = r#"{"name": "a", "type": ["null", "string"]}"#;
    let null = || vec![("a".to_owned(), Avro::Union(0, Box::new(Avro::Null)))];
    let twelve = || vec![("a".to_owned(), Avro::Union(1, Box::new(Avro::String("12".into()))))];
    let failure =
        |path, copied| evaluate_with_schema(text, twelve(), path, copied, &Type::Int64).unwrap_err();
    for copied in [false, true] {
        let found = failure("value.a", copied);
        assert_eq!(found.code, "SB-INGEST-SCHEMA");
        for part in ["schema id 7 (subject t-value)", "`a`", "string", "INT64", "replay"] {
            assert!(found.message.contains(part), "{}", found.message);
        }
    }
    assert_eq!(
        evaluate_with_schema(text, null(), "value.a", false, &Type::Int64).unwrap_err().code,
        "SB-INGEST-SCHEMA"
    );
    assert_eq!(failure("value.gone", false).code, "SB-INGEST-SCHEMA");
    // A type that holds only some of the values is checked for each value.
    let twelve_of = |ty| evaluate_with_schema(text, twelve(), "value.a", false, &ty);
    assert_eq!(twelve_of(Type::Numeric), Ok(Value::Numeric("12".parse().unwrap())));
    assert_eq!(twelve_of(Type::Date).unwrap_err().code, "SB-INGEST-CONVERT");
}

#[test]
fn copied_field_ignores_case_and_may_be_missing() {
    let one = || vec![("Amount".to_owned(), Avro::Long(1))];
    let copied =
        |path| evaluate_with_schema(r#"{"name": "Amount", "type": "long"}"#, one(), path, true, &Type::Int64);
    assert_eq!(copied("value.amount"), Ok(1.into()));
    assert_eq!(copied("value.other"), Ok(Value::Null));
    assert_eq!(copied("value.Amount.x").unwrap_err().code, "SB-INGEST-SCHEMA");
    let two = vec![("a".to_owned(), Avro::Long(1)), ("A".to_owned(), Avro::Long(2))];
    let fields = r#"{"name": "a", "type": "long"}, {"name": "A", "type": "long"}"#;
    let failure = evaluate_with_schema(fields, two, "value.a", true, &Type::Int64).unwrap_err();
    assert!(failure.code == "SB-INGEST-SCHEMA" && failure.message.contains("`a` and `A`"), "{failure:?}");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_compiler_panic(text in "[a-z0-9.+*/()'\"\\[\\]{}<>=!&| ]{0,40}") {
        let _ = Expression::compile(&text, Variables::Event, &mut PathResolver::default(), None);
    }
}
