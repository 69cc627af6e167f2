use super::*;
use crate::shape::{FieldShape, RecordShape};

fn reference(name: &str, text: &str) -> SchemaReference {
    SchemaReference { name: name.into(), text: text.into() }
}

fn integer() -> Shape {
    Shape::union([Shape::Int(64), Shape::UInt(64), Shape::Number])
}

#[test]
fn shape_follows_types_references_and_alternatives() {
    let schema = JsonSchema::parse(
        r##"{"type": "object", "additionalProperties": false, "required": ["id", "tags"],
            "properties": {
                "id": {"type": "integer"},
                "note": {"type": ["string", "null"]},
                "kind": {"enum": ["a", "b"]},
                "tags": {"type": "array", "items": {"$ref": "#/definitions/tag"}},
                "next": {"$ref": "#"},
                "place": {"oneOf": [{"type": "null"}, {"$ref": "http://x/geo.json#/$defs/point"}]},
                "more": {"type": "object", "additionalProperties": {"type": "boolean"}}},
            "definitions": {"tag": {"type": "string"}}}"##,
        &[reference(
            "http://x/geo.json",
            r#"{"$defs": {"point": {"type": "object", "properties": {"x": {"type": "boolean"}}}}}"#,
        )],
    )
    .unwrap();
    let Shape::Record(RecordShape { fields, open: false, .. }) = schema.shape() else {
        panic!("a closed record")
    };
    let shape = |name: &str| &fields.iter().find(|field| field.name == name).unwrap().shape;
    assert_eq!(shape("id"), &integer());
    assert_eq!(shape("note"), &Shape::String.nullable());
    assert_eq!(shape("kind"), &Shape::String.nullable());
    assert_eq!(shape("tags"), &Shape::List(Box::new(Shape::String)));
    assert_eq!(shape("next"), &Shape::Any);
    assert_eq!(shape("more"), &Shape::Map(Box::new(Shape::Bool)).nullable());
    let x = FieldShape { name: "x".into(), shape: Shape::Bool.nullable() };
    let point = Shape::Record(RecordShape { name: None, fields: vec![x], open: true });
    assert_eq!(shape("place"), &point.nullable());
}

#[test]
fn only_references_are_resolved() {
    for (text, what) in [
        (r#"{"$ref": "http://127.0.0.1:1/a.json"}"#, "not among"),
        (r#"{"$ref": "file:///etc/passwd"}"#, "not among"),
        (r#"{"type": 7}"#, "cannot be used"),
        (r#"{"type""#, "not JSON"),
        (r#"{"pattern": "("}"#, "cannot be used"),
    ] {
        let error = JsonSchema::parse(text, &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnusableSchema, "{text}");
        assert!(error.to_string().contains(what), "{text}: {error}");
    }
}

#[test]
fn reference_is_resolved_relative_to_the_schema_id() {
    let schema = JsonSchema::parse(
        r#"{"$id": "http://x/schemas/order.json", "properties": {"c": {"$ref": "customer.json"}}}"#,
        &[reference("customer.json", r#"{"type": "object"}"#)],
    )
    .unwrap();
    assert!(schema.validate(&serde_json::json!({"c": {}})).is_ok());
    assert!(schema.validate(&serde_json::json!({"c": 1})).is_err());
}

#[test]
fn exponentially_large_shape_is_truncated() {
    let mut definitions = serde_json::Map::new();
    for level in 0..40 {
        let next = serde_json::json!({"$ref": format!("#/d/{}", level + 1)});
        definitions.insert(level.to_string(), serde_json::json!({"properties": {"a": next, "b": next}}));
    }
    definitions.insert("40".into(), serde_json::json!({"type": "string"}));
    let text = serde_json::json!({"$ref": "#/d/0", "d": definitions}).to_string();
    assert!(matches!(JsonSchema::parse(&text, &[]).unwrap().shape(), Shape::Record(_)));
}

#[test]
fn schema_that_refers_to_itself_terminates() {
    for text in [
        r##"{"$ref": "#"}"##,
        r##"{"allOf": [{"$ref": "#"}]}"##,
        r##"{"anyOf": [{"type": "string"}, {"$ref": "#/definitions/a"}],
            "definitions": {"a": {"not": {"$ref": "#/definitions/b"}}, "b": {"if": {"$ref": "#/definitions/a"}}}}"##,
    ] {
        let schema = JsonSchema::parse(text, &[]).unwrap();
        assert!(schema.validate(&serde_json::json!("text")).is_ok(), "{text}");
        assert!(schema.shape().is_nullable(), "{text}");
    }
}
