//! Types of Spanner columns.

use std::fmt;

/// The type of a Spanner column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Type {
    /// BOOL.
    Bool,
    /// INT64.
    Int64,
    /// FLOAT32.
    Float32,
    /// FLOAT64.
    Float64,
    /// NUMERIC of the GoogleSQL dialect.
    Numeric,
    /// STRING, or `numeric` of the PostgreSQL dialect as text.
    String,
    /// BYTES.
    Bytes,
    /// DATE.
    Date,
    /// TIMESTAMP.
    Timestamp,
    /// JSON.
    Json,
    /// UUID.
    Uuid,
    /// A Protobuf message with this full name.
    Proto(String),
    /// A Protobuf enum with this full name.
    Enum(String),
    /// An array of items of this type.
    Array(Box<Type>),
}

impl Type {
    /// Parses `SPANNER_TYPE` of `INFORMATION_SCHEMA.COLUMNS`, such as `STRING(64)` or `ARRAY<INT64>`.
    ///
    /// Returns `None` for types that the bridge does not support. Also returns `None` for the name of a
    /// Protobuf message or enum, which does not tell which of the two it is.
    ///
    /// Types of the PostgreSQL dialect are parsed too. Its `numeric` has any number of digits and includes
    /// NaN, so its values are carried as text.
    /// Source: <https://cloud.google.com/spanner/docs/reference/postgresql/data-types>.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(item) = text.strip_prefix("ARRAY<") {
            // Arrays of arrays do not exist, so the first bracket closes the type. A vector length may follow.
            let (item, _) = item.split_once('>')?;
            return Some(Self::Array(Box::new(Self::parse(item)?)));
        }
        if let Some(item) = text.strip_suffix("[]") {
            return Some(Self::Array(Box::new(Self::parse(item)?)));
        }
        let name = text.split('(').next().unwrap_or(text).trim();
        Some(match name {
            "BOOL" | "boolean" => Self::Bool,
            "INT64" | "bigint" => Self::Int64,
            "FLOAT32" | "real" => Self::Float32,
            "FLOAT64" | "double precision" => Self::Float64,
            "NUMERIC" => Self::Numeric,
            "STRING" | "character varying" | "text" | "numeric" => Self::String,
            "BYTES" | "bytea" => Self::Bytes,
            "DATE" | "date" => Self::Date,
            "TIMESTAMP" | "timestamp with time zone" | "spanner.commit_timestamp" => Self::Timestamp,
            "JSON" | "jsonb" => Self::Json,
            "UUID" | "uuid" => Self::Uuid,
            _ => return None,
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Bool => "BOOL",
            Self::Int64 => "INT64",
            Self::Float32 => "FLOAT32",
            Self::Float64 => "FLOAT64",
            Self::Numeric => "NUMERIC",
            Self::String => "STRING",
            Self::Bytes => "BYTES",
            Self::Date => "DATE",
            Self::Timestamp => "TIMESTAMP",
            Self::Json => "JSON",
            Self::Uuid => "UUID",
            Self::Proto(name) | Self::Enum(name) => name,
            Self::Array(item) => return write!(f, "ARRAY<{item}>"),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn googlesql_types_are_parsed() {
        assert_eq!(Type::parse("STRING(MAX)"), Some(Type::String));
        assert_eq!(Type::parse("ARRAY<STRING(64)>"), Some(Type::Array(Box::new(Type::String))));
        assert_eq!(
            Type::parse("ARRAY<FLOAT32>(vector_length=>128)"),
            Some(Type::Array(Box::new(Type::Float32)))
        );
        assert_eq!(Type::parse("`a.B`"), None);
    }

    #[test]
    fn postgresql_types_are_parsed() {
        for (text, ty) in [
            ("bigint", Type::Int64),
            ("character varying(64)", Type::String),
            ("numeric", Type::String),
            ("timestamp with time zone", Type::Timestamp),
            ("spanner.commit_timestamp", Type::Timestamp),
            ("jsonb", Type::Json),
            ("double precision[]", Type::Array(Box::new(Type::Float64))),
        ] {
            assert_eq!(Type::parse(text), Some(ty), "{text}");
        }
        assert_eq!(Type::parse("oid"), None);
    }
}
