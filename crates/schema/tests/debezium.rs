//! Compares the published schemas and payloads with samples from Debezium. Its Connect schemas are converted to Avro by
//! the rules of Confluent's `AvroData`.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::sync::Arc;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use serde_json::{Map, Value as Json, json};
use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_schema::debezium::{Envelope, EnvelopeSchema, Operation, SourceInfo};
use spanbridge_schema::{
    Encoder, Encoding, FieldValue, RecordDefinition, RowImage, RowSchema, TypeMapping, frame,
};

const INSERT: &str = include_str!("debezium-samples/00-insert.json");
const UPDATE: &str = include_str!("debezium-samples/01-update.json");
const DELETE: &str = include_str!("debezium-samples/02-delete.json");
const TOMBSTONE: &str = include_str!("debezium-samples/03-tombstone.json");

/// The table of the samples.
fn orders() -> Table {
    let column = |name: &str, ty, key_ordinal: Option<usize>| Column {
        name: name.into(),
        ty,
        length: None,
        nullable: key_ordinal.is_none(),
        generated: false,
        has_default: false,
        commit_timestamp: name == "updated_at",
        key_ordinal,
        key_descending: false,
    };
    Table {
        name: "orders".into(),
        columns: vec![
            column("id", Type::Int64, Some(0)),
            column("customer", Type::String, None),
            column("amount", Type::Numeric, None),
            column("qty", Type::Int64, None),
            column("note", Type::String, None),
            column("payload", Type::Json, None),
            column("updated_at", Type::Timestamp, None),
        ],
        parent: None,
    }
}

/// Converts a Connect schema to Avro, as `AvroData.fromConnectSchema` does, as far as the samples need it.
fn to_avro(connect: &Json, seen: &mut HashSet<String>) -> Json {
    let mut properties = Map::new();
    if let Some(version) = connect.get("version") {
        properties.insert("connect.version".into(), version.clone());
    }
    if let Some(parameters) = connect.get("parameters") {
        properties.insert("connect.parameters".into(), parameters.clone());
    }
    if let Some(default) = connect.get("default") {
        properties.insert("connect.default".into(), default.clone());
    }
    if let Some(name) = connect.get("name") {
        properties.insert("connect.name".into(), name.clone());
    }
    let base = match connect["type"].as_str().unwrap() {
        "struct" => {
            let full_name = connect["name"].as_str().unwrap();
            if seen.insert(full_name.to_owned()) {
                let (namespace, name) = full_name.rsplit_once('.').unwrap();
                let fields: Vec<Json> =
                    connect["fields"].as_array().unwrap().iter().map(|field| to_field(field, seen)).collect();
                let mut record = Map::from_iter([
                    ("type".to_owned(), json!("record")),
                    ("name".to_owned(), json!(name)),
                    ("namespace".to_owned(), json!(namespace)),
                    ("fields".to_owned(), json!(fields)),
                ]);
                record.append(&mut properties);
                Json::Object(record)
            } else {
                json!(full_name)
            }
        }
        primitive => {
            let name = match primitive {
                "int32" => "int",
                "int64" => "long",
                "boolean" => "boolean",
                "string" => "string",
                other => panic!("the samples have no {other}"),
            };
            if properties.is_empty() {
                json!(name)
            } else {
                properties.insert("type".into(), json!(name));
                Json::Object(properties)
            }
        }
    };
    match (connect["optional"].as_bool().unwrap(), connect.get("default")) {
        (false, _) => base,
        (true, None) => json!(["null", base]),
        (true, Some(_)) => json!([base, "null"]),
    }
}

/// Converts a field, as `AvroData.addAvroRecordField` does.
fn to_field(connect: &Json, seen: &mut HashSet<String>) -> Json {
    let mut field = json!({"name": connect["field"], "type": to_avro(connect, seen)});
    if let Some(default) = connect.get("default") {
        field["default"] = default.clone();
    } else if connect["optional"] == json!(true) {
        field["default"] = Json::Null;
    }
    field
}

/// Compares two values node by node, so that a failure shows the path of the difference.
fn assert_same(ours: &Json, theirs: &Json, path: &str) {
    match (ours, theirs) {
        (Json::Object(ours), Json::Object(theirs)) => {
            let keys = |map: &Map<String, Json>| {
                let mut keys: Vec<String> = map.keys().cloned().collect();
                keys.sort();
                keys
            };
            assert_eq!(keys(ours), keys(theirs), "{path}");
            for (key, value) in ours {
                assert_same(value, &theirs[key], &format!("{path}.{key}"));
            }
        }
        (Json::Array(ours), Json::Array(theirs)) => {
            for (index, (one, other)) in ours.iter().zip(theirs).enumerate() {
                let name = one.get("name").and_then(Json::as_str).map_or(index.to_string(), str::to_owned);
                assert_same(one, other, &format!("{path}[{name}]"));
            }
            assert_eq!(ours.len(), theirs.len(), "{path}");
        }
        _ => assert_eq!(ours, theirs, "{path}"),
    }
}

fn rows() -> RowSchema {
    RowSchema::of_row(&orders(), TypeMapping::Debezium, RowImage::Partial).unwrap()
}

fn keys() -> RowSchema {
    RowSchema::of_key(&orders(), TypeMapping::Debezium).unwrap()
}

fn envelopes(topic: &str, rows: &RowSchema) -> EnvelopeSchema {
    EnvelopeSchema::new(topic, rows, rows, false)
}

fn avro(record: &Arc<RecordDefinition>) -> Encoder {
    Encoder::new(Encoding::Avro, record.clone()).unwrap()
}

fn schema(encoder: &Encoder) -> Json {
    serde_json::from_str(encoder.schema().unwrap().1).unwrap()
}

#[test]
fn key_row_and_envelope_schemas_equal_debeziums() {
    let (row, key) = (rows(), keys());
    let envelope = envelopes("s1.orders", &row);
    for sample in [INSERT, UPDATE, DELETE, TOMBSTONE] {
        let sample: Json = serde_json::from_str(sample).unwrap();
        let ours = schema(&avro(key.record()));
        assert_same(&ours, &to_avro(&sample["key"]["schema"], &mut HashSet::new()), "key");
        if sample["value"].is_null() {
            continue;
        }
        let ours = schema(&avro(envelope.record()));
        assert_same(&ours, &to_avro(&sample["value"]["schema"], &mut HashSet::new()), "value");
        let row = schema(&avro(row.record()));
        let mut theirs = to_avro(&sample["value"]["schema"]["fields"][0], &mut HashSet::new());
        assert_same(&row, &theirs[1].take(), "row");
    }
}

/// The column value in Spanner for a value in the sample.
fn column_value(json: &Json, ty: &Type) -> Value {
    match (json, ty) {
        (Json::Null, _) => Value::Null,
        (Json::Number(number), Type::Int64) => Value::Int64(number.as_i64().unwrap()),
        (Json::String(text), Type::Numeric) => Value::Numeric(text.parse().unwrap()),
        (Json::String(text), Type::Timestamp) => Value::Timestamp(text.parse().unwrap()),
        (Json::String(text), Type::Json) => Value::Json(text.clone()),
        (Json::String(text), Type::String) => Value::String(text.clone()),
        _ => panic!("the samples have no {json} of type {ty}"),
    }
}

fn row(json: &Json) -> Option<FieldValue> {
    json.as_object().map(|fields| {
        let table = orders();
        rows().record_value(|name| Some(column_value(&fields[name], &table.column(name).unwrap().ty)))
    })
}

fn nanos(json: &Json) -> Timestamp {
    Timestamp::from_timestamp_nanos(json.as_i64().unwrap())
}

fn millis(json: &Json) -> Option<Timestamp> {
    json.as_i64().map(|at| Timestamp::from_timestamp_millis(at).unwrap())
}

fn source(json: &Json) -> SourceInfo {
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    let maybe = |name: &str| json[name].as_str().map(str::to_owned);
    SourceInfo {
        version: text("version"),
        connector: text("connector"),
        name: text("name"),
        commit: nanos(&json["ts_ns"]),
        snapshot: maybe("snapshot"),
        sequence: maybe("sequence"),
        project: text("project_id"),
        instance: text("instance_id"),
        database: text("database_id"),
        change_stream: text("change_stream_name"),
        table: text("table"),
        server_transaction_id: maybe("server_transaction_id"),
        record_sequence_prefix: maybe("record_sequence_prefix"),
        low_watermark: millis(&json["low_watermark"]),
        read_at: millis(&json["read_at_timestamp"]),
        number_of_records_in_transaction: json["number_records_in_transaction"].as_i64(),
        transaction_tag: maybe("transaction_tag"),
        system_transaction: json["system_transaction"].as_bool(),
        value_capture_type: maybe("value_capture_type"),
        partition_token: maybe("partition_token"),
        mod_number: json["mod_number"].as_i64().map(|number| number.try_into().unwrap()),
        is_last_record_in_transaction_in_partition: json["is_last_record_in_transaction_in_partition"]
            .as_bool(),
        number_of_partitions_in_transaction: json["number_of_partitions_in_transaction"].as_i64(),
    }
}

/// The decoded Avro value in the form of Connect's JSON converter.
fn printed(value: &Avro) -> Json {
    match value {
        Avro::Null => Json::Null,
        Avro::Boolean(value) => json!(value),
        Avro::Int(value) => json!(value),
        Avro::Long(value) => json!(value),
        Avro::String(value) => json!(value),
        Avro::Union(_, value) => printed(value),
        Avro::Record(fields) => {
            Json::Object(fields.iter().map(|(name, value)| (name.clone(), printed(value))).collect())
        }
        other => panic!("the samples have no {other:?}"),
    }
}

fn read(encoder: &Encoder, bytes: &[u8]) -> Json {
    let (id, mut datum) = frame::split(bytes).unwrap();
    assert_eq!(id, frame::SchemaId::Number(5));
    let registered = apache_avro::Schema::parse_str(encoder.schema().unwrap().1).unwrap();
    let reader = GenericDatumReader::builder(&registered).build().unwrap();
    let read = reader.read_value(&mut datum).unwrap();
    assert!(datum.is_empty());
    printed(&read)
}

#[test]
fn envelopes_equal_debeziums_field_for_field() {
    let schema = envelopes("s1.orders", &rows());
    let encoder = avro(schema.record());
    let json = Encoder::new(Encoding::Json, schema.record().clone()).unwrap();
    for (sample, op) in
        [(INSERT, Operation::Create), (UPDATE, Operation::Update), (DELETE, Operation::Delete)]
    {
        let sample: Json = serde_json::from_str(sample).unwrap();
        let payload = &sample["value"]["payload"];
        let envelope = Envelope {
            before: row(&payload["before"]),
            after: row(&payload["after"]),
            source: source(&payload["source"]),
            op,
            ts: nanos(&payload["ts_ns"]),
            transaction: None,
            unchanged: None,
        };
        let item = envelope.into_record_value(&schema);
        assert_same(&read(&encoder, &encoder.encode(5, item.clone()).unwrap()), payload, "payload");
        let bytes = json.encode(0, item).unwrap();
        assert_same(&serde_json::from_slice(&bytes).unwrap(), payload, "json");
    }
}

#[test]
fn keys_equal_debeziums() {
    let sample: Json = serde_json::from_str(TOMBSTONE).unwrap();
    let id = Value::Int64(sample["key"]["payload"]["id"].as_i64().unwrap());
    let encoder = avro(keys().record());
    let bytes = encoder.encode(5, keys().record_value(|_| Some(id.clone()))).unwrap();
    assert_same(&read(&encoder, &bytes), &sample["key"]["payload"], "key");
}

#[test]
fn topics_with_equal_avro_names_get_separate_schemas() {
    // The two topics have the same name in Avro. Their subjects differ, so their schemas are registered separately.
    let dashed = envelopes("my-topic.orders", &rows());
    let underscored = envelopes("my_topic.orders", &rows());
    assert_eq!(schema(&avro(dashed.record())), schema(&avro(underscored.record())));
    assert_eq!(dashed.record().full_name(), "my_topic.orders.Envelope");
    // Record names inside one schema never collide, because each ends in a different word.
    for name in ["orders", "event", "com.google.spanner.connector", "1-2", "orders.Envelope", "a..b"] {
        let table = Table { name: name.into(), ..orders() };
        let rows = RowSchema::of_row(&table, TypeMapping::Debezium, RowImage::Partial).unwrap();
        for encoding in [Encoding::Avro, Encoding::JsonSchema, Encoding::Protobuf] {
            Encoder::new(encoding, envelopes(name, &rows).record().clone()).unwrap();
        }
    }
}
