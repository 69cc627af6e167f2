//! The message index, which precedes the message in Confluent's wire format for Protobuf.
//!
//! Source: <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>.

use crate::{Error, ErrorKind, Result};

/// The deepest nesting of message types, as in protoc.
const MAX_LEVELS: usize = 32;

/// Splits off the message index: the path of the message in its file, and the bytes after it.
///
/// Serializers of other makers may omit the index. Most of their payloads have no valid one, which the error says.
///
/// The index is the number of its levels and then each level, as zigzag varints. A single zero means the first
/// message, `[0]`.
pub(super) fn split(bytes: &[u8]) -> Result<(Vec<usize>, &[u8])> {
    let mut rest = bytes;
    let count = varint(&mut rest)?;
    if count == 0 {
        return Ok((vec![0], rest));
    }
    if count > MAX_LEVELS {
        return Err(frame("it would have more than 32 levels"));
    }
    let path = (0..count).map(|_| varint(&mut rest)).collect::<Result<_>>()?;
    Ok((path, rest))
}

fn varint(rest: &mut &[u8]) -> Result<usize> {
    let mut zigzag = 0_u32;
    for shift in (0..32).step_by(7) {
        let Some((byte, tail)) = rest.split_first() else {
            return Err(frame("the record would end inside it"));
        };
        *rest = tail;
        let bits = u32::from(byte & 0x7f);
        if shift == 28 && bits > 0x0f {
            break;
        }
        zigzag |= bits << shift;
        if byte & 0x80 == 0 {
            return match zigzag % 2 {
                0 => Ok(usize::try_from(zigzag / 2).unwrap_or(usize::MAX)),
                _ => Err(frame("it would be negative")),
            };
        }
    }
    Err(frame("it would have more than 32 bits"))
}

fn frame(why: &str) -> Error {
    let message = format!(
        "the payload has no message index after the schema id ({why}); Confluent's Protobuf serializers write it"
    );
    Error::new(ErrorKind::Frame, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_is_zigzag_and_zero_means_the_first_message() {
        for (bytes, path) in [
            (&[0_u8, 9][..], vec![0]),
            (&[2, 0, 9], vec![0]),
            (&[2, 2, 9], vec![1]),
            (&[4, 2, 0, 9], vec![1, 0]),
            (&[2, 0x80, 0x02, 9], vec![128]),
        ] {
            assert_eq!(split(bytes).unwrap(), (path, &[9_u8][..]));
        }
    }

    #[test]
    fn invalid_index_is_rejected() {
        for bytes in [
            &[][..],
            &[2],
            &[4, 0],
            &[1],
            &[3, 0],
            &[0xff; 5],
            &[0xff; 10],
            &[66, 0],
            &[2, 0xff, 0xff, 0xff, 0xff, 0x1f],
        ] {
            let error = split(bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Frame, "{bytes:?}");
            assert!(error.to_string().contains("has no message index"), "{error}");
        }
    }
}
