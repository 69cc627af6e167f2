//! Payloads whose whole schema is of Avro's type bytes.
//!
//! Confluent's serializers for Java and Python write such a value as it is. Avro's encoding, which other clients write,
//! begins with its length. The payload does not say which one it is.
//!
//! Source: <https://github.com/confluentinc/schema-registry/blob/master/avro-serializer/src/main/java/io/confluent/kafka/serializers/AbstractKafkaAvroSerializer.java>.

use apache_avro::Schema as Avro;
use apache_avro::schema::{DecimalSchema, InnerDecimalSchema, UuidSchema};
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;

use super::AvroSchema;
use crate::{Error, ErrorKind, Result};

/// The way in which values of a whole schema of type bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BareBytes {
    /// The bytes alone, as Confluent's serializers write them. The default.
    #[default]
    Raw,
    /// The length and then the bytes, as Avro encodes them.
    Prefixed,
}

/// Returns true if the whole schema is of type bytes, also with a logical type.
pub(crate) fn is_bare_bytes(schema: &AvroSchema) -> bool {
    matches!(
        schema.avro(),
        Avro::Bytes
            | Avro::BigDecimal
            | Avro::Uuid(UuidSchema::Bytes)
            | Avro::Decimal(DecimalSchema { inner: InnerDecimalSchema::Bytes, .. })
    )
}

/// Returns the payload after its length, as Avro encodes it.
pub(crate) fn with_length(payload: &[u8]) -> Result<Vec<u8>> {
    GenericDatumWriter::builder(&Avro::Bytes)
        .build()
        .and_then(|writer| writer.write_value_to_vec(Value::Bytes(payload.to_vec())))
        .map_err(|_| Error::new(ErrorKind::Payload, "the bytes cannot be encoded"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::avro::decode;
    use crate::datum::Datum;

    #[test]
    fn payload_of_any_length_is_decoded_with_its_length() {
        let schema = AvroSchema::parse("\"bytes\"").unwrap();
        assert!(is_bare_bytes(&schema));
        for length in [0, 1, 63, 64, 100_000] {
            let payload = vec![7; length];
            assert_eq!(decode(&schema, &with_length(&payload).unwrap()).unwrap(), Datum::Bytes(payload));
        }
    }

    #[test]
    fn only_the_whole_schema_counts() {
        for (text, is_bare) in [
            (r#"{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}"#, true),
            (r#"["null", "bytes"]"#, false),
            (r#"{"type": "fixed", "name": "F", "size": 2}"#, false),
            (r#""string""#, false),
        ] {
            assert_eq!(is_bare_bytes(&AvroSchema::parse(text).unwrap()), is_bare, "{text}");
        }
    }
}
