//! Confluent's wire format: where a payload says with which schema it was written.
//!
//! | place | bytes |
//! | --- | --- |
//! | before the payload | 0, the schema id in four bytes (big-endian) |
//! | before the payload | 1, the schema's GUID in 16 bytes |
//! | in the record's header [`VALUE_HEADER`] or [`KEY_HEADER`] | the same as before the payload; the payload then has no prefix |
//!
//! Sources: <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>,
//! and the class `SchemaId` of confluent-kafka-python 2.16 and of Confluent's Java serializers 8.

use std::fmt;

use uuid::Uuid;

use crate::{Error, ErrorKind, Result};

/// The record header that names the schema of the key.
pub const KEY_HEADER: &str = "__key_schema_id";
/// The record header that names the schema of the value.
pub const VALUE_HEADER: &str = "__value_schema_id";

/// The first byte before an id, Confluent's "magic byte".
const MAGIC_BYTE: u8 = 0;
/// The first byte before a GUID.
const GUID_MAGIC_BYTE: u8 = 1;
/// The length of the magic byte and the schema id, in bytes.
const HEADER_LENGTH: usize = 5;
/// The first byte of a payload of AWS Glue's serializers. The next one is 0 (no compression) or 5 (zlib).
const GLUE_VERSION_BYTE: u8 = 3;
/// The capacity to reserve for a payload of unknown length, in bytes.
pub(crate) const TYPICAL_PAYLOAD: usize = 512;

/// The reference to a schema in a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaId {
    /// The schema's id in the registry.
    Number(u32),
    /// The schema's GUID, which is the same in every registry.
    Guid(Uuid),
}

impl SchemaId {
    /// Returns whether this is a GUID.
    pub(crate) fn is_guid(self) -> bool {
        matches!(self, Self::Guid(_))
    }
}

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(id) => id.fmt(f),
            Self::Guid(guid) => guid.fmt(f),
        }
    }
}

/// Splits a frame into the schema's id and the payload.
///
/// # Errors
/// [`ErrorKind::Frame`] if the bytes are empty, begin with another byte, or end inside the schema's id.
pub fn split(bytes: &[u8]) -> Result<(SchemaId, &[u8])> {
    match bytes {
        [] => Err(Error::new(
            ErrorKind::Frame,
            "the payload is empty, but a schema id is expected; check the producer's serializer",
        )),
        [MAGIC_BYTE | GUID_MAGIC_BYTE, ..] => split_id(bytes).ok_or_else(|| {
            Error::new(
                ErrorKind::Frame,
                format!("the payload ends inside the schema id, after {} bytes", bytes.len()),
            )
        }),
        [GLUE_VERSION_BYTE, 0 | 5, rest @ ..] if rest.len() >= 16 => Err(Error::new(
            ErrorKind::Frame,
            "the payload was written with a serializer of AWS Glue's schema registry, which the bridge does not \
             support; use a serializer for Confluent's API",
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

/// Splits the value of a record header into the schema's id and what follows it: for Protobuf the index of the message.
///
/// # Errors
/// [`ErrorKind::Frame`] if the header is not an id.
pub(crate) fn split_header<'a>(header: &'a [u8], name: &str) -> Result<(SchemaId, &'a [u8])> {
    split_id(header).ok_or_else(|| {
        let message = format!(
            "the header {name} is not a schema id: {} bytes, of which the first must be 0 or 1",
            header.len()
        );
        Error::new(ErrorKind::Frame, message)
    })
}

fn split_id(bytes: &[u8]) -> Option<(SchemaId, &[u8])> {
    match bytes {
        [MAGIC_BYTE, rest @ ..] => {
            let (id, rest) = rest.split_first_chunk()?;
            Some((SchemaId::Number(u32::from_be_bytes(*id)), rest))
        }
        [GUID_MAGIC_BYTE, rest @ ..] => {
            let (guid, rest) = rest.split_first_chunk()?;
            Some((SchemaId::Guid(Uuid::from_bytes(*guid)), rest))
        }
        _ => None,
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
        assert_eq!(split(&frame).unwrap(), (SchemaId::Number(0x0102_0304), &b"abc"[..]));
        assert_eq!(split(&join(u32::MAX, b"")).unwrap(), (SchemaId::Number(u32::MAX), &b""[..]));
    }

    #[test]
    fn guid_is_read_from_prefix_and_header() {
        let guid = Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
        let bytes = [&[1][..], guid.as_bytes(), b"abc"].concat();
        assert_eq!(split(&bytes).unwrap(), (SchemaId::Guid(guid), &b"abc"[..]));
        assert_eq!(split_header(&bytes, VALUE_HEADER).unwrap(), (SchemaId::Guid(guid), &b"abc"[..]));
        assert_eq!(SchemaId::Guid(guid).to_string(), "01020304-0506-0708-090a-0b0c0d0e0f10");
        for header in [&b""[..], &[1, 2], &[0, 0, 0], &[2; 17]] {
            let error = split_header(header, KEY_HEADER).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Frame);
            assert!(error.to_string().contains("__key_schema_id"), "{error}");
        }
    }

    #[test]
    fn invalid_frame_is_rejected() {
        let glue = [&[3, 0][..], &[7; 16], b"abc"].concat();
        for (bytes, expected) in [
            (&b""[..], "empty"),
            (&b"{\"a\":1}"[..], "0x7b"),
            (&[0, 0, 0, 1][..], "after 4 bytes"),
            (&[1; 16][..], "after 16 bytes"),
            (&glue, "AWS Glue"),
            (&[3, 0, 1][..], "0x03"),
            (&[3, 1, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7][..], "0x03"),
        ] {
            let error = split(bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Frame);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
