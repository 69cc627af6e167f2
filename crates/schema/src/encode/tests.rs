use std::sync::Arc;

use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::{Type, Value};

use super::*;
use crate::convert::to_spanner;
use crate::datum::Datum;
use crate::definition::{TimestampEncoding, TypeMapping};
use crate::json_schema::JsonSchema;
use crate::limits::Limits;
use crate::row_schema::{RowImage, RowSchema};

const NATIVE: TypeMapping = TypeMapping::Native(TimestampEncoding::Text);
const ALL: [Encoding; 4] = [Encoding::Avro, Encoding::Json, Encoding::JsonSchema, Encoding::Protobuf];

fn table(types: &[Type]) -> Table {
    let column = |(place, ty): (usize, &Type)| Column {
        name: format!("C{place}"),
        ty: ty.clone(),
        length: None,
        nullable: place != 0,
        generated: false,
        has_default: false,
        commit_timestamp: false,
        key_ordinal: (place == 0).then_some(0),
        key_descending: false,
    };
    Table { name: "T".into(), columns: types.iter().enumerate().map(column).collect(), parent: None }
}

fn schema(types: &[Type], mapping: TypeMapping) -> RowSchema {
    RowSchema::of_row(&table(types), mapping, RowImage::Full).unwrap()
}

fn encoder(encoding: Encoding, types: &[Type], mapping: TypeMapping) -> Encoder {
    Encoder::new(encoding, schema(types, mapping).record().clone()).unwrap()
}

/// Decodes the bytes as a consumer would.
fn decoded(encoder: &Encoder, encoding: Encoding, bytes: &[u8]) -> Datum {
    let text = encoder.schema().map(|(_, text)| text);
    let framed = || {
        let (id, payload) = frame::split(bytes).unwrap();
        assert_eq!(id, frame::SchemaId::Number(7));
        payload
    };
    match encoding {
        Encoding::Avro => avro::decode(&AvroSchema::parse(text.unwrap()).unwrap(), framed()).unwrap(),
        Encoding::Json => json::decode(bytes, Limits::default()).unwrap(),
        Encoding::JsonSchema => {
            let schema = JsonSchema::parse(text.unwrap(), &[]).unwrap();
            json_schema::decode(&schema, framed(), Limits::default()).unwrap()
        }
        Encoding::Protobuf => {
            let file = Arc::new(ProtobufSchema::parse(text.unwrap(), &[]).unwrap());
            let payload = framed();
            assert_eq!(payload[0], 0);
            protobuf::decode(&file, payload, Limits::default(), false).unwrap().1
        }
    }
}

fn row_of(values: &[Value]) -> FieldValue {
    FieldValue::Record(values.iter().cloned().map(FieldValue::Value).collect())
}

/// Values of each type, including its limits, and whether the JSON form alone identifies the type.
fn samples() -> Vec<(Type, Vec<Value>, bool)> {
    let numeric = |text: &str| Value::Numeric(text.parse().unwrap());
    let timestamp = |text: &str| Value::Timestamp(text.parse().unwrap());
    let date = |text: &str| Value::Date(text.parse().unwrap());
    vec![
        (Type::Bool, vec![true.into(), false.into()], true),
        (Type::Int64, vec![i64::MIN.into(), i64::MAX.into(), ((1 << 53) + 1).into(), 0.into()], true),
        (Type::Float64, vec![0.1.into(), f64::MAX.into(), 5e-324.into()], true),
        (Type::Float32, vec![f64::from(0.1_f32).into(), f64::from(f32::MAX).into()], true),
        (
            Type::Numeric,
            ["0", "-1", "127", "128", "-128", "-129", "12.5", "-0.000000001"]
                .map(numeric)
                .into_iter()
                .chain([
                    numeric("99999999999999999999999999999.999999999"),
                    numeric("-99999999999999999999999999999.999999999"),
                ])
                .collect(),
            true,
        ),
        (Type::String, vec!["".into(), "größe ✓\u{0}".into()], true),
        (Type::Bytes, vec![Value::Bytes(vec![]), Value::Bytes(vec![0, 255, 16])], false),
        (Type::Date, vec![date("0001-01-01"), date("1970-01-01"), date("9999-12-31")], true),
        (
            Type::Timestamp,
            vec![
                timestamp("0001-01-01T00:00:00Z"),
                timestamp("2024-02-29T12:34:56.123456789Z"),
                timestamp("9999-12-31T23:59:59.999999999Z"),
            ],
            true,
        ),
        (Type::Json, vec![Value::Json("{\"a\":[1,null]}".into()), Value::Json("null".into())], true),
        (Type::Enum("a.E".into()), vec![7.into()], true),
        (Type::Proto("a.M".into()), vec![Value::Bytes(vec![8, 1])], false),
        (Type::Uuid, vec!["67e55044-10b1-426f-9247-bb680e5fe0c8".into()], true),
    ]
}

#[test]
fn every_value_is_decoded_unchanged() {
    for encoding in ALL {
        let text = matches!(encoding, Encoding::Json | Encoding::JsonSchema);
        for (ty, values, _) in samples().into_iter().filter(|(.., by_type)| *by_type || !text) {
            let encoder = encoder(encoding, &[Type::Int64, ty.clone()], NATIVE);
            for value in values.into_iter().chain([Value::Null]) {
                let bytes = encoder.encode(7, row_of(&[1.into(), value.clone()])).unwrap();
                let datum = decoded(&encoder, encoding, &bytes);
                let back = to_spanner(datum.get("C1").unwrap(), &ty).unwrap();
                assert_eq!(back, value, "{encoding:?} {ty}");
            }
        }
    }
}

#[test]
fn arrays_keep_null_items() {
    for (ty, values, by_type) in samples() {
        let array = Type::Array(Box::new(ty.clone()));
        for encoding in ALL.into_iter().filter(|encoding| by_type || *encoding == Encoding::Avro) {
            let encoder = encoder(encoding, &[Type::Int64, array.clone()], NATIVE);
            let some = Value::Array([Value::Null].into_iter().chain(values.clone()).collect());
            for value in [some, Value::Array(vec![]), Value::Null] {
                let bytes = encoder.encode(7, row_of(&[1.into(), value.clone()])).unwrap();
                let datum = decoded(&encoder, encoding, &bytes);
                let field = datum.get("C1").unwrap();
                let list = match (encoding, field) {
                    (Encoding::Protobuf, Datum::Record(_)) => items(field),
                    _ => field.clone(),
                };
                assert_eq!(to_spanner(&list, &array).unwrap(), value, "{encoding:?} {array}");
            }
        }
    }
}

/// The items of a Protobuf array. Protobuf lists have no null, so each item is a message with or without a value.
fn items(array: &Datum) -> Datum {
    let Some(Datum::List(items)) = array.get("items") else { panic!("an array has items") };
    Datum::List(items.iter().map(|item| item.get("value").unwrap().clone()).collect())
}

#[test]
fn nan_and_infinities_are_text_in_json() {
    let bytes = encoder(Encoding::Json, &[Type::Float64], NATIVE).encode(0, row_of(&[(-0.0).into()]));
    assert_eq!(bytes.unwrap(), b"{\"C0\":-0.0}");
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    for ty in [Type::Float64, Type::Float32] {
        for (value, name) in values.into_iter().zip(["NaN", "Infinity", "-Infinity"]) {
            for encoding in ALL {
                let encoder = encoder(encoding, &[Type::Int64, ty.clone()], NATIVE);
                let bytes = encoder.encode(7, row_of(&[1.into(), value.into()])).unwrap();
                let datum = decoded(&encoder, encoding, &bytes);
                let found = datum.get("C1").unwrap();
                match encoding {
                    Encoding::Json | Encoding::JsonSchema => assert_eq!(*found, Datum::from(name)),
                    _ => assert_eq!(to_spanner(found, &ty).unwrap(), value.into(), "{encoding:?} {ty}"),
                }
            }
        }
    }
}

#[test]
fn every_type_has_a_json_form() {
    let types: Vec<Type> = samples().into_iter().map(|(ty, ..)| ty).collect();
    let values: Vec<Value> =
        samples().into_iter().map(|(_, values, _)| values.last().unwrap().clone()).collect();
    let bytes = encoder(Encoding::Json, &types, NATIVE).encode(0, row_of(&values)).unwrap();
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        concat!(
            r#"{"C0":false,"C1":0,"C2":5e-324,"C3":3.4028235e+38,"C4":"-99999999999999999999999999999.999999999","#,
            r#""C5":"größe ✓\u0000","C6":"AP8Q","C7":"9999-12-31","C8":"9999-12-31T23:59:59.999999999Z","#,
            r#""C9":"null","C10":7,"C11":"CAE=","C12":"67e55044-10b1-426f-9247-bb680e5fe0c8"}"#
        )
    );
}

#[test]
fn timestamp_beyond_its_logical_type_is_rejected() {
    let encode = |timestamps, text: &str| {
        let mapping = TypeMapping::Native(timestamps);
        let encoder = encoder(Encoding::Avro, &[Type::Int64, Type::Timestamp], mapping);
        let value = Value::Timestamp(text.parse().unwrap());
        let bytes = encoder.encode(7, row_of(&[1.into(), value.clone()]))?;
        let back = decoded(&encoder, Encoding::Avro, &bytes);
        assert_eq!(to_spanner(back.get("C1").unwrap(), &Type::Timestamp).unwrap(), value);
        Ok::<_, Error>(())
    };
    encode(TimestampEncoding::Micros, "9999-12-31T23:59:59.999999Z").unwrap();
    encode(TimestampEncoding::Micros, "0001-01-01T00:00:00.000001Z").unwrap();
    encode(TimestampEncoding::Nanos, "2024-02-29T12:34:56.123456789Z").unwrap();
    for (timestamps, text) in [
        (TimestampEncoding::Micros, "2024-02-29T12:34:56.123456789Z"),
        (TimestampEncoding::Nanos, "9999-12-31T23:59:59Z"),
    ] {
        let error = encode(timestamps, text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Encode);
        assert!(error.to_string().starts_with("field C1:") && !error.to_string().contains("59"), "{error}");
    }
}

#[test]
fn encode_error_names_the_field_without_the_value() {
    for encoding in ALL {
        for mapping in [NATIVE, TypeMapping::Debezium] {
            let encoder = encoder(encoding, &[Type::Int64, Type::Float32], mapping);
            for (values, field) in [
                ([Value::Null, Value::Null], "field C0:"),
                (["s3cret".into(), Value::Null], "field C0:"),
                ([1.into(), "s3cret".into()], "field C1:"),
                ([1.into(), 0.1.into()], "field C1:"),
            ] {
                let error = encoder.encode(7, row_of(&values)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Encode);
                assert!(error.to_string().starts_with(field), "{error}");
                assert!(!error.to_string().contains("s3cret"), "{error}");
            }
        }
    }
}

#[test]
fn debezium_mapping_writes_text() {
    let types = [Type::Numeric, Type::Json, Type::Timestamp, Type::Date];
    let values = [
        Value::Numeric("12.50".parse().unwrap()),
        Value::Json("{}".into()),
        Value::Timestamp("2026-11-22T03:47:42.120Z".parse().unwrap()),
        Value::Date("0001-02-03".parse().unwrap()),
    ];
    for encoding in ALL {
        let encoder = encoder(encoding, &types, TypeMapping::Debezium);
        let bytes = encoder.encode(7, row_of(&values)).unwrap();
        let datum = decoded(&encoder, encoding, &bytes);
        let texts = ["12.5", "{}", "2026-11-22T03:47:42.120Z", "0001-02-03"];
        for (place, text) in texts.into_iter().enumerate() {
            assert_eq!(datum.get(&format!("C{place}")), Some(&Datum::from(text)), "{encoding:?}");
        }
    }
}
