use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{MapKey, MessageDescriptor, Value};
use spanbridge_protocol::value::{Type, Value as Spanner};

use super::*;
use crate::convert::{ConvertErrorKind, to_spanner};
use crate::datum::{Instant, Period, Symbol};
use crate::protobuf::tests::{EVERY, parse};

fn every() -> Arc<ProtobufSchema> {
    parse(EVERY, &[]).unwrap()
}

fn descriptor(schema: &Arc<ProtobufSchema>, name: &str) -> MessageDescriptor {
    schema.message_named(name).unwrap().descriptor().clone()
}

fn message(schema: &Arc<ProtobufSchema>, name: &str, fields: Vec<(&str, Value)>) -> Value {
    let mut message = DynamicMessage::new(descriptor(schema, name));
    for (field, value) in fields {
        message.set_field_by_name(field, value);
    }
    Value::Message(message)
}

/// The payload of a message of type `x.Every`.
fn payload(schema: &Arc<ProtobufSchema>, fields: Vec<(&str, Value)>) -> Vec<u8> {
    let Value::Message(message) = message(schema, "x.Every", fields) else { panic!("a message") };
    [&[0][..], &message.encode_to_vec()].concat()
}

fn read(schema: &Arc<ProtobufSchema>, payload: &[u8]) -> Result<Datum> {
    decode(schema, payload, Limits::default(), false).map(|(_, value)| value)
}

fn one(field: &str, value: Value) -> Datum {
    let schema = every();
    let datum = read(&schema, &payload(&schema, vec![(field, value)])).unwrap();
    datum.get(field).unwrap().clone()
}

fn symbol(name: &str, number: i32) -> Datum {
    Datum::Enum(Symbol { name: name.into(), number: Some(number) })
}

#[test]
fn kept_message_converts_to_a_proto_column_of_its_type() {
    let text = "syntax = \"proto3\"; package p; message A { B b = 1; E e = 2; } message B { int64 n = 1; } \
        enum E { ZERO = 0; ONE = 1; }";
    let schema = parse(text, &[]).unwrap();
    // b = { n = 7, field 9 = 1 }, e = 1
    let payload = [0, 0x0a, 4, 8, 7, 0x48, 1, 0x10, 1];
    let (_, datum) = decode(&schema, &payload, Limits::default(), true).unwrap();
    let column = |name: &str| Type::Proto(name.to_owned());
    let kept = |datum: &Datum, ty: &Type| to_spanner(datum, ty).map_err(|error| error.kind());
    let field = datum.get("b").unwrap();
    assert_eq!(kept(field, &column("p.B")), Ok(Spanner::Bytes(vec![8, 7, 0x48, 1])));
    assert_eq!(kept(field, &column("p.A")), Err(ConvertErrorKind::Type));
    assert_eq!(kept(&datum, &column("p.A")), Ok(Spanner::Bytes(payload[1..].to_vec())));
    assert_eq!(kept(datum.get("e").unwrap(), &Type::Enum("p.E".into())), Ok(Spanner::Int64(1)));
    assert_eq!(kept(&Datum::Int(i64::MAX), &Type::Enum("p.E".into())), Err(ConvertErrorKind::Range));
    assert_eq!(kept(&Datum::Enum("ONE".into()), &Type::Enum("p.E".into())), Err(ConvertErrorKind::Type));
    let unkept = read(&schema, &payload).unwrap();
    assert_eq!(kept(&unkept, &column("p.A")), Err(ConvertErrorKind::Type));
}

#[test]
fn every_field_type_becomes_its_datum() {
    let schema = every();
    for (field, value, expected) in [
        ("b", Value::Bool(true), Datum::Bool(true)),
        ("i32", Value::I32(-1), Datum::Int(-1)),
        ("i64", Value::I64(i64::MIN), Datum::Int(i64::MIN)),
        ("u32", Value::U32(u32::MAX), Datum::UInt(u64::from(u32::MAX))),
        ("u64", Value::U64(u64::MAX), Datum::UInt(u64::MAX)),
        ("s64", Value::I64(i64::MIN), Datum::Int(i64::MIN)),
        ("sf32", Value::I32(-7), Datum::Int(-7)),
        ("f", Value::F32(0.1), Datum::Float(0.1)),
        ("d", Value::F64(0.1), Datum::Double(0.1)),
        ("s", Value::String("ü".into()), "ü".into()),
        ("y", Value::Bytes(vec![1, 2].into()), Datum::Bytes(vec![1, 2])),
        ("color", Value::EnumNumber(1), symbol("RED", 1)),
        ("color", Value::EnumNumber(7), Datum::Int(7)),
        (
            "list",
            Value::List(vec![Value::I64(1), Value::I64(2)]),
            Datum::List(vec![Datum::Int(1), Datum::Int(2)]),
        ),
        (
            "map",
            Value::Map([(MapKey::String("k".into()), Value::I64(3))].into()),
            Datum::Map([("k".to_owned(), Datum::Int(3))].into()),
        ),
        (
            "at",
            message(
                &schema,
                "google.protobuf.Timestamp",
                vec![("seconds", Value::I64(-1)), ("nanos", Value::I32(5))],
            ),
            Datum::Timestamp(Instant::new(-1, 5).unwrap()),
        ),
        (
            "took",
            message(
                &schema,
                "google.protobuf.Duration",
                vec![("seconds", Value::I64(-1)), ("nanos", Value::I32(-5))],
            ),
            Datum::Duration(Box::new(Period::from_nanos(-1_000_000_005))),
        ),
        ("wrapped", message(&schema, "google.protobuf.StringValue", vec![]), "".into()),
        (
            "day",
            message(
                &schema,
                "google.type.Date",
                vec![("year", Value::I32(1970)), ("month", Value::I32(1)), ("day", Value::I32(3))],
            ),
            Datum::Date(2),
        ),
        (
            "time",
            message(
                &schema,
                "google.type.TimeOfDay",
                vec![("hours", Value::I32(1)), ("nanos", Value::I32(5))],
            ),
            Datum::Time(3_600_000_000_005),
        ),
        (
            "decimal",
            message(
                &schema,
                "confluent.type.Decimal",
                vec![("value", Value::Bytes(vec![1, 0].into())), ("scale", Value::I32(2))],
            ),
            Datum::Decimal("2.56".parse().unwrap()),
        ),
        (
            "any",
            message(
                &schema,
                "google.protobuf.Struct",
                vec![(
                    "fields",
                    Value::Map(
                        [
                            (
                                MapKey::String("a".into()),
                                message(
                                    &schema,
                                    "google.protobuf.Value",
                                    vec![("number_value", Value::F64(0.0))],
                                ),
                            ),
                            (
                                MapKey::String("n".into()),
                                message(
                                    &schema,
                                    "google.protobuf.Value",
                                    vec![("null_value", Value::EnumNumber(0))],
                                ),
                            ),
                        ]
                        .into(),
                    ),
                )],
            ),
            Datum::Map([("a".to_owned(), Datum::Double(0.0)), ("n".to_owned(), Datum::Null)].into()),
        ),
    ] {
        assert_eq!(one(field, value), expected, "{field}");
    }
}

#[test]
fn absent_field_is_null_only_with_presence() {
    let schema = every();
    let datum = read(&schema, &[0]).unwrap();
    for field in ["maybe", "left", "right", "at", "wrapped", "inner", "decimal"] {
        assert_eq!(datum.get(field), Some(&Datum::Null), "{field}");
    }
    assert_eq!(datum.get("i64"), Some(&Datum::Int(0)));
    assert_eq!(datum.get("s"), Some(&"".into()));
    assert_eq!(datum.get("color"), Some(&symbol("UNKNOWN", 0)));
    assert_eq!(datum.get("list"), Some(&Datum::List(vec![])));
    assert_eq!(datum.get("map"), Some(&Datum::Map([].into())));
    assert_eq!(one("maybe", Value::I64(0)), Datum::Int(0));
    assert_eq!(one("left", Value::String(String::new())), "".into());
}

#[test]
fn proto2_has_groups_and_presence() {
    let text = "syntax = \"proto2\"; message A { optional int64 n = 1 [default = 5]; required string s = 2;
        optional group G = 3 { optional int64 x = 4; } }";
    let schema = parse(text, &[]).unwrap();
    // s = "a", group 3 { x = 1 }
    let datum = read(&schema, &[0, 0x12, 1, b'a', 0x1b, 0x20, 1, 0x1c]).unwrap();
    assert_eq!(datum.get("n"), Some(&Datum::Null));
    assert_eq!(datum.get("g").and_then(|group| group.get("x")), Some(&Datum::Int(1)));
    for (bytes, what) in [
        (&[0, 0x1b, 0x20, 1][..], "does not end"),
        (&[0, 0x1b, 0x24], "has not begun"),
        (&[0, 0x1c], "has not begun"),
    ] {
        let error = read(&schema, bytes).unwrap_err();
        assert!(error.kind() == ErrorKind::Payload && error.to_string().contains(what), "{error}");
    }
}

#[test]
fn message_index_selects_the_message() {
    let schema = every();
    let (message, datum) = decode(&schema, &[4, 2, 0, 0x0a, 1, b'x'], Limits::default(), false).unwrap();
    assert_eq!((message.name(), datum.get("name")), ("x.Second.Nested", Some(&"x".into())));
    for bytes in [&[2, 4][..], &[4, 0, 2], &[]] {
        assert_eq!(read(&schema, bytes).unwrap_err().kind(), ErrorKind::Frame, "{bytes:?}");
    }
}

#[test]
fn invalid_message_is_rejected_without_quoting_it() {
    let schema = every();
    let whole = payload(
        &schema,
        vec![
            ("s", Value::String("s3cret".into())),
            ("right", message(&schema, "x.Every", vec![("s", Value::String("in".into()))])),
        ],
    );
    assert!(read(&schema, &whole).is_ok());
    let mut refused = 0;
    for length in 1..whole.len() {
        // A prefix that ends between two fields is a valid message.
        if let Err(error) = read(&schema, &whole[..length]) {
            assert_eq!(error.kind(), ErrorKind::Payload, "{length}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
            refused += 1;
        }
    }
    assert!(refused >= whole.len() - 4, "{refused} of {}", whole.len());
    for bytes in [
        // Invalid UTF-8 in s, an unknown wire type, a length beyond the end, a tag of more than 64 bits.
        &[0, 0x72, 1, 0xff][..],
        &[0, 0x0f],
        &[0, 0x72, 0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        // Inside `right`, the tag of a group whose second byte lies after the end of `right`.
        &[0, 0x9a, 0x01, 1, 0x83, 0x01],
    ] {
        assert_eq!(read(&schema, bytes).unwrap_err().kind(), ErrorKind::Payload, "{bytes:?}");
    }
}

#[test]
fn depth_and_values_are_limited() {
    let schema = every();
    // `right` within `right`: 1000 messages, each two or three bytes longer than the next.
    let mut deep = Vec::new();
    for _ in 0..1000 {
        let mut length = Vec::new();
        prost::encoding::encode_varint(deep.len() as u64, &mut length);
        deep = [&[0x9a, 0x01][..], &length, &deep].concat();
    }
    assert_eq!(read(&schema, &[&[0][..], &deep].concat()).unwrap_err().kind(), ErrorKind::TooLarge);
    // Each empty message in a map takes only a few bytes.
    let limits = Limits { values: 100, ..Limits::default() };
    let many = [&[0][..], &[0xba, 0x01, 0x00].repeat(200)].concat();
    assert_eq!(decode(&schema, &many, limits, false).unwrap_err().kind(), ErrorKind::TooLarge);
    let packed = [&[0, 0xa2, 0x01, 0xc8, 0x01][..], &[1; 200]].concat();
    assert_eq!(decode(&schema, &packed, limits, false).unwrap_err().kind(), ErrorKind::TooLarge);
    assert!(read(&schema, &packed).is_ok());
    let unknown = [&[0][..], &[0xf8, 0x7f, 0x01].repeat(200)].concat();
    assert_eq!(decode(&schema, &unknown, limits, false).unwrap_err().kind(), ErrorKind::TooLarge);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzz::protobuf(&bytes);
    }

    #[test]
    fn scalars_are_decoded_unchanged(i in any::<i64>(), u in any::<u64>(), d in any::<f64>(), s in "\\PC*", y in prop::collection::vec(any::<u8>(), 0..50)) {
        let schema = every();
        // The encoder treats either zero as absent, and an absent field is decoded as 0.0.
        let d = if d == 0.0 { 0.0 } else { d };
        let payload = payload(&schema, vec![
            ("s64", Value::I64(i)), ("f64", Value::U64(u)), ("d", Value::F64(d)),
            ("s", Value::String(s.clone())), ("y", Value::Bytes(y.clone().into())),
        ]);
        let datum = read(&schema, &payload).unwrap();
        prop_assert_eq!(datum.get("s64"), Some(&Datum::Int(i)));
        prop_assert_eq!(datum.get("f64"), Some(&Datum::UInt(u)));
        prop_assert!(matches!(datum.get("d"), Some(Datum::Double(found)) if found.to_bits() == d.to_bits()));
        prop_assert_eq!(datum.get("s"), Some(&Datum::String(s)));
        prop_assert_eq!(datum.get("y"), Some(&Datum::Bytes(y)));
    }
}
