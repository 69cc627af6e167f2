//! Decodes JSON text and validates it against its schema.

use super::JsonSchema;
use crate::datum::Datum;
use crate::limits::Limits;
use crate::{Result, json};

/// Decodes one JSON text that is valid by `schema`.
pub(crate) fn decode(schema: &JsonSchema, payload: &[u8], limits: Limits) -> Result<Datum> {
    // Decoded first, because that limits the input of the validator.
    let datum = json::decode(payload, limits)?;
    let text = json::without_byte_order_mark(payload);
    let value = serde_json::from_slice(text).map_err(|error| json::invalid_json(&error))?;
    schema.validate(&value)?;
    Ok(datum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::reference::SchemaReference;
    use proptest::prelude::*;

    const ORDER: &str = r##"{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
        "properties": {"id": {"type": "integer"}, "price": {"type": "number", "minimum": 0},
            "customer": {"$ref": "customer.json"}, "next": {"$ref": "#"}},
        "required": ["id"], "additionalProperties": false}"##;
    const CUSTOMER: &str =
        r#"{"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}"#;

    fn order() -> JsonSchema {
        let customer = SchemaReference { name: "customer.json".into(), text: CUSTOMER.into() };
        JsonSchema::parse(ORDER, &[customer]).unwrap()
    }

    fn read(payload: &[u8]) -> Result<Datum> {
        decode(&order(), payload, Limits::default())
    }

    #[test]
    fn valid_value_is_decoded_exactly() {
        let datum =
            read(br#"{"id": 9223372036854775807, "price": 0.10, "customer": {"name": "x"}}"#).unwrap();
        assert_eq!(datum.get("id"), Some(&Datum::Int(i64::MAX)));
        assert_eq!(datum.get("price"), Some(&Datum::Number("0.10".parse().unwrap())));
        assert_eq!(datum.get("customer").unwrap().get("name"), Some(&"x".into()));
    }

    #[test]
    fn invalid_value_is_rejected_with_the_violated_rule() {
        for (payload, rule) in [
            (r#"{}"#, "required"),
            (r#"{"id": "s3cret"}"#, "/properties/id/type"),
            (r#"{"id": 1, "price": -1}"#, "minimum"),
            (r#"{"id": 1, "s3cret": 2}"#, "additionalProperties"),
            (r#"{"id": 1, "customer": {}}"#, "required"),
            (r#"{"id": 1, "next": {"id": "s3cret"}}"#, "type"),
            (r#"[]"#, "type"),
            (r#"{"id": 1"#, "too early"),
            (r#"{"id": 1e999}"#, "not JSON"),
        ] {
            let error = read(payload.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Payload, "{payload}");
            let message = error.to_string();
            assert!(message.contains(rule) && !message.contains("s3cret"), "{payload}: {message}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(read(deep.as_bytes()).unwrap_err().kind(), ErrorKind::Payload);
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(read(deep.as_bytes()).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
