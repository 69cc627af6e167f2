//! Masks: values that must not be stored as they are.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use spanbridge_protocol::ingest::Failure;
use spanbridge_protocol::value::{Date, Float, Numeric, Timestamp, Type, Value};
use spanbridge_schema::Datum;
use spanbridge_schema::datum::canonical_text;

use super::convert::convert;

/// The number of characters that `partial` keeps.
const KEPT_CHARS: usize = 4;
/// The length of the shortest text of which `partial` keeps any characters.
const MIN_PARTIAL_CHARS: usize = 8;
/// The replacement of a redacted text.
const REDACTED: &str = "***";

/// The way in which a column's values are hidden. NULL stays NULL.
pub(super) enum Mask {
    /// HMAC-SHA-256 in hexadecimal. Equal values have equal hashes, whatever type carries them.
    Hash(Hmac<Sha256>),
    /// NULL if the column is nullable, otherwise a fixed value.
    Redact { nullable: bool },
    /// The last four characters of a text of at least eight.
    Partial,
}

impl Mask {
    /// Returns a hash with this key.
    pub(super) fn hash(key: &[u8]) -> Self {
        let Ok(hmac) = Hmac::new_from_slice(key) else { unreachable!("HMAC takes keys of any length") };
        Self::Hash(hmac)
    }

    /// Returns true if a column of that type can hold the masked values.
    pub(super) fn fits(&self, ty: &Type) -> bool {
        match self {
            Self::Hash(_) | Self::Partial => *ty == Type::String,
            Self::Redact { .. } => true,
        }
    }

    /// Masks the value of an expression for a column of that type.
    ///
    /// # Errors
    /// The value would not fit the column either without the mask: `SB-INGEST-CONVERT`.
    pub(super) fn apply(&self, datum: &Datum, ty: &Type) -> Result<Value, Failure> {
        match self {
            Self::Hash(key) => {
                if datum.is_null() {
                    return Ok(Value::Null);
                }
                let canonical = canonical_text(datum).ok_or_else(|| {
                    let message = format!("a {} out of range has no hash", datum.type_name());
                    Failure::new("SB-INGEST-CONVERT", message)
                })?;
                let mut hmac = key.clone();
                hmac.update(&canonical);
                let hash = hmac.finalize().into_bytes();
                Ok(Value::String(hash.iter().map(|byte| format!("{byte:02x}")).collect()))
            }
            // The value is converted first, so that an invalid record fails with and without the mask.
            Self::Redact { nullable } => match convert(datum, ty)? {
                Value::Null => Ok(Value::Null),
                _ if *nullable => Ok(Value::Null),
                _ => Ok(redacted(ty)),
            },
            Self::Partial => Ok(match convert(datum, ty)? {
                Value::String(text) => Value::String(partial(&text)),
                other => other,
            }),
        }
    }
}

fn partial(text: &str) -> String {
    let length = text.chars().count();
    let hidden = if length < MIN_PARTIAL_CHARS { length } else { length - KEPT_CHARS };
    text.chars().enumerate().map(|(at, c)| if at < hidden { '*' } else { c }).collect()
}

/// Returns the fixed value that replaces the values of a type.
fn redacted(ty: &Type) -> Value {
    match ty {
        Type::Bool => Value::Bool(false),
        Type::Int64 | Type::Enum(_) => Value::Int64(0),
        Type::Float32 | Type::Float64 => Value::Float64(Float(0.0)),
        Type::Numeric => Value::Numeric(Numeric::from(0)),
        Type::String => Value::from(REDACTED),
        // An empty message is valid for every type of message.
        Type::Proto(_) => Value::Bytes(Vec::new()),
        Type::Bytes => Value::Bytes(REDACTED.as_bytes().to_vec()),
        Type::Date => Value::Date(Date::default()),
        Type::Timestamp => Value::Timestamp(Timestamp::UNIX_EPOCH),
        Type::Json => Value::Json(format!("\"{REDACTED}\"")),
        Type::Uuid => Value::from("00000000-0000-0000-0000-000000000000"),
        Type::Array(_) => Value::Array(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_keeps_the_end_of_long_texts() {
        for (text, left) in
            [("", ""), ("1234567", "*******"), ("12345678", "****5678"), ("größer als", "****** als")]
        {
            assert_eq!(partial(text), left);
        }
    }

    #[test]
    fn hash_and_partial_need_a_string_column() {
        assert!(Mask::hash(b"k").fits(&Type::String) && !Mask::hash(b"k").fits(&Type::Bytes));
        assert!(!Mask::Partial.fits(&Type::Int64));
        assert!(Mask::Redact { nullable: false }.fits(&Type::Uuid));
    }
}
