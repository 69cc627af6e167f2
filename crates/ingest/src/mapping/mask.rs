//! What is left of a value that must not be stored as it is.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use spanbridge_protocol::ingest::Failure;
use spanbridge_protocol::value::{Date, Float, Numeric, Timestamp, Type, Value};
use spanbridge_schema::datum::canonical_text;

use super::expression::{Expression, convert};
use super::record::Input;

/// Characters that `partial` leaves, and the length of text from which on it leaves any.
const LEFT: usize = 4;
const LONG_ENOUGH: usize = 8;
/// What stands for a value that is gone.
const GONE: &str = "***";

/// How a column's values are hidden. Null stays null.
pub(super) enum Mask {
    /// HMAC-SHA-256 in hexadecimal: equal values stay equal, whatever type carries them.
    Hash(Hmac<Sha256>),
    /// NULL where the column takes it, otherwise a fixed value.
    Redact { nullable: bool },
    /// The last four characters of text of eight or more.
    Partial,
}

impl Mask {
    /// A hash under that key.
    pub(super) fn hash(key: &[u8]) -> Self {
        // Keys of any length are taken.
        let Ok(hmac) = Hmac::new_from_slice(key) else { unreachable!("HMAC takes keys of any length") };
        Self::Hash(hmac)
    }

    /// Whether a column of that type can hold what is left.
    pub(super) fn fits(&self, ty: &Type) -> bool {
        match self {
            Self::Hash(_) | Self::Partial => *ty == Type::String,
            Self::Redact { .. } => true,
        }
    }

    /// The value of an expression for a column of that type, hidden.
    pub(super) fn apply(
        &self,
        expression: &Expression,
        input: &Input<'_>,
        ty: &Type,
    ) -> Result<Value, Failure> {
        match self {
            Self::Hash(key) => {
                let datum = expression.datum(input)?;
                if datum.is_null() {
                    return Ok(Value::Null);
                }
                let canonical = canonical_text(&datum).ok_or_else(|| {
                    let what = format!("a {} out of range has no hash", datum.type_name());
                    Failure::new("SB-INGEST-CONVERT", what)
                })?;
                let mut hmac = key.clone();
                hmac.update(&canonical);
                let hash = hmac.finalize().into_bytes();
                Ok(Value::String(hash.iter().map(|byte| format!("{byte:02x}")).collect()))
            }
            // Evaluated all the same: what is no value of the column is no value when it is hidden.
            Self::Redact { nullable } => match convert(&*expression.datum(input)?, ty)? {
                Value::Null => Ok(Value::Null),
                _ if *nullable => Ok(Value::Null),
                _ => Ok(zero(ty)),
            },
            Self::Partial => Ok(match convert(&*expression.datum(input)?, ty)? {
                Value::String(text) => Value::String(partial(&text)),
                other => other,
            }),
        }
    }
}

fn partial(text: &str) -> String {
    let length = text.chars().count();
    let hidden = if length < LONG_ENOUGH { length } else { length - LEFT };
    text.chars().enumerate().map(|(at, c)| if at < hidden { '*' } else { c }).collect()
}

/// A fixed value of each type.
fn zero(ty: &Type) -> Value {
    match ty {
        Type::Bool => Value::Bool(false),
        Type::Int64 | Type::Enum(_) => Value::Int64(0),
        Type::Float32 | Type::Float64 => Value::Float64(Float(0.0)),
        Type::Numeric => Value::Numeric(Numeric::from(0)),
        Type::String => Value::from(GONE),
        // A message without fields is one of every type.
        Type::Proto(_) => Value::Bytes(Vec::new()),
        Type::Bytes => Value::Bytes(GONE.as_bytes().to_vec()),
        Type::Date => Value::Date(Date::default()),
        Type::Timestamp => Value::Timestamp(Timestamp::UNIX_EPOCH),
        Type::Json => Value::Json(format!("\"{GONE}\"")),
        Type::Uuid => Value::from("00000000-0000-0000-0000-000000000000"),
        Type::Array(_) => Value::Array(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_keeps_the_end_of_what_is_long_enough() {
        for (text, left) in
            [("", ""), ("1234567", "*******"), ("12345678", "****5678"), ("größer als", "****** als")]
        {
            assert_eq!(partial(text), left);
        }
    }

    #[test]
    fn only_text_is_hashed_into_text() {
        assert!(Mask::hash(b"k").fits(&Type::String) && !Mask::hash(b"k").fits(&Type::Bytes));
        assert!(!Mask::Partial.fits(&Type::Int64));
        assert!(Mask::Redact { nullable: false }.fits(&Type::Uuid));
    }
}
