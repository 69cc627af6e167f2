use apache_avro::types::Value as AvroValue;
use apache_avro::{BigDecimal, Decimal, Uuid};
use chrono::{NaiveDate, TimeZone, Utc};
use proptest::prelude::*;

use super::*;
use crate::AvroSchema;

/// Converts a value of `schema` to a column of type `ty`.
fn convert(schema: &str, value: AvroValue, ty: &Type) -> Result<Value, ConvertErrorKind> {
    let schema = AvroSchema::parse(schema).unwrap();
    to_spanner(&schema.converter().convert(value), ty).map_err(|error| error.kind())
}

fn text(text: &str, ty: &Type) -> Result<Value, ConvertErrorKind> {
    convert(r#""string""#, AvroValue::String(text.into()), ty)
}

fn numeric(text: &str) -> Value {
    Value::Numeric(text.parse().unwrap())
}

#[test]
fn union_converts_as_its_branch_and_null_as_null() {
    let schema = r#"["null","long"]"#;
    let long = AvroValue::Union(1, Box::new(AvroValue::Long(7)));
    assert_eq!(convert(schema, long, &Type::Int64), Ok(Value::Int64(7)));
    let null = AvroValue::Union(0, Box::new(AvroValue::Null));
    assert_eq!(convert(schema, null, &Type::Json), Ok(Value::Null));
}

#[test]
fn integer_converts_to_a_float_only_exactly() {
    let long = |value, ty| convert(r#""long""#, AvroValue::Long(value), ty);
    assert_eq!(long(1 << 53, &Type::Float64), Ok(Value::from(9_007_199_254_740_992.0)));
    assert_eq!(long((1 << 53) + 1, &Type::Float64), Err(ConvertErrorKind::Precision));
    assert_eq!(long(i64::MIN, &Type::Float64), Ok(Value::from(-9_223_372_036_854_775_808.0)));
    assert_eq!(long(i64::MAX, &Type::Float64), Err(ConvertErrorKind::Precision));
    assert_eq!(long(0, &Type::Float32), Ok(Value::from(0.0)));
    assert_eq!(long((1 << 24) + 1, &Type::Float32), Err(ConvertErrorKind::Precision));
    assert_eq!(long(i64::MIN, &Type::Numeric), Ok(numeric("-9223372036854775808")));
    assert_eq!(long(1, &Type::Timestamp), Err(ConvertErrorKind::Type));
    assert_eq!(long(1, &Type::String), Err(ConvertErrorKind::Type));
    assert_eq!(convert(r#""int""#, AvroValue::Int(-3), &Type::Int64), Ok(Value::Int64(-3)));
}

#[test]
fn float_keeps_nan_and_every_bit() {
    let double = |value, ty| convert(r#""double""#, AvroValue::Double(value), ty);
    assert_eq!(double(f64::NAN, &Type::Float64), Ok(Value::from(f64::NAN)));
    assert_eq!(double(-0.0, &Type::Float64), Ok(Value::from(-0.0)));
    assert_eq!(double(0.5, &Type::Float32), Ok(Value::from(0.5)));
    assert_eq!(double(0.1, &Type::Float32), Err(ConvertErrorKind::Precision));
    assert_eq!(double(f64::INFINITY, &Type::Float32), Ok(Value::from(f64::INFINITY)));
    assert!(matches!(double(f64::NAN, &Type::Float32), Ok(Value::Float64(Float(v))) if v.is_nan()));
    assert_eq!(double(1.0, &Type::Numeric), Err(ConvertErrorKind::Type));
    let float = convert(r#""float""#, AvroValue::Float(0.1), &Type::Float64);
    assert_eq!(float, Ok(Value::from(f64::from(0.1_f32))));
}

#[test]
fn text_is_parsed_by_its_column_type() {
    let at = Utc.with_ymd_and_hms(2013, 1, 1, 10, 0, 0).unwrap();
    for literal in ["2013-01-01T10:00:00Z", "2013-01-01T05:00:00.000000000000-05:00"] {
        assert_eq!(text(literal, &Type::Timestamp), Ok(Value::Timestamp(at)), "{literal}");
    }
    for (literal, fault) in [
        ("2013-01-01T10:00:00", ConvertErrorKind::Syntax),
        ("2013-01-01", ConvertErrorKind::Syntax),
        ("", ConvertErrorKind::Syntax),
        ("2013-01-01T10:00:00.0000000001Z", ConvertErrorKind::Precision),
        ("0000-12-31T23:59:59Z", ConvertErrorKind::Range),
        ("9999-12-31T23:59:59-01:00", ConvertErrorKind::Range),
    ] {
        assert_eq!(text(literal, &Type::Timestamp), Err(fault), "{literal}");
    }
    assert_eq!(
        text("2012-02-29", &Type::Date),
        Ok(Value::Date(NaiveDate::from_ymd_opt(2012, 2, 29).unwrap()))
    );
    for literal in ["2013-02-29", "2013-1-1", "+2013-01-1", " 2013-01-0", "2013-01-01T"] {
        assert_eq!(text(literal, &Type::Date), Err(ConvertErrorKind::Syntax), "{literal}");
    }
    assert_eq!(text("0000-01-01", &Type::Date), Err(ConvertErrorKind::Range));
    assert_eq!(text("1.5e1", &Type::Numeric), Ok(numeric("15")));
    assert_eq!(text("0.0000000001", &Type::Numeric), Err(ConvertErrorKind::Precision));
    assert_eq!(text("NaN", &Type::Numeric), Err(ConvertErrorKind::Syntax));
    assert_eq!(text("{\"a\": [1]}", &Type::Json), Ok(Value::Json("{\"a\": [1]}".into())));
    assert_eq!(text("{\"a\": }", &Type::Json), Err(ConvertErrorKind::Syntax));
    assert_eq!(text(&"[".repeat(100_000), &Type::Json), Err(ConvertErrorKind::Syntax));
    let canonical = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    assert_eq!(text(&canonical.to_uppercase(), &Type::Uuid), Ok(Value::from(canonical)));
    assert_eq!(text("67e55044", &Type::Uuid), Err(ConvertErrorKind::Syntax));
    assert_eq!(text("1", &Type::Int64), Err(ConvertErrorKind::Type));
    let symbol = AvroValue::Enum(0, "UA".into());
    let schema = r#"{"type":"enum","name":"E","symbols":["UA"]}"#;
    assert_eq!(convert(schema, symbol, &Type::String), Ok(Value::from("UA")));
}

#[test]
fn logical_types_keep_their_value() {
    let stamp = |logical: &str, value| {
        let schema = format!(r#"{{"type":"long","logicalType":"{logical}"}}"#);
        convert(&schema, value, &Type::Timestamp)
    };
    let at = Utc.timestamp_opt(1, 5_000_000).unwrap();
    assert_eq!(stamp("timestamp-millis", AvroValue::TimestampMillis(1_005)), Ok(Value::Timestamp(at)));
    assert_eq!(stamp("timestamp-micros", AvroValue::TimestampMicros(1_005_000)), Ok(Value::Timestamp(at)));
    assert_eq!(stamp("timestamp-nanos", AvroValue::TimestampNanos(1_005_000_000)), Ok(Value::Timestamp(at)));
    for value in [i64::MIN, i64::MAX, -62_135_596_800_001] {
        assert_eq!(
            stamp("timestamp-millis", AvroValue::TimestampMillis(value)),
            Err(ConvertErrorKind::Range)
        );
    }
    assert_eq!(
        stamp("local-timestamp-millis", AvroValue::LocalTimestampMillis(0)),
        Err(ConvertErrorKind::Type)
    );
    let day = |days| convert(r#"{"type":"int","logicalType":"date"}"#, AvroValue::Date(days), &Type::Date);
    assert_eq!(day(0), Ok(Value::Date(NaiveDate::default())));
    assert_eq!(day(i32::MAX), Err(ConvertErrorKind::Range));
    assert_eq!(day(i32::MIN), Err(ConvertErrorKind::Range));
    let uuid = Uuid::from_u128(1);
    let schema = r#"{"type":"string","logicalType":"uuid"}"#;
    let canonical = Value::from("00000000-0000-0000-0000-000000000001");
    assert_eq!(convert(schema, AvroValue::Uuid(uuid), &Type::Uuid), Ok(canonical.clone()));
    assert_eq!(convert(schema, AvroValue::Uuid(uuid), &Type::String), Ok(canonical));
}

#[test]
fn decimal_takes_its_scale_from_the_schema() {
    let bytes = r#"{"type":"bytes","logicalType":"decimal","precision":60,"scale":12}"#;
    let fixed =
        r#"{"type":{"type":"fixed","name":"F","size":20},"logicalType":"decimal","precision":40,"scale":2}"#;
    let decimal =
        |schema, bytes: &[u8]| convert(schema, AvroValue::Decimal(Decimal::from(bytes)), &Type::Numeric);
    // 1.5 = 1500000000000 / 10^12
    let unscaled = 1_500_000_000_000_i128.to_be_bytes();
    assert_eq!(decimal(bytes, &unscaled), Ok(numeric("1.5")));
    assert_eq!(decimal(bytes, &(-1_i128).to_be_bytes()), Err(ConvertErrorKind::Precision));
    assert_eq!(decimal(fixed, &[0xff; 20]), Ok(numeric("-0.01")));
    assert_eq!(decimal(fixed, &i128::MAX.to_be_bytes()), Err(ConvertErrorKind::Range));
    assert_eq!(decimal(fixed, &i128::MIN.to_be_bytes()), Err(ConvertErrorKind::Range));
    assert_eq!(decimal(fixed, &[0x7f; 4096]), Err(ConvertErrorKind::Range));
    // 10^40 / 10^12: the unscaled value has more than 128 bits, but the number is a NUMERIC.
    let wide = [0x1d, 0x63, 0x29, 0xf1, 0xc3, 0x5c, 0xa4, 0xbf, 0xab, 0xb9, 0xf5, 0x61, 0, 0, 0, 0, 0];
    assert_eq!(decimal(bytes, &wide), Ok(numeric("1e28")));
}

#[test]
fn big_decimal_with_a_huge_scale_is_rejected() {
    let schema = r#"{"type":"bytes","logicalType":"big-decimal"}"#;
    let big = |unscaled: i64, scale| {
        let value = AvroValue::BigDecimal(BigDecimal::new(unscaled.into(), scale));
        convert(schema, value, &Type::Numeric)
    };
    assert_eq!(big(1250, 3), Ok(numeric("1.25")));
    assert_eq!(big(12, -3), Ok(numeric("12000")));
    assert_eq!(big(0, 1_000_000), Ok(numeric("0")));
    for scale in [i64::MAX, 1 << 40, 10] {
        assert_eq!(big(1, scale), Err(ConvertErrorKind::Precision), "{scale}");
    }
    for scale in [i64::MIN + 1, -(1 << 40), -29] {
        assert_eq!(big(1, scale), Err(ConvertErrorKind::Range), "{scale}");
    }
}

#[test]
fn arrays_convert_item_by_item() {
    let schema = r#"{"type":"array","items":["null","long"]}"#;
    let items = || {
        AvroValue::Array(vec![
            AvroValue::Union(1, Box::new(AvroValue::Long(1))),
            AvroValue::Union(0, Box::new(AvroValue::Null)),
        ])
    };
    let array = |ty| Type::Array(Box::new(ty));
    assert_eq!(
        convert(schema, items(), &array(Type::Int64)),
        Ok(Value::Array(vec![Value::Int64(1), Value::Null]))
    );
    assert_eq!(convert(schema, items(), &array(Type::Bytes)), Err(ConvertErrorKind::Type));
    assert_eq!(convert(schema, items(), &Type::Int64), Err(ConvertErrorKind::Type));
}

#[test]
fn error_names_the_types_without_the_value() {
    let error = to_spanner(&"s3cret".into(), &Type::Timestamp).unwrap_err();
    assert_eq!(
        error.to_string(),
        "string does not convert to Spanner TIMESTAMP: the text is not a literal of this type"
    );
    assert_eq!(error.code(), "convert.syntax");
}

#[test]
fn field_is_found_through_unions() {
    let schema = AvroSchema::parse(
        r#"["null",{"type":"record","name":"R","fields":[{"name":"a","type":"long"},{"name":"b","type":"int"}]}]"#,
    )
    .unwrap();
    let record = AvroValue::Record(vec![("a".into(), AvroValue::Long(1)), ("b".into(), AvroValue::Int(2))]);
    let value = AvroValue::Union(1, Box::new(record));
    let datum = schema.converter().convert(value);
    assert_eq!(datum.get("b"), Some(&Datum::Int(2)));
    assert!(datum.get("c").is_none());
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*", ty in types()) {
        let _ = super::text::parse(&text, &ty);
    }

    #[test]
    fn text_like_a_literal_never_panics(text in "[-+0-9:.TZeE]{0,40}", ty in types()) {
        let _ = super::text::parse(&text, &ty);
    }

    #[test]
    fn decimal_converts_to_its_digits(unscaled in any::<i64>(), scale in 0_i64..=9) {
        let schema = format!(r#"{{"type":"bytes","logicalType":"decimal","precision":30,"scale":{scale}}}"#);
        let value = AvroValue::Decimal(Decimal::from(unscaled.to_be_bytes()));
        let expected = numeric(&format!("{unscaled}e-{scale}"));
        prop_assert_eq!(convert(&schema, value, &Type::Numeric), Ok(expected.clone()));
        let value = AvroValue::BigDecimal(BigDecimal::new(unscaled.into(), scale));
        prop_assert_eq!(convert(r#"{"type":"bytes","logicalType":"big-decimal"}"#, value, &Type::Numeric), Ok(expected));
    }
}

fn types() -> impl Strategy<Value = Type> {
    prop::sample::select(vec![
        Type::Timestamp,
        Type::Date,
        Type::Numeric,
        Type::Json,
        Type::Uuid,
        Type::String,
        Type::Bool,
    ])
}
