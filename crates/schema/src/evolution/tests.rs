use std::sync::Arc;

use spanbridge_protocol::value::Type;

use super::*;
use crate::avro::AvroSchema;
use crate::definition::{FieldDefinition, TimestampEncoding, TypeMapping};
use crate::encode::{Encoder, Encoding};
use crate::json_schema::JsonSchema;
use crate::protobuf::ProtobufSchema;

fn record(fields: Vec<FieldDefinition>) -> RecordDefinition {
    RecordDefinition::new("s.T.Value", None, fields)
}

fn value(ty: Type) -> FieldKind {
    FieldKind::Value(ty, TypeMapping::Native(TimestampEncoding::Text))
}

/// The schema of `record`, as the registry returns it.
fn registered(encoding: Encoding, record: &RecordDefinition) -> RegistrySchema {
    let encoder = Encoder::new(encoding, Arc::new(record.clone())).unwrap();
    let text = encoder.schema().unwrap().1;
    match encoding {
        Encoding::Avro => RegistrySchema::Avro(Arc::new(AvroSchema::parse(text).unwrap())),
        Encoding::Protobuf => RegistrySchema::Protobuf(Arc::new(ProtobufSchema::parse(text, &[]).unwrap())),
        _ => RegistrySchema::Json(Arc::new(JsonSchema::parse(text, &[]).unwrap())),
    }
}

#[test]
fn field_that_earlier_records_lack_becomes_optional() {
    let columns = |names: &[&str]| {
        names.iter().map(|name| FieldDefinition::required(*name, value(Type::Int64))).collect()
    };
    for encoding in [Encoding::Avro, Encoding::JsonSchema, Encoding::Protobuf] {
        let first = record(columns(&["Id", "Old"]));
        assert_eq!(evolve(&first, &registered(encoding, &first)), first, "{encoding:?}");
        let second = evolve(&record(columns(&["New", "Id"])), &registered(encoding, &first));
        assert_eq!(second.required_fields(None), ["Id"], "{encoding:?}");
        let third = evolve(&record(columns(&["New", "Id"])), &registered(encoding, &second));
        assert_eq!(third, second, "{encoding:?}");
    }
}

#[test]
fn protobuf_number_is_never_reused() {
    let columns = |names: &[&str]| {
        let fields = names.iter().map(|name| FieldDefinition::optional(*name, value(Type::Timestamp)));
        let row = Arc::new(record(fields.collect()));
        RecordDefinition::new(
            "t.Envelope",
            None,
            vec![FieldDefinition::optional("after", FieldKind::Record(row))],
        )
    };
    let next = |before: &RecordDefinition, names: &[&str]| {
        evolve(&columns(names), &registered(Encoding::Protobuf, before))
    };
    let numbers = |envelope: &RecordDefinition| match &envelope.fields()[0].kind {
        FieldKind::Record(row) => {
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
