use proptest::prelude::*;

use super::super::{ConvertErrorKind, to_spanner};
use super::*;
use crate::datum::{Datum, FieldNames, Instant, Period, Record};
use crate::shape::{FieldShape, RecordShape};

fn types() -> Vec<Type> {
    let scalars = [
        Type::Bool,
        Type::Int64,
        Type::Float32,
        Type::Float64,
        Type::Numeric,
        Type::String,
        Type::Bytes,
        Type::Date,
        Type::Timestamp,
        Type::Json,
        Type::Uuid,
    ];
    let arrays = scalars.clone().map(|item| Type::Array(Box::new(item)));
    scalars.into_iter().chain(arrays).collect()
}

/// A shape and one of its values.
fn pairs() -> BoxedStrategy<(Shape, Datum)> {
    let nullable = |(shape, datum): (Shape, Datum), is_null: bool| {
        (shape.nullable(), if is_null { Datum::Null } else { datum })
    };
    let list = |(shape, datum): (Shape, Datum), length: usize| {
        (Shape::List(Box::new(shape)), Datum::List(vec![datum; length]))
    };
    let map = |(shape, datum): (Shape, Datum)| {
        (Shape::Map(Box::new(shape)), Datum::Map([("k".to_owned(), datum)].into()))
    };
    let record = |(shape, datum): (Shape, Datum)| {
        let names = std::sync::Arc::new(FieldNames::new(vec!["f".into()]));
        let fields = vec![FieldShape { name: "f".into(), shape }];
        let shape = Shape::Record(RecordShape { name: None, fields, open: false });
        (shape, Datum::Record(Record::new(names, vec![datum])))
    };
    let either =
        |(one, datum): (Shape, Datum), (other, _): (Shape, Datum)| (Shape::union([one, other]), datum);
    scalars()
        .prop_recursive(3, 8, 2, move |inner| {
            prop_oneof![
                (inner.clone(), any::<bool>()).prop_map(move |(inner, is_null)| nullable(inner, is_null)),
                (inner.clone(), 0_usize..3).prop_map(move |(inner, length)| list(inner, length)),
                inner.clone().prop_map(map),
                inner.clone().prop_map(record),
                (inner.clone(), inner).prop_map(move |(one, other)| either(one, other)),
            ]
        })
        .boxed()
}

fn scalars() -> BoxedStrategy<(Shape, Datum)> {
    let decimal = |(unscaled, precision, scale): (i64, u64, i64)| {
        let unscaled = unscaled % 10_i64.pow(u32::try_from(precision).unwrap());
        let shape = Shape::Decimal { precision: Some(precision), scale: Some(scale) };
        (shape, Datum::Decimal(bigdecimal::BigDecimal::new(unscaled.into(), scale)))
    };
    prop_oneof![
        Just((Shape::Null, Datum::Null)),
        any::<bool>().prop_map(|value| (Shape::Bool, Datum::Bool(value))),
        any::<i32>().prop_map(|value| (Shape::Int(32), Datum::Int(value.into()))),
        any::<i64>().prop_map(|value| (Shape::Int(64), Datum::Int(value))),
        any::<u32>().prop_map(|value| (Shape::UInt(32), Datum::UInt(value.into()))),
        any::<u64>().prop_map(|value| (Shape::UInt(64), Datum::UInt(value))),
        any::<f32>().prop_map(|value| (Shape::Float, Datum::Float(value))),
        any::<f64>().prop_map(|value| (Shape::Double, Datum::Double(value))),
        (any::<i64>(), 1_u64..=18, 0_i64..=18).prop_map(decimal),
        "[-0-9.e]{1,9}".prop_filter_map("no number", |text| {
            Some((Shape::Number, Datum::Number(text.parse().ok()?)))
        }),
        "\\PC{0,9}".prop_map(|text| (Shape::String, Datum::String(text))),
        any::<Vec<u8>>().prop_map(|bytes| (Shape::Bytes, Datum::Bytes(bytes))),
        any::<i64>().prop_map(|days| (Shape::Date, Datum::Date(days))),
        any::<i64>().prop_map(|nanos| (Shape::Time, Datum::Time(nanos))),
        any::<i64>().prop_map(|at| (Shape::Timestamp, Datum::Timestamp(Instant::from_micros(at)))),
        any::<i64>().prop_map(|at| (Shape::LocalTimestamp, Datum::LocalTimestamp(Instant::from_millis(at)))),
        any::<u128>().prop_map(|bits| (Shape::Uuid, Datum::Uuid(uuid::Uuid::from_u128(bits)))),
        any::<i128>()
            .prop_map(|nanos| (Shape::Duration, Datum::Duration(Box::new(Period::from_nanos(nanos))))),
        Just((Shape::Enum(vec!["A".into()]), Datum::Enum("A".into()))),
        any::<i64>().prop_map(|value| (Shape::Any, Datum::Int(value))),
    ]
    .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn lossless_values_convert_and_never_fitting_values_do_not((shape, datum) in pairs()) {
        for ty in types() {
            let converted = to_spanner(&datum, &ty);
            match check_fit(&shape, &ty) {
                Fit::Lossless => prop_assert!(converted.is_ok(), "{shape:?} to {ty}: {converted:?}"),
                Fit::Sometimes(_) => {}
                Fit::Never(_) => {
                    let empty = matches!(&datum, Datum::Null)
                        || matches!(&datum, Datum::List(items) if items.iter().all(Datum::is_null));
                    let refused = matches!(&converted, Err(error) if error.kind() == ConvertErrorKind::Type);
                    prop_assert!(empty || refused, "{shape:?} to {ty}: {converted:?}");
                }
            }
        }
    }
}

#[test]
fn reason_names_the_types() {
    let never = Fit::Never("there is no lossless conversion of bytes to STRING".into());
    assert_eq!(check_fit(&Shape::Bytes, &Type::String), never);
    let union = Shape::union([Shape::Null, Shape::Bytes, Shape::Bool]);
    assert_eq!(
        check_fit(&union, &Type::String),
        Fit::Never("none of bytes, boolean converts to STRING".into())
    );
    assert!(matches!(check_fit(&union, &Type::Bool), Fit::Sometimes(_)));
    assert_eq!(check_fit(&Shape::Int(64).nullable(), &Type::Int64), Fit::Lossless);
    let money = Shape::Decimal { precision: Some(38), scale: Some(9) };
    assert_eq!(check_fit(&money, &Type::Numeric), Fit::Lossless);
    let wide = Shape::Decimal { precision: Some(39), scale: Some(9) };
    assert!(matches!(check_fit(&wide, &Type::Numeric), Fit::Sometimes(_)));
}
