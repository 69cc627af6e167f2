use spanbridge_protocol::value::Type;

use crate::shape::{RecordShape, Shape};

/// What a schema's values do in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// Each of them converts; null is the column's own question.
    Lossless,
    /// Some do, by what each one is; the others are errors on their record.
    Sometimes(String),
    /// None does.
    Never(String),
}

/// Whether values of that shape convert to a column of that type: [`super::to_spanner`], asked ahead.
pub fn fits(shape: &Shape, ty: &Type) -> Fit {
    let never = || Fit::Never(format!("there is no lossless conversion of {} to {ty}", shape.kind()));
    let sometimes = |why: &str| Fit::Sometimes(why.to_owned());
    match (shape, ty) {
        (Shape::Null, _) | (Shape::Bool, Type::Bool | Type::Json) => Fit::Lossless,
        (Shape::Any, _) => sometimes("the schema does not say what it is"),
        (Shape::Union(members), ty) => union(members, ty),
        (Shape::Int(bits), Type::Enum(_)) if *bits <= 32 => Fit::Lossless,
        (Shape::Int(_), Type::Enum(_)) => sometimes("the number must be one of 32 bits"),
        (Shape::Enum(_), Type::Enum(_)) => sometimes("only symbols of Protobuf have numbers"),
        (Shape::Record(RecordShape { name: Some(name), .. }), Type::Proto(proto)) if name == proto => {
            Fit::Lossless
        }
        (Shape::Bytes, Type::Proto(name)) => Fit::Sometimes(format!("the bytes must be a message {name}")),
        (Shape::Int(bits), ty) => integer(*bits, 64, ty).unwrap_or_else(never),
        (Shape::UInt(bits), ty) => integer(*bits, 63, ty).unwrap_or_else(never),
        (Shape::Float, Type::Float32 | Type::Float64) | (Shape::Double, Type::Float64) => Fit::Lossless,
        (Shape::Double, Type::Float32) => sometimes("FLOAT32 holds fewer digits than a double"),
        (Shape::Float | Shape::Double, Type::Json) => sometimes("JSON has no NaN and no infinity"),
        (Shape::Number | Shape::Decimal { .. }, Type::Json) => {
            sometimes("JSON keeps numbers that are 64-bit integers or doubles")
        }
        (Shape::Number, Type::Int64) => sometimes("the number must be whole and of 64 bits"),
        (Shape::Number, Type::Numeric) => sometimes(NUMERIC),
        (Shape::Number, Type::Float64 | Type::Float32) => {
            sometimes("the float must give the number's digits back")
        }
        (Shape::Decimal { precision: Some(precision), scale: Some(0) }, Type::Int64) if *precision <= 18 => {
            Fit::Lossless
        }
        (Shape::Decimal { .. }, Type::Int64) => sometimes("the decimal must be whole and of 64 bits"),
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
        | (Shape::LocalTimestamp, Type::String) => sometimes("the year must be 1 to 9999"),
        (Shape::Time, Type::String) => sometimes("the time must lie within one day"),
        (Shape::List(item), Type::Array(ty)) => fits(item, ty),
        (Shape::List(_) | Shape::Map(_) | Shape::Record(_), Type::Json) => json(shape),
        _ => never(),
    }
}

const NUMERIC: &str = "NUMERIC holds 29 digits before and 9 behind the point";

fn union(members: &[Shape], ty: &Type) -> Fit {
    let members: Vec<&Shape> = members.iter().filter(|member| **member != Shape::Null).collect();
    let fitted: Vec<Fit> = members.iter().map(|member| fits(member, ty)).collect();
    if !fitted.is_empty() && fitted.iter().all(|fit| matches!(fit, Fit::Never(_))) {
        let kinds: Vec<String> = members.iter().map(|member| member.kind()).collect();
        return Fit::Never(format!("none of {} converts to {ty}", kinds.join(", ")));
    }
    match fitted.into_iter().find(|fit| *fit != Fit::Lossless) {
        Some(Fit::Never(why) | Fit::Sometimes(why)) => Fit::Sometimes(why),
        _ => Fit::Lossless,
    }
}

/// An integer of so many bits, of which INT64 holds so many.
fn integer(bits: u8, held: u8, ty: &Type) -> Option<Fit> {
    let within = |limit: u8, what: &str| match bits <= limit {
        true => Fit::Lossless,
        false => Fit::Sometimes(format!("the integer must be {what}")),
    };
    Some(match ty {
        Type::Int64 => within(held, "below 2^63"),
        Type::Numeric | Type::Json => Fit::Lossless,
        Type::Float64 => within(53, "one that FLOAT64 holds exactly"),
        Type::Float32 => within(24, "one that FLOAT32 holds exactly"),
        _ => return None,
    })
}

/// What is nested in a JSON column.
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
            "its numbers must be 64-bit integers or doubles, and its years 1 to 9999".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests;
