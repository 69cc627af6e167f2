//! JSON text: decoding with exact numbers, and encoding of published records.
//!
//! The formats `json` (without a schema) and `json-schema` share both. What belongs to JSON Schema is in `json_schema`.

mod decode;
mod encode;

pub(crate) use decode::{decode, invalid_json, invalid_utf8, without_byte_order_mark};
pub(crate) use encode::write_record;
