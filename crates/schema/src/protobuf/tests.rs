use super::*;
use crate::shape::RecordShape;

/// The schema of the fuzz test, which has a field of each type.
pub(crate) const EVERY: &str = include_str!("../decode/fuzz/every.proto");

pub(crate) fn parse(text: &str, references: &[(&str, &str)]) -> Result<Arc<ProtobufSchema>> {
    let references: Vec<SchemaReference> = references
        .iter()
        .map(|(name, text)| SchemaReference { name: (*name).into(), text: (*text).into() })
        .collect();
    ProtobufSchema::parse(text, &references).map(Arc::new)
}

fn shape(schema: &Arc<ProtobufSchema>, field: &str) -> Shape {
    let message = schema.message(&[0]).unwrap();
    let Shape::Record(RecordShape { fields, .. }) = message.shape() else { panic!("a record") };
    fields.iter().find(|found| found.name == field).unwrap().shape.clone()
}

#[test]
fn message_is_found_by_its_indices() {
    let schema = parse(EVERY, &[]).unwrap();
    for (path, name) in [
        (&[0][..], Some("x.Every")),
        (&[0, 0], Some("x.Every.Inner")),
        (&[1], Some("x.Second")),
        (&[1, 0], Some("x.Second.Nested")),
        (&[2], None),
        (&[0, 1], None),
        (&[], None),
    ] {
        let found = schema.message(path);
        assert_eq!(found.as_ref().map(MessageType::name), name, "{path:?}");
    }
    assert_eq!(schema.message_named("x.Second").unwrap().name(), "x.Second");
    let all = schema.messages();
    let all: Vec<_> = all.iter().map(MessageType::name).collect();
    assert_eq!(all, ["x.Every", "x.Second", "x.Every.Inner", "x.Second.Nested"], "without entries of maps");
}

#[test]
fn fields_have_their_shape() {
    let schema = parse(EVERY, &[]).unwrap();
    let color = Shape::Enum(vec!["UNKNOWN".into(), "RED".into()]);
    for (field, expected) in [
        ("b", Shape::Bool),
        ("s32", Shape::Int(32)),
        ("f64", Shape::UInt(64)),
        ("color", Shape::union([color, Shape::Int(32)])),
        ("maybe", Shape::Int(64).nullable()),
        ("left", Shape::String.nullable()),
        ("right", Shape::Any),
        ("list", Shape::List(Box::new(Shape::Int(64)))),
        ("map", Shape::Map(Box::new(Shape::Int(64)))),
        ("at", Shape::Timestamp.nullable()),
        ("any", Shape::Map(Box::new(Shape::Any)).nullable()),
        ("wrapped", Shape::String.nullable()),
        ("decimal", Shape::Decimal { precision: None, scale: None }.nullable()),
    ] {
        assert_eq!(shape(&schema, field), expected, "{field}");
    }
}

#[test]
fn only_references_and_known_files_can_be_imported() {
    let text = "syntax = \"proto3\"; import \"geo/point.proto\"; message A { geo.Point p = 1; }";
    let point = "syntax = \"proto3\"; package geo; message Point { int64 x = 1; }";
    assert!(matches!(shape(&parse(text, &[("geo/point.proto", point)]).unwrap(), "p"), Shape::Union(_)));
    for (text, what) in [
        (text, "geo/point.proto"),
        ("syntax = \"proto3\"; import \"/etc/passwd\";", "cannot be used"),
        ("message A { int64 x = 1 }", "cannot be used"),
        ("syntax = \"proto3\"; message A { B b = 1; }", "cannot be used"),
        ("", "cannot be used"),
    ] {
        match parse(text, &[]) {
            Ok(schema) => assert!(schema.message(&[0]).is_none(), "{text}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::UnusableSchema);
                assert!(error.to_string().contains(what), "{text}: {error}");
            }
        }
    }
}

#[test]
fn oversized_or_deep_text_is_rejected() {
    let deep = format!("syntax = \"proto3\"; option (a) = {}", "{ a: ".repeat(100_000));
    assert_eq!(parse(&deep, &[]).unwrap_err().kind(), ErrorKind::UnusableSchema);
    let nested = format!("syntax = \"proto3\"; {}{}", "message A {".repeat(90), "}".repeat(90));
    assert_eq!(parse(&nested, &[]).unwrap_err().kind(), ErrorKind::UnusableSchema);
    assert_eq!(parse(&" ".repeat(MAX_TEXT_LENGTH + 1), &[]).unwrap_err().kind(), ErrorKind::UnusableSchema);
}

#[test]
fn base64_descriptor_equals_its_text() {
    use base64::Engine as _;
    use prost::Message as _;
    let encoded = |schema: &ProtobufSchema| {
        base64::engine::general_purpose::STANDARD.encode(schema.file.file_descriptor_proto().encode_to_vec())
    };
    let common = "syntax = \"proto3\"; package c; message Common { string x = 1; }";
    let text = "syntax = \"proto3\"; package p; import \"c.proto\"; import \"google/type/date.proto\";\n\
        message First { message Inner { c.Common common = 1; google.type.Date day = 2; } }";
    let from_text = parse(text, &[("c.proto", common)]).unwrap();
    let common = encoded(&parse(common, &[]).unwrap());
    let from_descriptor = parse(&encoded(&from_text), &[("c.proto", &common)]).unwrap();
    let message = from_descriptor.message(&[0, 0]).unwrap();
    assert_eq!(message.name(), "p.First.Inner");
    assert_eq!(message.shape(), from_text.message(&[0, 0]).unwrap().shape());
    assert_eq!(parse("AAAA", &[]).unwrap_err().kind(), ErrorKind::UnusableSchema);
}
