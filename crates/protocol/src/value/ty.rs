use std::fmt;

/// The type of a Spanner column (GoogleSQL dialect).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Type {
    Bool,
    Int64,
    Float32,
    Float64,
    Numeric,
    String,
    Bytes,
    Date,
    Timestamp,
    Json,
    Uuid,
    Array(Box<Type>),
}

impl Type {
    /// Reads `SPANNER_TYPE` of INFORMATION_SCHEMA.COLUMNS, such as `STRING(64)` or
    /// `ARRAY<INT64>`; nothing for a type that the bridge does not carry.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(item) = text.strip_prefix("ARRAY<") {
            // An array of arrays does not exist, so the first bracket closes it; a vector length may follow.
            let (item, _) = item.split_once('>')?;
            return Some(Self::Array(Box::new(Self::parse(item)?)));
        }
        let name = text.split('(').next().unwrap_or(text).trim();
        Some(match name {
            "BOOL" => Self::Bool,
            "INT64" => Self::Int64,
            "FLOAT32" => Self::Float32,
            "FLOAT64" => Self::Float64,
            "NUMERIC" => Self::Numeric,
            "STRING" => Self::String,
            "BYTES" => Self::Bytes,
            "DATE" => Self::Date,
            "TIMESTAMP" => Self::Timestamp,
            "JSON" => Self::Json,
            "UUID" => Self::Uuid,
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
            Self::Array(item) => return write!(f, "ARRAY<{item}>"),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spanner_types_are_read() {
        assert_eq!(Type::parse("STRING(MAX)"), Some(Type::String));
        assert_eq!(Type::parse("ARRAY<STRING(64)>"), Some(Type::Array(Box::new(Type::String))));
        assert_eq!(
            Type::parse("ARRAY<FLOAT32>(vector_length=>128)"),
            Some(Type::Array(Box::new(Type::Float32)))
        );
        assert_eq!(Type::parse("PROTO<a.B>"), None);
    }
}
