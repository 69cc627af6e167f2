//! The transform compared with Debezium's own records: the same change must give the same key and payload.

use std::sync::Arc;

use apache_avro::types::Value as Avro;
use serde_json::{Value as Json, json};
use spanbridge_config::{Envelope, PublishFormat, RecordTimestamp, SubjectStrategy};
use spanbridge_kafka::Message;
use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::{Timestamp, Type};
use spanbridge_schema::{TimestampEncoding, TypeMapping, frame};
use spanbridge_spanner::{ColumnType, DataChange, Mod, ModType, ValueCaptureType};

use super::headers::Headers;
use super::record_format::RecordFormat;
use super::record_schemas::RecordSchemas;
use super::serializer::Serializer;
use super::serializer_settings::SerializerSettings;
use super::{
    ChangeMetadata, RecordSource, SchemaAdjustments, SchemaMismatch, TableTransform, change_messages,
    has_same_key, table_of_change,
};

const SAMPLES: [(&str, ModType); 3] = [
    (include_str!("../../../schema/tests/debezium-samples/00-insert.json"), ModType::Insert),
    (include_str!("../../../schema/tests/debezium-samples/01-update.json"), ModType::Update),
    (include_str!("../../../schema/tests/debezium-samples/02-delete.json"), ModType::Delete),
];
const KEY: u32 = 1;
const VALUE: u32 = 2;

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

fn record_format(envelope: Envelope, style: TypeMapping) -> RecordFormat {
    RecordFormat {
        envelope,
        style,
        key: SerializerSettings::key(PublishFormat::Avro, SubjectStrategy::TopicName),
        value: SerializerSettings::value(PublishFormat::Avro, SubjectStrategy::TopicName),
        tombstones: true,
        headers: Headers::default(),
        timestamp: RecordTimestamp::Commit,
    }
}

fn transform_of(table: &Table, whole: bool, format: &RecordFormat) -> TableTransform {
    let schemas = RecordSchemas::derive(table, "s1.orders", whole, format).unwrap();
    let key = Serializer::new(format.key.encoding, schemas.key_record().clone(), KEY).unwrap();
    let value = Serializer::new(format.value.encoding, schemas.value_record().clone(), VALUE).unwrap();
    TableTransform::new(table, schemas, key, value, format.headers.clone())
}

/// A transform with our own format, of whole rows whose `qty` is NOT NULL.
fn whole_with_not_null() -> (Table, TableTransform) {
    let mut table = orders();
    table.columns.iter_mut().filter(|column| column.name == "qty").for_each(|column| column.nullable = false);
    let native = record_format(Envelope::Debezium, TypeMapping::Native(TimestampEncoding::default()));
    let transform = transform_of(&table, true, &native);
    (table, transform)
}

/// A transform with Debezium's format.
fn debezium_transform(envelope: Envelope, tombstones: bool) -> TableTransform {
    transform_of(
        &orders(),
        false,
        &RecordFormat { tombstones, ..record_format(envelope, TypeMapping::Debezium) },
    )
}

/// Adjusts the transform for a mismatch.
fn adjusted_for(transform: &TableTransform, mismatch: SchemaMismatch) -> TableTransform {
    let mut adjustments = transform.adjustments().clone();
    adjustments.add(mismatch).unwrap();
    adjusted_transform(&orders(), &record_format(Envelope::Debezium, TypeMapping::Debezium), &adjustments)
}

fn adjusted_transform(
    table: &Table,
    format: &RecordFormat,
    adjustments: &SchemaAdjustments,
) -> TableTransform {
    let (mut table, mut adjustments) = (table.clone(), adjustments.clone());
    adjustments.apply(&mut table);
    transform_of(&table, false, format).adjusted(Default::default(), adjustments)
}

fn source() -> RecordSource {
    RecordSource {
        pipeline: "s1".into(),
        database: "projects/p/instances/inst/databases/d1".parse().unwrap(),
        change_stream: "orders_cs".into(),
    }
}

/// The columns of the sample in the form of a change record: without the key, and INT64 as text.
fn captured(row: &Json) -> String {
    let Some(row) = row.as_object() else { return "{}".to_owned() };
    let columns = row.iter().filter(|(name, _)| *name != "id");
    let column = |(name, value): (&String, &Json)| {
        let value = value.as_i64().map_or_else(|| value.clone(), |number| json!(number.to_string()));
        (name.clone(), value)
    };
    Json::Object(columns.map(column).collect()).to_string()
}

/// The change of which Debezium has made the sample.
fn change(payload: &Json, mod_type: ModType) -> DataChange {
    let source = &payload["source"];
    let row = if payload["after"].is_null() { &payload["before"] } else { &payload["after"] };
    DataChange {
        commit_timestamp: nanos(&source["ts_ns"]),
        record_sequence: "00000000".into(),
        server_transaction_id: source["server_transaction_id"].as_str().unwrap().into(),
        is_last_record_in_transaction_in_partition: true,
        table_name: "orders".into(),
        column_types: column_types(),
        mods: vec![Mod {
            keys: json!({"id": row["id"].to_string()}).to_string(),
            new_values: captured(&payload["after"]),
            old_values: captured(&payload["before"]),
        }],
        mod_type,
        value_capture_type: ValueCaptureType::OldAndNewValues,
        number_of_records_in_transaction: 1,
        number_of_partitions_in_transaction: 1,
        transaction_tag: String::new(),
        is_system_transaction: false,
    }
}

fn column_types() -> Arc<[ColumnType]> {
    let columns = orders().columns.into_iter().zip(1..).map(|(column, ordinal_position)| ColumnType {
        is_primary_key: column.key_ordinal.is_some(),
        json: format!("{{\"code\":\"{}\"}}", column.ty),
        name: column.name,
        ty: Some(column.ty),
        ordinal_position,
    });
    columns.collect()
}

fn nanos(json: &Json) -> Timestamp {
    Timestamp::from_timestamp_nanos(json.as_i64().unwrap())
}

fn messages(transform: &TableTransform, change: &DataChange, payload: &Json) -> Result<Vec<Message>, String> {
    let block = &payload["source"];
    let read = Timestamp::from_timestamp_millis(block["read_at_timestamp"].as_i64().unwrap()).unwrap();
    let token = block["partition_token"].as_str().unwrap();
    change_messages(
        transform,
        &source(),
        change,
        ChangeMetadata { token, read, now: nanos(&payload["ts_ns"]), low_watermark: None, preceding: None },
    )
}

fn read(output: &Serializer, id: u32, bytes: &[u8]) -> Json {
    let (found, mut datum) = frame::split(bytes).unwrap();
    assert_eq!(found, frame::SchemaId::Number(id));
    let schema = apache_avro::Schema::parse_str(output.encoder().schema().unwrap().1).unwrap();
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(&schema).build().unwrap();
    let value = reader.read_value(&mut datum).unwrap();
    assert!(datum.is_empty());
    printed(&value)
}

fn value_of(transform: &TableTransform, message: &Message) -> Json {
    read(&transform.value, VALUE, message.value.as_ref().unwrap())
}

fn printed(value: &Avro) -> Json {
    match value {
        Avro::Null => Json::Null,
        Avro::Boolean(value) => json!(value),
        Avro::Int(value) => json!(value),
        Avro::Long(value) => json!(value),
        Avro::String(value) => json!(value),
        Avro::Decimal(_) => json!("decimal"),
        Avro::Array(items) => items.iter().map(printed).collect(),
        Avro::Union(_, value) => printed(value),
        Avro::Record(fields) => {
            Json::Object(fields.iter().map(|(name, value)| (name.clone(), printed(value))).collect())
        }
        other => panic!("the samples have no {other:?}"),
    }
}

#[test]
fn change_becomes_debezium_record() {
    let transform = debezium_transform(Envelope::Debezium, true);
    for (sample, mod_type) in SAMPLES {
        let sample: Json = serde_json::from_str(sample).unwrap();
        let mut expected = sample["value"]["payload"].clone();
        let change = change(&expected, mod_type);
        let messages = messages(&transform, &change, &expected).unwrap();
        assert_eq!(messages.len(), if mod_type == ModType::Delete { 2 } else { 1 });
        for message in &messages {
            assert_eq!(&*message.topic, "s1.orders");
            assert_eq!(message.timestamp_ms, Some(change.commit_timestamp.timestamp_millis()));
            let key = read(&transform.key, KEY, message.key.as_ref().unwrap());
            assert_eq!(key, sample["key"]["payload"]);
        }
        expected["source"]["version"] = json!(env!("CARGO_PKG_VERSION"));
        assert_eq!(value_of(&transform, &messages[0]), expected);
        if let Some(tombstone) = messages.get(1) {
            assert_eq!((&tombstone.value, &tombstone.key), (&None, &messages[0].key));
        }
    }
}

#[test]
fn deletion_has_tombstone_only_if_configured() {
    let sample: Json = serde_json::from_str(SAMPLES[2].0).unwrap();
    let payload = &sample["value"]["payload"];
    let change = change(payload, ModType::Delete);
    let count = |transform: &TableTransform| messages(transform, &change, payload).unwrap().len();
    assert_eq!(count(&debezium_transform(Envelope::Debezium, false)), 1);
    // With the envelope `row`, the tombstone is the deletion itself.
    let row = debezium_transform(Envelope::Row, false);
    let messages = messages(&row, &change, payload).unwrap();
    assert_eq!((messages.len(), &messages[0].value), (1, &None));
}

#[test]
fn before_is_published_if_captured() {
    let sample: Json = serde_json::from_str(SAMPLES[1].0).unwrap();
    let payload = &sample["value"]["payload"];
    let debezium = debezium_transform(Envelope::Debezium, true);
    let native = record_format(Envelope::Debezium, TypeMapping::Native(TimestampEncoding::default()));
    let transform = transform_of(&orders(), false, &native);
    for (capture, captured) in [
        (ValueCaptureType::OldAndNewValues, true),
        (ValueCaptureType::NewRowAndOldValues, true),
        (ValueCaptureType::NewValues, false),
        (ValueCaptureType::NewRow, false),
    ] {
        let change = DataChange { value_capture_type: capture, ..change(payload, ModType::Update) };
        let messages = messages(&transform, &change, payload).unwrap();
        let value = value_of(&transform, &messages[0]);
        assert_eq!(value["before"].is_null(), !captured, "{}", capture.as_str());
        // Debezium's record always has the key, and null for values that are not captured.
        let mut change = change;
        change.mods[0].old_values = "{}".to_owned();
        let messages = self::messages(&debezium, &change, payload).unwrap();
        let before = &value_of(&debezium, &messages[0])["before"];
        assert_eq!((&before["id"], &before["qty"]), (&payload["before"]["id"], &Json::Null));
    }
}

#[test]
fn row_envelope_needs_whole_rows() {
    let sample: Json = serde_json::from_str(SAMPLES[1].0).unwrap();
    let payload = &sample["value"]["payload"];
    let transform = debezium_transform(Envelope::Row, true);
    let update = change(payload, ModType::Update);
    let error = messages(&transform, &update, payload).unwrap_err();
    assert!(error.contains("OLD_AND_NEW_VALUES"), "{error}");
    let update = DataChange { value_capture_type: ValueCaptureType::NewRow, ..update };
    let messages = messages(&transform, &update, payload).unwrap();
    let value = value_of(&transform, &messages[0]);
    assert_eq!(value, payload["after"]);
}

#[test]
fn transform_reports_each_mismatch() {
    let sample: Json = serde_json::from_str(SAMPLES[1].0).unwrap();
    let change = change(&sample["value"]["payload"], ModType::Update);
    let with = |types: Vec<ColumnType>| DataChange { column_types: types.into(), ..change.clone() };
    let transform = debezium_transform(Envelope::Debezium, true);
    let types = column_types();
    assert_eq!(transform.mismatch(&change), None);
    let mut more = types.to_vec();
    more.push(ColumnType { name: "colour".into(), ..types[1].clone() });
    let unknown = transform.mismatch(&with(more.clone())).unwrap();
    assert!(
        matches!(&unknown, SchemaMismatch::UnknownColumn { column, .. } if column == "colour"),
        "{unknown:?}"
    );
    assert_eq!(adjusted_for(&transform, unknown).mismatch(&with(more.clone())), None);
    more[7].ty = None;
    assert!(SchemaAdjustments::default().add(transform.mismatch(&with(more)).unwrap()).is_err());
    let mut other = types.to_vec();
    other[1].ty = Some(Type::Bytes);
    let mismatch = transform.mismatch(&with(other.clone())).unwrap();
    assert!(matches!(mismatch, SchemaMismatch::Type { expected: Type::String, .. }));
    let other = with(other);
    let as_it_was = adjusted_for(&transform, mismatch);
    assert_eq!(as_it_was.mismatch(&other), None);
    // The next change has the current type again.
    let mismatch = as_it_was.mismatch(&change).unwrap();
    assert_eq!(adjusted_for(&as_it_was, mismatch).mismatch(&change), None);
    let mut key = types.to_vec();
    key[1].is_primary_key = true;
    assert_eq!(transform.mismatch(&with(key.clone())), Some(SchemaMismatch::Key));
    key[0].is_primary_key = false;
    assert_eq!(transform.mismatch(&with(key)), Some(SchemaMismatch::Key));
}

#[test]
fn schema_of_dropped_table_is_derived_from_change() {
    let sample: Json = serde_json::from_str(SAMPLES[0].0).unwrap();
    let payload = &sample["value"]["payload"];
    let insert = change(payload, ModType::Insert);
    let table = table_of_change(&insert);
    assert!(has_same_key(&table, &insert) && has_same_key(&orders(), &insert));
    let format = record_format(Envelope::Debezium, TypeMapping::Debezium);
    let mut adjustments = SchemaAdjustments::default();
    let mut transform = transform_of(&table, false, &format);
    while let Some(mismatch) = transform.mismatch(&insert) {
        adjustments.add(mismatch).unwrap();
        transform = adjusted_transform(&table, &format, &adjustments);
    }
    let value = value_of(&transform, &messages(&transform, &insert, payload).unwrap()[0]);
    assert_eq!(value["after"], payload["after"]);
}

#[test]
fn null_in_required_column_is_a_mismatch() {
    let sample: Json = serde_json::from_str(SAMPLES[1].0).unwrap();
    let payload = &sample["value"]["payload"];
    let (_, transform) = whole_with_not_null();
    let mut update =
        DataChange { value_capture_type: ValueCaptureType::NewRow, ..change(payload, ModType::Update) };
    assert_eq!(transform.null_mismatch(&update), None);
    update.mods[0].new_values = json!({"qty": null}).to_string();
    assert!(messages(&transform, &update, payload).is_err());
    assert_eq!(
        transform.null_mismatch(&update),
        Some(SchemaMismatch::MissingColumn { column: "qty".into() })
    );
}

#[test]
fn whole_rows_keep_not_null() {
    let sample: Json = serde_json::from_str(SAMPLES[1].0).unwrap();
    let payload = &sample["value"]["payload"];
    let (table, transform) = whole_with_not_null();
    let update = change(payload, ModType::Update);
    assert_eq!(transform.mismatch(&update), Some(SchemaMismatch::PartialRow));
    let whole = DataChange { value_capture_type: ValueCaptureType::NewRow, ..update };
    assert_eq!(transform.mismatch(&whole), None);
    let value = value_of(&transform, &messages(&transform, &whole, payload).unwrap()[0]);
    assert_eq!(
        (&value["after"]["qty"], &value["before"], &value["unchanged"]),
        (&json!(4), &Json::Null, &Json::Null)
    );
    let early: Vec<_> = column_types().iter().filter(|column| column.name != "qty").cloned().collect();
    let early = DataChange { column_types: early.into(), ..whole };
    assert_eq!(transform.mismatch(&early), Some(SchemaMismatch::MissingColumn { column: "qty".into() }));
    // A deletion may contain only the key.
    let deletion = DataChange { mod_type: ModType::Delete, ..early.clone() };
    assert_eq!(transform.mismatch(&deletion), None);
    // Debezium's schemas require no columns except the key.
    let debezium = transform_of(&table, true, &record_format(Envelope::Debezium, TypeMapping::Debezium));
    assert_eq!(debezium.mismatch(&early), None);
}

#[test]
fn update_lists_unchanged_columns() {
    let sample: Json = serde_json::from_str(SAMPLES[1].0).unwrap();
    let payload = &sample["value"]["payload"];
    let mut update = change(payload, ModType::Update);
    update.mods[0].new_values = json!({"qty": "5", "note": null}).to_string();
    let native = record_format(Envelope::Debezium, TypeMapping::Native(TimestampEncoding::default()));
    let transform = transform_of(&orders(), false, &native);
    let unchanged = |update: &DataChange| {
        let value = value_of(&transform, &messages(&transform, update, payload).unwrap()[0]);
        assert_eq!((&value["after"]["qty"], &value["after"]["note"]), (&json!(5), &Json::Null));
        value["unchanged"].clone()
    };
    assert_eq!(unchanged(&update), json!(["customer", "amount", "payload", "updated_at"]));
    // Spanner lists the types of the changed columns only.
    let typed = |name: &str| ["id", "qty", "note"].contains(&name);
    let types = column_types().iter().filter(|column| typed(&column.name)).cloned().collect();
    let typed = DataChange { column_types: types, ..update.clone() };
    assert_eq!(unchanged(&typed), json!(["customer", "amount", "payload", "updated_at"]));
    let whole = DataChange { value_capture_type: ValueCaptureType::NewRow, ..update };
    assert_eq!(unchanged(&whole), Json::Null);
}

#[test]
fn each_format_has_the_same_record() {
    let sample: Json = serde_json::from_str(SAMPLES[0].0).unwrap();
    let payload = &sample["value"]["payload"];
    let insert = change(payload, ModType::Insert);
    for (format, framed) in
        [(PublishFormat::Json, false), (PublishFormat::JsonSchema, true), (PublishFormat::Protobuf, true)]
    {
        let key = SerializerSettings::key(format, SubjectStrategy::TopicName);
        let value = SerializerSettings::value(format, SubjectStrategy::TopicName);
        let debezium = record_format(Envelope::Debezium, TypeMapping::Debezium);
        let transform = transform_of(&orders(), false, &RecordFormat { key, value, ..debezium });
        let messages = messages(&transform, &insert, payload).unwrap();
        let value = messages[0].value.as_ref().unwrap();
        assert_eq!(framed, value[0] == 0 && frame::split(value).unwrap().0 == frame::SchemaId::Number(VALUE));
        if format != PublishFormat::Protobuf {
            let mut expected = payload.clone();
            expected["source"]["version"] = json!(env!("CARGO_PKG_VERSION"));
            let bytes = if framed { &value[5..] } else { &value[..] };
            assert_eq!(serde_json::from_slice::<Json>(bytes).unwrap(), expected);
        }
    }
}

#[test]
fn unexpected_column_is_an_error() {
    let sample: Json = serde_json::from_str(SAMPLES[0].0).unwrap();
    let payload = &sample["value"]["payload"];
    let mut change = change(payload, ModType::Insert);
    change.mods[0].new_values = json!({"colour": "s3cret"}).to_string();
    let transform = debezium_transform(Envelope::Debezium, true);
    let error = messages(&transform, &change, payload).unwrap_err();
    assert!(error.contains("colour") && !error.contains("s3cret"), "{error}");
    let left_out = transform.clone().adjusted(["colour".to_owned()].into(), SchemaAdjustments::default());
    assert_eq!(messages(&left_out, &change, payload).unwrap().len(), 1);
    change.mods[0].new_values = json!({"qty": "s3cret"}).to_string();
    let error = messages(&transform, &change, payload).unwrap_err();
    assert!(error.contains("qty") && !error.contains("s3cret"), "{error}");
}
