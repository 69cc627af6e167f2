//! The column type for the values of a schema.

use spanbridge_protocol::value::Type;
use spanbridge_schema::Shape;
use spanbridge_schema::convert::{Fit, check_fit};

/// Returns the type that holds all values of a shape without loss, or `None` if the schema does not determine one.
pub(crate) fn infer_type(shape: &Shape) -> Option<Type> {
    let ty = match shape {
        Shape::Null | Shape::Any => return None,
        Shape::Bool => Type::Bool,
        Shape::Int(_) | Shape::UInt(..=63) => Type::Int64,
        Shape::UInt(_) | Shape::Decimal { .. } => Type::Numeric,
        Shape::Float | Shape::Double | Shape::Number => Type::Float64,
        Shape::String
        | Shape::Enum(_)
        | Shape::Uuid
        | Shape::Duration
        | Shape::Time
        | Shape::LocalTimestamp => Type::String,
        Shape::Bytes => Type::Bytes,
        Shape::Date => Type::Date,
        Shape::Timestamp => Type::Timestamp,
        Shape::Record(_) | Shape::Map(_) => Type::Json,
        // Spanner has no arrays of arrays.
        Shape::List(item) => match infer_type(item) {
            None | Some(Type::Array(_) | Type::Json) => Type::Json,
            Some(item) => Type::Array(Box::new(item)),
        },
        Shape::Union(members) => union(shape, members)?,
    };
    (!matches!(check_fit(shape, &ty), Fit::Never(_))).then_some(ty)
}

fn union(shape: &Shape, members: &[Shape]) -> Option<Type> {
    let mut types: Vec<Type> = Vec::new();
    for member in members.iter().filter(|member| **member != Shape::Null) {
        let ty = infer_type(member)?;
        if !types.contains(&ty) {
            types.push(ty);
        }
    }
    match types.len() {
        1 => types.pop(),
        _ => [Type::Int64, Type::Numeric, Type::Float64, Type::String, Type::Json]
            .into_iter()
            .find(|ty| check_fit(shape, ty) == Fit::Lossless),
    }
}

/// Returns the type of a field's column, which has the field's name.
///
/// # Errors
/// The name is not valid for a column, or the schema does not determine a type.
pub(crate) fn infer_field_type(name: &str, shape: &Shape) -> Result<Type, String> {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let rest = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !(first && rest && name.len() <= 128) {
        return Err(format!("`{}` is not a valid column name", name.escape_debug()));
    }
    infer_type(shape)
        .ok_or_else(|| format!("`{name}` is a {}, which does not determine a column type", shape.name()))
}

#[cfg(test)]
mod tests {
    use super::super::column::type_sql;
    use super::*;

    fn list(item: Shape) -> Shape {
        Shape::List(Box::new(item))
    }

    #[test]
    fn inferred_types_lose_nothing() {
        for (shape, expected) in [
            (Shape::Bool, "BOOL"),
            (Shape::Int(32), "INT64"),
            (Shape::UInt(64), "NUMERIC"),
            (Shape::Float, "FLOAT64"),
            (Shape::Decimal { precision: Some(10), scale: Some(2) }, "NUMERIC"),
            (Shape::Uuid, "STRING(MAX)"),
            (Shape::Bytes.nullable(), "BYTES(MAX)"),
            (Shape::Date, "DATE"),
            (Shape::Timestamp, "TIMESTAMP"),
            (list(Shape::String), "ARRAY<STRING(MAX)>"),
            (list(list(Shape::Bool)), "JSON"),
            (Shape::Map(Box::new(Shape::String)), "JSON"),
            (Shape::union([Shape::Int(32), Shape::Int(64)]), "INT64"),
            (Shape::union([Shape::Int(32), Shape::Double, Shape::Null]), "FLOAT64"),
        ] {
            assert_eq!(infer_type(&shape).as_ref().map(type_sql).as_deref(), Some(expected), "{shape:?}");
        }
        for open in [Shape::Any, Shape::Null, Shape::union([Shape::Bytes, Shape::Int(32)])] {
            assert_eq!(infer_type(&open), None, "{open:?}");
        }
    }
}
