//! The check whether the values of a schema fit a column, before the first record arrives.

use spanbridge_protocol::value::Type;

use crate::shape::{RecordShape, Shape};

/// The fit of a schema's values to a column type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// Every value converts. Whether the column accepts NULL is not considered.
    Lossless,
    /// Some values convert; the others are errors of their record. The text is the condition.
    Sometimes(String),
    /// No value converts. The text is the reason.
    Never(String),
}

/// Checks whether values of a shape convert to a column of type `ty`, by the rules of [`super::to_spanner`].
pub fn check_fit(shape: &Shape, ty: &Type) -> Fit {
    let never = || Fit::Never(format!("there is no lossless conversion of {} to {ty}", shape.name()));
    let sometimes = |why: &str| Fit::Sometimes(why.to_owned());
    match (shape, ty) {
        (Shape::Null, _) | (Shape::Bool, Type::Bool | Type::Json) => Fit::Lossless,
        (Shape::Any, _) => sometimes("the schema does not state the type"),
        (Shape::Union(members), ty) => union(members, ty),
        (Shape::Int(bits), Type::Enum(_)) if *bits <= 32 => Fit::Lossless,
        (Shape::Int(_), Type::Enum(_)) => sometimes("the number must have at most 32 bits"),
        (Shape::Enum(_), Type::Enum(_)) => sometimes("only symbols of a Protobuf enum have numbers"),
        (Shape::Record(RecordShape { name: Some(name), .. }), Type::Proto(proto)) if name == proto => {
            Fit::Lossless
        }
        (Shape::Bytes, Type::Proto(name)) => {
            Fit::Sometimes(format!("the bytes must be a message of type {name}"))
        }
        (Shape::Int(bits), ty) => integer(*bits, 64, ty).unwrap_or_else(never),
        (Shape::UInt(bits), ty) => integer(*bits, 63, ty).unwrap_or_else(never),
        (Shape::Float, Type::Float32 | Type::Float64) | (Shape::Double, Type::Float64) => Fit::Lossless,
        (Shape::Double, Type::Float32) => sometimes("FLOAT32 holds fewer digits than a double"),
        (Shape::Float | Shape::Double, Type::Json) => sometimes("JSON has neither NaN nor infinities"),
        (Shape::Number | Shape::Decimal { .. }, Type::Json) => {
            sometimes("a JSON column holds only 64-bit integers and doubles")
        }
        (Shape::Number, Type::Int64) => sometimes("the number must be an integer of 64 bits"),
        (Shape::Number, Type::Numeric) => sometimes(NUMERIC),
        (Shape::Number, Type::Float64 | Type::Float32) => {
            sometimes("the float must have the same digits as the number")
        }
        (Shape::Decimal { precision: Some(precision), scale: Some(0) }, Type::Int64) if *precision <= 18 => {
            Fit::Lossless
        }
        (Shape::Decimal { .. }, Type::Int64) => sometimes("the decimal must be an integer of 64 bits"),
        (Shape::Decimal { precision: Some(precision), scale: Some(scale @ 0..=9) }, Type::Numeric)
            if i128::from(*precision) - i128::from(*scale) <= 29 =>
        {
            Fit::Lossless
        }
        (Shape::Decimal { .. }, Type::Numeric) => sometimes(NUMERIC),
        (Shape::String | Shape::Enum(_) | Shape::Uuid, Type::String)
        | (Shape::Uuid, Type::Uuid)
        | (Shape::Duration, Type::String)
        | (Shape::Bytes, Type::Bytes) => Fit::Lossless,
        (Shape::String | Shape::Enum(_), Type::Timestamp) => {
            sometimes("the text must be RFC 3339 with an offset")
        }
        (Shape::String | Shape::Enum(_), Type::Date) => sometimes("the text must be YYYY-MM-DD"),
        (Shape::String | Shape::Enum(_), Type::Numeric) => sometimes("the text must be a decimal number"),
        (Shape::String | Shape::Enum(_), Type::Json) => sometimes("the text must be JSON"),
        (Shape::String | Shape::Enum(_), Type::Uuid) => sometimes("the text must be a UUID"),
        (Shape::Date, Type::Date)
        | (Shape::Timestamp, Type::Timestamp)
        | (Shape::LocalTimestamp, Type::String) => sometimes("the year must be between 1 and 9999"),
        (Shape::Time, Type::String) => sometimes("the time must lie within one day"),
        (Shape::List(item), Type::Array(ty)) => check_fit(item, ty),
        (Shape::List(_) | Shape::Map(_) | Shape::Record(_), Type::Json) => json(shape),
        _ => never(),
    }
}

/// The condition of a number in a NUMERIC column.
const NUMERIC: &str = "NUMERIC holds 29 digits before the decimal point and 9 after it";

/// The fit of a union: that of its worst member, without null.
fn union(members: &[Shape], ty: &Type) -> Fit {
    let members: Vec<&Shape> = members.iter().filter(|member| **member != Shape::Null).collect();
    let fitted: Vec<Fit> = members.iter().map(|member| check_fit(member, ty)).collect();
    if !fitted.is_empty() && fitted.iter().all(|fit| matches!(fit, Fit::Never(_))) {
        let names: Vec<String> = members.iter().map(|member| member.name()).collect();
        return Fit::Never(format!("none of {} converts to {ty}", names.join(", ")));
    }
    match fitted.into_iter().find(|fit| *fit != Fit::Lossless) {
        Some(Fit::Never(why) | Fit::Sometimes(why)) => Fit::Sometimes(why),
        _ => Fit::Lossless,
    }
}

/// The fit of an integer of `bits` bits. INT64 holds the integers of up to `held` bits.
fn integer(bits: u8, held: u8, ty: &Type) -> Option<Fit> {
    let within = |limit: u8, what: &str| match bits <= limit {
        true => Fit::Lossless,
        false => Fit::Sometimes(format!("the integer must be {what}")),
    };
    Some(match ty {
        Type::Int64 => within(held, "less than 2^63"),
        Type::Numeric | Type::Json => Fit::Lossless,
        Type::Float64 => within(53, "exact as FLOAT64"),
        Type::Float32 => within(24, "exact as FLOAT32"),
        _ => return None,
    })
}

/// The fit of a value inside a JSON column.
fn json(shape: &Shape) -> Fit {
    match shape {
        Shape::Null
        | Shape::Bool
        | Shape::Int(_)
        | Shape::UInt(_)
        | Shape::String
        | Shape::Enum(_)
        | Shape::Bytes
        | Shape::Uuid
        | Shape::Duration => Fit::Lossless,
        Shape::List(item) | Shape::Map(item) => json(item),
        Shape::Record(record) if !record.open => record
            .fields
            .iter()
            .map(|field| json(&field.shape))
            .find(|fit| *fit != Fit::Lossless)
            .unwrap_or(Fit::Lossless),
        Shape::Union(members) => {
            members.iter().map(json).find(|fit| *fit != Fit::Lossless).unwrap_or(Fit::Lossless)
        }
        _ => Fit::Sometimes(
            "its numbers must be 64-bit integers or doubles, and its years between 1 and 9999".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests;
