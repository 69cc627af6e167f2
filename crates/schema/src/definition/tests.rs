use std::sync::Arc;

use spanbridge_protocol::value::Type;

use super::*;
use crate::encode::{Encoder, Encoding};
use crate::json_schema::JsonSchema;
use crate::protobuf::Protobuf;
use crate::registry::WriterSchema;

const NATIVE: Style = Style::Native(Timestamps::Text);

fn record(fields: Vec<Field>) -> Record {
    Record::new("s.T.Value", None, fields)
}

fn value(ty: Type) -> Node {
    Node::Value(ty, NATIVE)
}

fn text(encoding: Encoding, record: &Record) -> String {
    Encoder::new(encoding, Arc::new(record.clone())).unwrap().schema().unwrap().1.to_owned()
}

/// As the registry has it.
fn registered(encoding: Encoding, record: &Record) -> WriterSchema {
    let text = text(encoding, record);
    match encoding {
        Encoding::Avro => WriterSchema::Avro(Arc::new(crate::Schema::parse(&text).unwrap())),
        Encoding::Protobuf => WriterSchema::Protobuf(Arc::new(Protobuf::parse(&text, &[]).unwrap())),
        _ => WriterSchema::Json(Arc::new(JsonSchema::parse(&text, &[]).unwrap())),
    }
}

#[test]
fn each_type_has_its_avro_type() {
    let fields = [Type::Numeric, Type::Date, Type::Json, Type::Timestamp, Type::Uuid, Type::Bytes];
    let fields = fields.map(|ty| Field::required(ty.to_string(), value(ty)));
    assert_eq!(
        text(Encoding::Avro, &record(fields.into())),
        concat!(
            r#"{"type":"record","name":"Value","namespace":"s.T","fields":["#,
            r#"{"name":"NUMERIC","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":9}},"#,
            r#"{"name":"DATE","type":{"type":"int","logicalType":"date"}},"#,
            r#"{"name":"JSON","type":{"type":"string","connect.version":1,"connect.name":"io.debezium.data.Json"}},"#,
            r#"{"name":"TIMESTAMP","type":{"type":"string","connect.version":1,"connect.name":"io.debezium.time.ZonedTimestamp"}},"#,
            r#"{"name":"UUID","type":{"type":"string","logicalType":"uuid"}},"#,
            r#"{"name":"BYTES","type":"bytes"}],"connect.name":"s.T.Value"}"#
        )
    );
}

#[test]
fn a_protobuf_file_begins_with_its_record() {
    let inner = Arc::new(Record::new("s.T.Before", None, vec![Field::required("Id", value(Type::Int64))]));
    let record = record(vec![
        Field::optional("before", Node::Record(inner.clone())),
        Field::required("At", value(Type::Timestamp)),
        Field::optional("Tags", value(Type::Array(Box::new(Type::String)))),
    ]);
    assert_eq!(
        text(Encoding::Protobuf, &record),
        "syntax = \"proto3\";\npackage s.T;\nimport \"google/protobuf/timestamp.proto\";\n\
         message Value {\n  optional .s.T.Before before = 1;\n  .google.protobuf.Timestamp At = 2;\n  \
         optional .s.T.ArrayOfString Tags = 3;\n}\n\
         message ArrayOfString {\n  message Item {\n    optional string value = 1;\n  }\n  \
         repeated Item items = 1;\n}\n\
         message Before {\n  int64 Id = 1;\n}\n"
    );
}

#[test]
fn a_field_that_records_lack_is_optional_from_then_on() {
    let columns =
        |names: &[&str]| names.iter().map(|name| Field::required(*name, value(Type::Int64))).collect();
    for encoding in [Encoding::Avro, Encoding::JsonSchema, Encoding::Protobuf] {
        let first = record(columns(&["Id", "Old"]));
        assert_eq!(first.succeeding(&registered(encoding, &first)), first, "{encoding:?}");
        let second = record(columns(&["New", "Id"])).succeeding(&registered(encoding, &first));
        assert_eq!(second.required(None), ["Id"], "{encoding:?}");
        let third = record(columns(&["New", "Id"])).succeeding(&registered(encoding, &second));
        assert_eq!(third, second, "{encoding:?}");
    }
}

#[test]
fn a_number_is_given_once() {
    let columns = |names: &[&str]| {
        let fields = names.iter().map(|name| Field::optional(*name, value(Type::Timestamp)));
        let row = Arc::new(record(fields.collect()));
        Record::new("t.Envelope", None, vec![Field::optional("after", Node::Record(row))])
    };
    let next =
        |before: &Record, names: &[&str]| columns(names).succeeding(&registered(Encoding::Protobuf, before));
    let numbers = |envelope: &Record| match &envelope.fields()[0].node {
        Node::Record(row) => {
            let numbers = row.fields().iter().map(|field| (field.name.clone(), field.number));
            (numbers.collect::<Vec<_>>(), row.reserved().to_vec())
        }
        _ => panic!("`after` is a record"),
    };
    let named = |numbers: &[(&str, u32)]| {
        numbers.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect::<Vec<_>>()
    };
    let second = next(&columns(&["a", "b", "c"]), &["c", "a"]);
    assert_eq!(numbers(&second), (named(&[("c", 3), ("a", 1)]), vec![2]));
    let third = next(&second, &["b", "a", "d"]);
    assert_eq!(numbers(&third), (named(&[("b", 4), ("a", 1), ("d", 5)]), vec![2, 3]));
}
