use apache_avro::writer::datum::GenericDatumWriter;
use proptest::prelude::*;
use spanbridge_protocol::value::Type;

use super::*;
use crate::convert::to_spanner;

/// A record with a field of each type and with repeated names.
const EVERY: &str = r#"{"type":"record","name":"x.Every","fields":[
    {"name":"n","type":"null"},{"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":"long"},
    {"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"y","type":"bytes"},{"name":"s","type":"string"},
    {"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},
    {"name":"x","type":{"type":"fixed","name":"F","size":3}},
    {"name":"u","type":["null","string","F","E"]},
    {"name":"a","type":{"type":"array","items":["null","long"]}},
    {"name":"m","type":{"type":"map","values":"x.F"}},
    {"name":"dec","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
    {"name":"big","type":{"type":"bytes","logicalType":"big-decimal"}},
    {"name":"uuid","type":{"type":"string","logicalType":"uuid"}},
    {"name":"ts","type":{"type":"long","logicalType":"timestamp-nanos"}},
    {"name":"day","type":{"type":"int","logicalType":"date"}},
    {"name":"dur","type":{"type":{"type":"fixed","name":"D","size":12},"logicalType":"duration"}},
    {"name":"z","type":{"type":"array","items":"null"}}]}"#;
/// A recursive record.
const LIST: &str = r#"{"type":"record","name":"Node","fields":[
    {"name":"v","type":"long"},{"name":"next","type":["null","Node"]}]}"#;

fn schema(text: &str) -> AvroSchema {
    AvroSchema::parse(text).unwrap()
}

fn decode(schema: &AvroSchema, payload: &[u8]) -> Result<Value> {
    read(schema, payload, Limits::default())
}

fn every() -> Value {
    let fields = [
        ("n", Value::Null),
        ("b", Value::Boolean(true)),
        ("i", Value::Int(-5)),
        ("l", Value::Long(i64::MIN)),
        ("f", Value::Float(1.5)),
        ("d", Value::Double(-2.5)),
        ("y", Value::Bytes(vec![1, 2, 3])),
        ("s", Value::String("schön".into())),
        ("e", Value::Enum(1, "B".into())),
        ("x", Value::Fixed(3, vec![7, 8, 9])),
        ("u", Value::Union(1, Box::new(Value::String("u".into())))),
        (
            "a",
            Value::Array(vec![
                Value::Union(1, Box::new(Value::Long(4))),
                Value::Union(0, Box::new(Value::Null)),
            ]),
        ),
        ("m", Value::Map([("k".to_owned(), Value::Fixed(3, vec![1, 1, 1]))].into())),
        ("dec", Value::Decimal(vec![1, 24].into())),
        ("big", Value::BigDecimal(apache_avro::BigDecimal::new(15.into(), 1))),
        ("uuid", Value::Uuid(apache_avro::Uuid::from_u128(9))),
        ("ts", Value::TimestampNanos(1)),
        ("day", Value::Date(2)),
        ("dur", Value::Duration(apache_avro::Duration::from([1; 12]))),
        ("z", Value::Array(vec![Value::Null, Value::Null])),
    ];
    Value::Record(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

fn encoded(schema: &AvroSchema, value: Value) -> Vec<u8> {
    GenericDatumWriter::builder(schema.avro())
        .resolved_schemata(schema.resolved().unwrap())
        .build()
        .unwrap()
        .write_value_to_vec(value)
        .unwrap()
}

/// Replaces a decimal without bytes, which apache-avro decodes but cannot encode, by zero.
fn with_encodable_decimal(mut value: Value) -> Value {
    let Value::Record(fields) = &mut value else { return value };
    for (_, field) in fields {
        if matches!(field, Value::Decimal(decimal) if <Vec<u8>>::try_from(&*decimal).is_err()) {
            *field = Value::Decimal(vec![0].into());
        }
    }
    value
}

fn list(length: usize) -> Value {
    (0..length).fold(Value::Null, |next, _| {
        let next = Value::Union(u32::from(next != Value::Null), Box::new(next));
        Value::Record(vec![("v".into(), Value::Long(1)), ("next".into(), next)])
    })
}

#[test]
fn encoded_datum_is_decoded_unchanged() {
    let schema = schema(EVERY);
    let payload = encoded(&schema, every());
    assert_eq!(decode(&schema, &payload).unwrap(), every());
}

#[test]
fn truncated_payload_or_trailing_byte_is_rejected() {
    let schema = schema(EVERY);
    let mut payload = encoded(&schema, every());
    for length in 0..payload.len() {
        assert_eq!(decode(&schema, &payload[..length]).unwrap_err().kind(), ErrorKind::Payload, "{length}");
    }
    payload.push(0);
    let error = decode(&schema, &payload).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Payload);
    assert!(error.to_string().contains("1 bytes follow"), "{error}");
}

#[test]
fn apache_avro_alone_reads_a_truncated_record_as_nulls() {
    let schema = schema(r#"{"type":"record","name":"R","fields":[{"name":"s","type":"string"}]}"#);
    let reader = GenericDatumReader::builder(schema.avro()).build().unwrap();
    // A length of four and three bytes. If this assertion fails, apache-avro has been fixed, and half of `bounds` is
    // no longer needed.
    assert!(reader.read_value(&mut &[8, b'a', b'b', b'c'][..]).is_ok());
    assert_eq!(decode(&schema, &[8, b'a', b'b', b'c']).unwrap_err().kind(), ErrorKind::Payload);
}

#[test]
fn recursive_payload_is_limited_in_depth() {
    let schema = schema(LIST);
    let short = encoded(&schema, list(10));
    assert_eq!(decode(&schema, &short).unwrap(), list(10));
    let deep = [2_u8, 2].repeat(1 << 20);
    assert_eq!(decode(&schema, &deep).unwrap_err().kind(), ErrorKind::TooLarge);
}

#[test]
fn huge_counts_and_lengths_are_rejected_before_allocation() {
    let nulls = schema(r#"{"type":"array","items":"null"}"#);
    // A block of 2^40 nulls, and an endless sequence of blocks of a million each.
    let mut huge = vec![0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x00];
    assert_eq!(decode(&nulls, &huge).unwrap_err().kind(), ErrorKind::TooLarge);
    huge = [0x80, 0x89, 0x7a].repeat(100);
    assert_eq!(decode(&nulls, &huge).unwrap_err().kind(), ErrorKind::TooLarge);
    // The smallest negative count has no positive counterpart.
    let least = [&[0xff; 9][..], &[0x01, 0x00]].concat();
    assert_eq!(decode(&nulls, &least).unwrap_err().kind(), ErrorKind::TooLarge);
    let bytes = schema(r#""bytes""#);
    let mut length = vec![0xfe; 9];
    length.push(0x01);
    assert_eq!(decode(&bytes, &length).unwrap_err().kind(), ErrorKind::Payload);
    let empty = schema(r#"{"type":"array","items":{"type":"map","values":"null"}}"#);
    assert_eq!(decode(&empty, &[0x01, 0x00]).unwrap_err().kind(), ErrorKind::Payload);
}

#[test]
fn decimal_without_bytes_is_invalid_and_the_other_fields_are_usable() {
    let schema = schema(
        r#"{"type":"record","name":"R","fields":[
            {"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
            {"name":"i","type":"long"}]}"#,
    );
    let datum = super::decode(&schema, &[0, 10]).unwrap();
    assert_eq!(datum.get("i"), Some(&Datum::Int(5)));
    let decimal = datum.get("d").unwrap();
    for ty in [Type::Numeric, Type::String, Type::Json, Type::Bytes, Type::Int64] {
        let error = to_spanner(decimal, &ty).unwrap_err();
        assert_eq!(error.code(), "convert.invalid", "{error}");
    }
    assert_eq!(to_spanner(&datum, &Type::Json).unwrap_err().code(), "convert.invalid");
}

#[test]
fn errors_contain_no_payload() {
    let schema = schema(EVERY);
    let mut payload = encoded(&schema, every());
    payload.extend_from_slice(b"s3cret");
    let error = format!("{:?}", decode(&schema, &payload).unwrap_err());
    assert!(!error.contains("s3cret") && !error.contains("schön"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for text in [EVERY, LIST] {
            let _ = decode(&schema(text), &bytes);
        }
    }

    #[test]
    fn mutated_payload_never_panics_and_a_decoded_one_encodes_again(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in 0_usize..4,
    ) {
        let schema = schema(EVERY);
        let mut payload = encoded(&schema, every());
        let at = at.index(payload.len());
        payload.drain(at..(at + cut).min(payload.len()));
        payload.insert(at.min(payload.len()), byte);
        if let Ok(value) = decode(&schema, &payload) {
            // Only the two types that allow it are null.
            let datum = schema.converter().convert(value.clone());
            let Datum::Record(record) = &datum else { panic!("a record") };
            for (name, field) in record.fields() {
                prop_assert!(!field.is_null() || ["n", "u"].contains(&name), "{} is null", name);
            }
            // NaN differs from itself, so the encoded values are compared.
            let again = encoded(&schema, with_encodable_decimal(value));
            let twice = encoded(&schema, decode(&schema, &again).unwrap());
            prop_assert_eq!(again, twice);
        }
    }
}
