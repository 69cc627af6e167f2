use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{BigDecimal as AvroBigDecimal, Duration, Uuid};

use super::*;
use crate::avro::{self, AvroSchema};
use crate::datum::Instant;

/// Encodes `value` with apache-avro and decodes it.
fn read(schema: &str, value: Value) -> Datum {
    let schema = AvroSchema::parse(schema).unwrap();
    let payload = GenericDatumWriter::builder(schema.avro())
        .resolved_schemata(schema.resolved().unwrap())
        .build()
        .unwrap()
        .write_value_to_vec(value)
        .unwrap();
    avro::decode(&schema, &payload).unwrap()
}

fn shape(schema: &str) -> Shape {
    AvroSchema::parse(schema).unwrap().shape()
}

fn instant() -> Instant {
    Instant::new(1, 500_000_000).unwrap()
}

#[test]
fn every_avro_type_has_its_datum_and_shape() {
    let logical = |base: &str, logical: &str| format!(r#"{{"type":"{base}","logicalType":"{logical}"}}"#);
    let local = Datum::LocalTimestamp(instant());
    for (schema, value, datum, expected) in [
        (r#""null""#.to_owned(), Value::Null, Datum::Null, Shape::Null),
        (r#""boolean""#.into(), Value::Boolean(true), Datum::Bool(true), Shape::Bool),
        (r#""int""#.into(), Value::Int(i32::MIN), Datum::Int(i32::MIN.into()), Shape::Int(32)),
        (r#""long""#.into(), Value::Long(i64::MIN), Datum::Int(i64::MIN), Shape::Int(64)),
        (r#""float""#.into(), Value::Float(0.1), Datum::Float(0.1), Shape::Float),
        (r#""double""#.into(), Value::Double(0.1), Datum::Double(0.1), Shape::Double),
        (r#""bytes""#.into(), Value::Bytes(vec![1]), Datum::Bytes(vec![1]), Shape::Bytes),
        (r#""string""#.into(), Value::String("ü".into()), "ü".into(), Shape::String),
        (
            r#"{"type":"enum","name":"E","symbols":["A","B"]}"#.into(),
            Value::Enum(1, "B".into()),
            Datum::Enum("B".into()),
            Shape::Enum(vec!["A".into(), "B".into()]),
        ),
        (
            r#"{"type":"fixed","name":"F","size":2}"#.into(),
            Value::Fixed(2, vec![1, 2]),
            Datum::Bytes(vec![1, 2]),
            Shape::Bytes,
        ),
        (
            r#"["null","long"]"#.into(),
            Value::Union(1, Box::new(Value::Long(1))),
            Datum::Int(1),
            Shape::Int(64).nullable(),
        ),
        (
            r#"{"type":"array","items":"long"}"#.into(),
            Value::Array(vec![Value::Long(1)]),
            Datum::List(vec![Datum::Int(1)]),
            Shape::List(Box::new(Shape::Int(64))),
        ),
        (
            r#"{"type":"map","values":"long"}"#.into(),
            Value::Map([("k".to_owned(), Value::Long(1))].into()),
            Datum::Map([("k".to_owned(), Datum::Int(1))].into()),
            Shape::Map(Box::new(Shape::Int(64))),
        ),
        (logical("int", "date"), Value::Date(-1), Datum::Date(-1), Shape::Date),
        (logical("int", "time-millis"), Value::TimeMillis(1), Datum::Time(1_000_000), Shape::Time),
        (logical("long", "time-micros"), Value::TimeMicros(1), Datum::Time(1_000), Shape::Time),
        (
            logical("long", "timestamp-millis"),
            Value::TimestampMillis(1_500),
            Datum::Timestamp(instant()),
            Shape::Timestamp,
        ),
        (
            logical("long", "timestamp-micros"),
            Value::TimestampMicros(1_500_000),
            Datum::Timestamp(instant()),
            Shape::Timestamp,
        ),
        (
            logical("long", "timestamp-nanos"),
            Value::TimestampNanos(1_500_000_000),
            Datum::Timestamp(instant()),
            Shape::Timestamp,
        ),
        (
            logical("long", "local-timestamp-millis"),
            Value::LocalTimestampMillis(1_500),
            local.clone(),
            Shape::LocalTimestamp,
        ),
        (
            logical("long", "local-timestamp-micros"),
            Value::LocalTimestampMicros(1_500_000),
            local.clone(),
            Shape::LocalTimestamp,
        ),
        (
            logical("long", "local-timestamp-nanos"),
            Value::LocalTimestampNanos(1_500_000_000),
            local,
            Shape::LocalTimestamp,
        ),
        (
            r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#.into(),
            Value::Decimal(vec![1, 0].into()),
            Datum::Decimal("2.56".parse().unwrap()),
            Shape::Decimal { precision: Some(9), scale: Some(2) },
        ),
        (
            r#"{"type":"bytes","logicalType":"big-decimal"}"#.into(),
            Value::BigDecimal(AvroBigDecimal::new(256.into(), 2)),
            Datum::Decimal("2.56".parse().unwrap()),
            Shape::Decimal { precision: None, scale: None },
        ),
        (
            logical("string", "uuid"),
            Value::Uuid(Uuid::from_u128(7)),
            Datum::Uuid(Uuid::from_u128(7)),
            Shape::Uuid,
        ),
        (
            r#"{"type":{"type":"fixed","name":"D","size":12},"logicalType":"duration"}"#.into(),
            Value::Duration(Duration::from([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0])),
            Datum::Duration(Box::new(Period { months: 1, days: 2, nanos: 3_000_000 })),
            Shape::Duration,
        ),
    ] {
        assert_eq!(read(&schema, value), datum, "{schema}");
        assert_eq!(shape(&schema), expected, "{schema}");
    }
}

#[test]
fn record_fields_have_positions_and_names() {
    let schema = r#"{"type":"record","name":"x.R","fields":[{"name":"a","type":"long"},{"name":"b","type":"string"}]}"#;
    let value = Value::Record(vec![("a".into(), Value::Long(1)), ("b".into(), Value::String("x".into()))]);
    let Datum::Record(record) = read(schema, value) else { panic!("a record") };
    assert_eq!((record.at(0), record.get("b")), (Some(&Datum::Int(1)), Some(&"x".into())));
    let Shape::Record(shape) = shape(schema) else { panic!("a record") };
    assert_eq!((shape.name.as_deref(), shape.fields.len(), shape.open), (Some("x.R"), 2, false));
}

#[test]
fn semantic_types_are_found_in_fields_unions_and_shared_types() {
    let schema = r#"{"type":"record","name":"Envelope","namespace":"a.b","fields":[
        {"name":"before","type":["null",{"type":"record","name":"Value","fields":[
            {"name":"day","type":["null",{"type":"int","connect.name":"io.debezium.time.Date"}]},
            {"name":"at","type":{"type":"long","connect.version":1,"connect.name":"io.debezium.time.MicroTimestamp"}},
            {"name":"dec","type":{"type":"bytes","connect.name":"org.apache.kafka.connect.data.Decimal",
                "connect.parameters":{"scale":"2"}}},
            {"name":"var","type":{"type":"record","name":"VariableScaleDecimal","namespace":"io.debezium.data",
                "fields":[{"name":"scale","type":"int"},{"name":"value","type":"bytes"}],
                "connect.name":"io.debezium.data.VariableScaleDecimal"}},
            {"name":"days","type":{"type":"array","items":{"type":"int","connect.name":"io.debezium.time.Date"}}}
        ]}]},
        {"name":"after","type":["null","Value"]}]}"#;
    let row = Value::Record(vec![
        ("day".into(), Value::Union(1, Box::new(Value::Int(3)))),
        ("at".into(), Value::Long(1_500_000)),
        ("dec".into(), Value::Bytes(vec![1, 0])),
        (
            "var".into(),
            Value::Record(vec![("scale".into(), Value::Int(2)), ("value".into(), Value::Bytes(vec![1, 0]))]),
        ),
        ("days".into(), Value::Array(vec![Value::Int(4)])),
    ]);
    let null = Value::Union(0, Box::new(Value::Null));
    let value =
        Value::Record(vec![("before".into(), null), ("after".into(), Value::Union(1, Box::new(row)))]);
    let event = read(schema, value);
    let after = event.get("after").unwrap();
    let decimal = Datum::Decimal("2.56".parse().unwrap());
    for (name, expected) in [
        ("day", Datum::Date(3)),
        ("at", Datum::LocalTimestamp(instant())),
        ("dec", decimal.clone()),
        ("var", decimal),
        ("days", Datum::List(vec![Datum::Date(4)])),
    ] {
        assert_eq!(after.get(name), Some(&expected), "{name}");
    }
    let shape = shape(schema);
    let at = |path: &str| {
        shape.resolve(&path.split('.').map(str::to_owned).collect::<Vec<_>>()).unwrap().1.cloned()
    };
    assert_eq!(at("after.day"), Some(Shape::Date.nullable()));
    assert_eq!(at("before.at"), Some(Shape::LocalTimestamp));
    assert_eq!(at("after.var"), Some(Shape::Decimal { precision: None, scale: None }));
}

#[test]
fn recursive_schema_has_a_finite_shape() {
    let schema = r#"{"type":"record","name":"Node","fields":[{"name":"v","type":"long"},{"name":"next","type":["null","Node"]}]}"#;
    let leaf = Value::Record(vec![
        ("v".into(), Value::Long(2)),
        ("next".into(), Value::Union(0, Box::new(Value::Null))),
    ]);
    let value =
        Value::Record(vec![("v".into(), Value::Long(1)), ("next".into(), Value::Union(1, Box::new(leaf)))]);
    let datum = read(schema, value);
    assert_eq!(datum.get("next").unwrap().get("v"), Some(&Datum::Int(2)));
    let Shape::Record(record) = shape(schema) else { panic!("a record") };
    assert_eq!(record.fields[1].shape, Shape::Any);
}
