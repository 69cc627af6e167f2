use std::sync::Arc;

use spanbridge_protocol::value::Type;

use super::*;
use crate::encode::{Encoder, Encoding};

const NATIVE: TypeMapping = TypeMapping::Native(TimestampEncoding::Text);

fn record(fields: Vec<FieldDefinition>) -> RecordDefinition {
    RecordDefinition::new("s.T.Value", None, fields)
}

fn value(ty: Type) -> FieldKind {
    FieldKind::Value(ty, NATIVE)
}

fn text(encoding: Encoding, record: &RecordDefinition) -> String {
    Encoder::new(encoding, Arc::new(record.clone())).unwrap().schema().unwrap().1.to_owned()
}

#[test]
fn column_types_map_to_avro_types() {
    let fields = [Type::Numeric, Type::Date, Type::Json, Type::Timestamp, Type::Uuid, Type::Bytes];
    let fields = fields.map(|ty| FieldDefinition::required(ty.to_string(), value(ty)));
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
fn protobuf_file_begins_with_its_record() {
    let inner = Arc::new(RecordDefinition::new(
        "s.T.Before",
        None,
        vec![FieldDefinition::required("Id", value(Type::Int64))],
    ));
    let record = record(vec![
        FieldDefinition::optional("before", FieldKind::Record(inner.clone())),
        FieldDefinition::required("At", value(Type::Timestamp)),
        FieldDefinition::optional("Tags", value(Type::Array(Box::new(Type::String)))),
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
