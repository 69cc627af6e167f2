//! Decodes the formats without structure.

use crate::datum::Datum;
use crate::{Error, ErrorKind, Result, json};

/// Decodes UTF-8 text.
pub(crate) fn string(bytes: &[u8]) -> Result<Datum> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(error) => Err(json::invalid_utf8(&error)),
    }
}

/// Decodes eight bytes, big-endian, as Kafka's `LongSerializer` writes them.
pub(crate) fn int64(bytes: &[u8]) -> Result<Datum> {
    let eight = bytes.try_into().map_err(|_| {
        Error::new(ErrorKind::Payload, format!("an int64 has eight bytes, not {}", bytes.len()))
    })?;
    Ok(Datum::Int(i64::from_be_bytes(eight)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn string_and_int64_are_decoded_or_rejected() {
        assert_eq!(string("größe".as_bytes()).unwrap(), "größe".into());
        assert_eq!(string(&[0xff]).unwrap_err().kind(), ErrorKind::Payload);
        assert_eq!(int64(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]).unwrap(), Datum::Int(-2));
        for length in [0, 7, 9] {
            assert_eq!(int64(&vec![0; length]).unwrap_err().kind(), ErrorKind::Payload);
        }
    }
}
