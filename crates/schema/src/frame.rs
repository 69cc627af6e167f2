//! Confluent's wire format: a zero byte, the schema id in four bytes (big-endian), the payload.
//!
//! Source: <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>.

use crate::{Error, Kind, Result};

/// The first byte of every framed payload.
const MAGIC: u8 = 0;
/// Bytes before the payload.
const HEADER: usize = 5;

/// The schema id and the payload behind it.
///
/// Fails with [`Kind::Frame`] for an empty, foreign or truncated frame.
pub fn split(bytes: &[u8]) -> Result<(u32, &[u8])> {
    match bytes {
        [] => Err(Error::new(Kind::Frame, "the record is empty where a schema id is expected")),
        [MAGIC, a, b, c, d, payload @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), payload)),
        [MAGIC, ..] => Err(Error::new(
            Kind::Frame,
            format!("the record ends within its schema id: {} of {HEADER} bytes", bytes.len()),
        )),
        [magic, ..] => Err(Error::new(
            Kind::Frame,
            format!(
                "the record starts with byte {magic:#04x}, not 0x00: it was not written with a schema \
                 registry's serializer"
            ),
        )),
    }
}

/// The payload with its schema id in front.
pub fn join(id: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = start(id, payload.len());
    frame.extend_from_slice(payload);
    frame
}

/// The header, with room for a payload of about `capacity` bytes.
pub(crate) fn start(id: u32, capacity: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER + capacity);
    frame.push(MAGIC);
    frame.extend_from_slice(&id.to_be_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_splits_into_what_was_joined() {
        let frame = join(0x0102_0304, b"abc");
        assert_eq!(frame, [0, 1, 2, 3, 4, b'a', b'b', b'c']);
        assert_eq!(split(&frame).unwrap(), (0x0102_0304, &b"abc"[..]));
        assert_eq!(split(&join(u32::MAX, b"")).unwrap(), (u32::MAX, &b""[..]));
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for (bytes, expected) in
            [(&b""[..], "empty"), (&b"{\"a\":1}"[..], "0x7b"), (&[0, 0, 0, 1][..], "4 of 5")]
        {
            let error = split(bytes).unwrap_err();
            assert_eq!(error.kind(), Kind::Frame);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
