//! The frame of Confluent's wire format: a zero byte, the schema id in four bytes (big-endian), and the payload.
//!
//! Source: <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>.

use crate::{Error, ErrorKind, Result};

/// The first byte of a frame, Confluent's "magic byte".
const MAGIC_BYTE: u8 = 0;
/// The length of the magic byte and the schema id, in bytes.
const HEADER_LENGTH: usize = 5;
/// The capacity to reserve for a payload of unknown length, in bytes.
pub(crate) const TYPICAL_PAYLOAD: usize = 512;

/// Splits a frame into the schema id and the payload.
///
/// # Errors
/// [`ErrorKind::Frame`] if the bytes are empty, begin with another byte, or end inside the schema id.
pub fn split(bytes: &[u8]) -> Result<(u32, &[u8])> {
    match bytes {
        [] => Err(Error::new(
            ErrorKind::Frame,
            "the payload is empty, but a schema id is expected; check the producer's serializer",
        )),
        [MAGIC_BYTE, a, b, c, d, payload @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), payload)),
        [MAGIC_BYTE, ..] => Err(Error::new(
            ErrorKind::Frame,
            format!("the payload ends inside the schema id: {} of {HEADER_LENGTH} bytes", bytes.len()),
        )),
        [first, ..] => Err(Error::new(
            ErrorKind::Frame,
            format!(
                "the payload starts with byte {first:#04x}, not 0x00: it was not written with a serializer of \
                 the schema registry; check the producer or the pipeline's `format`"
            ),
        )),
    }
}

/// A frame of the schema id and the payload.
pub fn join(id: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = start(id, payload.len());
    frame.extend_from_slice(payload);
    frame
}

/// The header of a frame, with capacity for a payload of `capacity` bytes.
pub(crate) fn start(id: u32, capacity: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER_LENGTH + capacity);
    frame.push(MAGIC_BYTE);
    frame.extend_from_slice(&id.to_be_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_frame_splits_into_id_and_payload() {
        let frame = join(0x0102_0304, b"abc");
        assert_eq!(frame, [0, 1, 2, 3, 4, b'a', b'b', b'c']);
        assert_eq!(split(&frame).unwrap(), (0x0102_0304, &b"abc"[..]));
        assert_eq!(split(&join(u32::MAX, b"")).unwrap(), (u32::MAX, &b""[..]));
    }

    #[test]
    fn invalid_frame_is_rejected() {
        for (bytes, expected) in
            [(&b""[..], "empty"), (&b"{\"a\":1}"[..], "0x7b"), (&[0, 0, 0, 1][..], "4 of 5")]
        {
            let error = split(bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Frame);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
