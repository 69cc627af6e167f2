//! Against Debezium's own records: the same change must give the same key and payload.

use std::sync::Arc;

use apache_avro::types::Value as Avro;
use serde_json::{Value as Json, json};
use spanbridge_config::{Envelope, PublishFormat, Subject};
use spanbridge_kafka::Message;
use spanbridge_protocol::table::{Column, Table};
use spanbridge_protocol::value::{Timestamp, Type};
use spanbridge_schema::{Style, Timestamps, frame};
use spanbridge_spanner::{ColumnType, DataChange, Mod, ModType, ValueCaptureType};

use super::headers::Headers;
use super::record_format::RecordFormat;
use super::record_schemas::{RecordSchemas, Serializer};
use super::serializer_settings::SerializerSettings;
use super::{
    ChangeMetadata, RecordSource, SchemaAdjustments, SchemaMismatch, TableTransform, has_key_of, table_of,
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

fn form(envelope: Envelope, style: Style) -> RecordFormat {
    RecordFormat {
        envelope,
        style,
        key: SerializerSettings::key(PublishFormat::Avro, Subject::TopicName),
        value: SerializerSettings::value(PublishFormat::Avro, Subject::TopicName),
        tombstones: true,
        headers: Headers::default(),
    }
}

fn plan_of(table: &Table, whole: bool, form: &RecordFormat) -> TableTransform {
    let shape = RecordSchemas::derive(table, "s1.orders", whole, form).unwrap();
    let key = Serializer::new(form.key.encoding, shape.key_record().clone(), KEY).unwrap();
    let value = Serializer::new(form.value.encoding, shape.value_record().clone(), VALUE).unwrap();
    TableTransform::new(table, shape, key, value, form.headers.clone())
}

/// Our own, of whole rows whose `qty` must not be null.
fn whole_with_not_null() -> (Table, TableTransform) {
    let mut table = orders();
    table.columns.iter_mut().filter(|column| column.name == "qty").for_each(|column| column.nullable = false);
    let native = form(Envelope::Debezium, Style::Native(Timestamps::default()));
    let plan = plan_of(&table, true, &native);
    (table, plan)
}

/// Debezium's.
fn plan(envelope: Envelope, tombstones: bool) -> TableTransform {
    plan_of(&orders(), false, &RecordFormat { tombstones, ..form(envelope, Style::Debezium) })
}

/// With this learnt.
fn but(plan: &TableTransform, misfit: SchemaMismatch) -> TableTransform {
    let mut learnt = plan.learnt().clone();
    learnt.learn(misfit).unwrap();
    plan_knowing(&orders(), &form(Envelope::Debezium, Style::Debezium), &learnt)
}

fn plan_knowing(table: &Table, form: &RecordFormat, learnt: &SchemaAdjustments) -> TableTransform {
    let (mut table, mut learnt) = (table.clone(), learnt.clone());
    learnt.teach(&mut table);
    plan_of(&table, false, form).knowing(Default::default(), learnt)
}

fn origin() -> RecordSource {
    RecordSource {
        pipeline: "s1".into(),
        database: "projects/p/instances/inst/databases/d1".parse().unwrap(),
        change_stream: "orders_cs".into(),
    }
}

/// Columns of the sample as a change record has them: without the key, INT64 as text.
fn captured(row: &Json) -> String {
    let Some(row) = row.as_object() else { return "{}".to_owned() };
    let columns = row.iter().filter(|(name, _)| *name != "id");
    let column = |(name, value): (&String, &Json)| {
        let value = value.as_i64().map_or_else(|| value.clone(), |number| json!(number.to_string()));
        (name.clone(), value)
    };
    Json::Object(columns.map(column).collect()).to_string()
}

/// The change that Debezium made the sample of.
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

fn messages(plan: &TableTransform, change: &DataChange, payload: &Json) -> Result<Vec<Message>, String> {
    let source = &payload["source"];
    let read = Timestamp::from_timestamp_millis(source["read_at_timestamp"].as_i64().unwrap()).unwrap();
    let token = source["partition_token"].as_str().unwrap();
    plan.messages(
        &origin(),
        change,
        ChangeMetadata { token, read, now: nanos(&payload["ts_ns"]), low_watermark: None, order: None },
    )
}

fn read(output: &Serializer, id: u32, bytes: &[u8]) -> Json {
    let (found, mut datum) = frame::split(bytes).unwrap();
    assert_eq!(found, id);
    let schema = apache_avro::Schema::parse_str(output.encoder().schema().unwrap().1).unwrap();
    let reader = apache_avro::reader::datum::GenericDatumReader::builder(&schema).build().unwrap();
    let value = reader.read_value(&mut datum).unwrap();
    assert!(datum.is_empty());
    printed(&value)
}

fn value_of(plan: &TableTransform, message: &Message) -> Json {
    read(&plan.value, VALUE, message.value.as_ref().unwrap())
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
fn changes_become_debeziums_records() {
    let plan = plan(Envelope::Debezium, true);
    for (sample, mod_type) in SAMPLES {
        let sample: Json = serde_json::from_str(sample).unwrap();
        let mut expected = sample["value"]["payload"].clone();
        let change = change(&expected, mod_type);
        let messages = messages(&plan, &change, &expected).unwrap();
        assert_eq!(messages.len(), if mod_type == ModType::Delete { 2 } else { 1 });
        for message in &messages {
            assert_eq!(&*message.topic, "s1.orders");
            assert_eq!(message.timestamp_ms, Some(change.commit_timestamp.timestamp_millis()));
            let key = read(&plan.key, KEY, message.key.as_ref().unwrap());
            assert_eq!(key, sample["key"]["payload"]);
        }
        expected["source"]["version"] = json!(env!("CARGO_PKG_VERSION"));
        assert_eq!(value_of(&plan, &messages[0]), expected);
        if let Some(tombstone) = messages.get(1) {
            assert_eq!((&tombstone.value, &tombstone.key), (&None, &messages[0].key));
        }
    }
}

#[test]
fn a_deletion_has_a_tombstone_only_when_wanted() {
    let sample: Json = serde_json::from_str(SAMPLES[2].0).unwrap();
    let payload = &sample["value"]["payload"];
    let change = change(payload, ModType::Delete);
    let count = |plan: &TableTransform| messages(plan, &change, payload).unwrap().len();
    assert_eq!(count(&plan(Envelope::Debezium, false)), 1);
    // To the envelope `row` it is the deletion itself.
    let row = plan(Envelope::Row, false);
    let messages = messages(&row, &change, payload).unwrap();
    assert_eq!((messages.len(), &messages[0].value), (1, &None));
}

#[test]
fn before_is_there_when_it_is_captured() {
    let sample: Json = serde_json::from_str(SAMPLES[1].0).unwrap();
    let payload = &sample["value"]["payload"];
    let debezium = plan(Envelope::Debezium, true);
    let native = form(Envelope::Debezium, Style::Native(Timestamps::default()));
    let plan = plan_of(&orders(), false, &native);
    for (capture, captured) in [
        (ValueCaptureType::OldAndNewValues, true),
        (ValueCaptureType::NewRowAndOldValues, true),
        (ValueCaptureType::NewValues, false),
        (ValueCaptureType::NewRow, false),
    ] {
        let change = DataChange { value_capture_type: capture, ..change(payload, ModType::Update) };
        let messages = messages(&plan, &change, payload).unwrap();
        let value = value_of(&plan, &messages[0]);
        assert_eq!(value["before"].is_null(), !captured, "{}", capture.as_str());
        // Debezium's has the key in any case, and what it does not know as null.
        let mut change = change;
        change.mods[0].old_values = "{}".to_owned();
        let messages = self::messages(&debezium, &change, payload).unwrap();
        let before = &value_of(&debezium, &messages[0])["before"];
        assert_eq!((&before["id"], &before["qty"]), (&payload["before"]["id"], &Json::Null));
    }
}

#[test]
fn the_envelope_row_is_the_row_and_needs_all_of_it() {
    let sample: Json = serde_json::from_str(SAMPLES[1].0).unwrap();
    let payload = &sample["value"]["payload"];
    let plan = plan(Envelope::Row, true);
    let update = change(payload, ModType::Update);
    let error = messages(&plan, &update, payload).unwrap_err();
    assert!(error.contains("OLD_AND_NEW_VALUES"), "{error}");
    let update = DataChange { value_capture_type: ValueCaptureType::NewRow, ..update };
    let messages = messages(&plan, &update, payload).unwrap();
    let value = value_of(&plan, &messages[0]);
    assert_eq!(value, payload["after"]);
}

#[test]
fn a_plan_says_what_does_not_fit() {
    let sample: Json = serde_json::from_str(SAMPLES[1].0).unwrap();
    let change = change(&sample["value"]["payload"], ModType::Update);
    let with = |types: Vec<ColumnType>| DataChange { column_types: types.into(), ..change.clone() };
    let plan = plan(Envelope::Debezium, true);
    let types = column_types();
    assert_eq!(plan.misfit(&change), None);
    let mut more = types.to_vec();
    more.push(ColumnType { name: "colour".into(), ..types[1].clone() });
    let unknown = plan.misfit(&with(more.clone())).unwrap();
    assert!(matches!(&unknown, SchemaMismatch::Unknown { column, .. } if column == "colour"), "{unknown:?}");
    assert_eq!(but(&plan, unknown).misfit(&with(more.clone())), None);
    more[7].ty = None;
    assert!(SchemaAdjustments::default().learn(plan.misfit(&with(more)).unwrap()).is_err());
    let mut other = types.to_vec();
    other[1].ty = Some(Type::Bytes);
    let misfit = plan.misfit(&with(other.clone())).unwrap();
    assert!(matches!(misfit, SchemaMismatch::Type { planned: Type::String, .. }));
    let other = with(other);
    let as_it_was = but(&plan, misfit);
    assert_eq!(as_it_was.misfit(&other), None);
    // And back again.
    let misfit = as_it_was.misfit(&change).unwrap();
    assert_eq!(but(&as_it_was, misfit).misfit(&change), None);
    let mut key = types.to_vec();
    key[1].is_primary_key = true;
    assert_eq!(plan.misfit(&with(key.clone())), Some(SchemaMismatch::Key));
    key[0].is_primary_key = false;
    assert_eq!(plan.misfit(&with(key)), Some(SchemaMismatch::Key));
}

#[test]
fn a_table_that_is_gone_is_planned_as_its_changes_tell() {
    let sample: Json = serde_json::from_str(SAMPLES[0].0).unwrap();
    let payload = &sample["value"]["payload"];
    let insert = change(payload, ModType::Insert);
    let table = table_of(&insert);
    assert!(has_key_of(&table, &insert) && has_key_of(&orders(), &insert));
    let form = form(Envelope::Debezium, Style::Debezium);
    let mut learnt = SchemaAdjustments::default();
    let mut plan = plan_of(&table, false, &form);
    while let Some(misfit) = plan.misfit(&insert) {
        learnt.learn(misfit).unwrap();
        plan = plan_knowing(&table, &form, &learnt);
    }
    let value = value_of(&plan, &messages(&plan, &insert, payload).unwrap()[0]);
    assert_eq!(value["after"], payload["after"]);
}

#[test]
fn a_null_in_a_column_that_must_not_be_is_a_misfit() {
    let sample: Json = serde_json::from_str(SAMPLES[1].0).unwrap();
    let payload = &sample["value"]["payload"];
    let (_, plan) = whole_with_not_null();
    let mut update =
        DataChange { value_capture_type: ValueCaptureType::NewRow, ..change(payload, ModType::Update) };
    assert_eq!(plan.null_misfit(&update), None);
    update.mods[0].new_values = json!({"qty": null}).to_string();
    assert!(messages(&plan, &update, payload).is_err());
    assert_eq!(plan.null_misfit(&update), Some(SchemaMismatch::Late { column: "qty".into() }));
}

#[test]
fn not_null_is_kept_where_rows_are_whole() {
    let sample: Json = serde_json::from_str(SAMPLES[1].0).unwrap();
    let payload = &sample["value"]["payload"];
    let (table, plan) = whole_with_not_null();
    let update = change(payload, ModType::Update);
    assert_eq!(plan.misfit(&update), Some(SchemaMismatch::Partial));
    let whole = DataChange { value_capture_type: ValueCaptureType::NewRow, ..update };
    assert_eq!(plan.misfit(&whole), None);
    let value = value_of(&plan, &messages(&plan, &whole, payload).unwrap()[0]);
    assert_eq!(
        (&value["after"]["qty"], &value["before"], &value["unchanged"]),
        (&json!(4), &Json::Null, &Json::Null)
    );
    let early: Vec<_> = column_types().iter().filter(|column| column.name != "qty").cloned().collect();
    let early = DataChange { column_types: early.into(), ..whole };
    assert_eq!(plan.misfit(&early), Some(SchemaMismatch::Late { column: "qty".into() }));
    // A deletion may tell of the key alone.
    let deletion = DataChange { mod_type: ModType::Delete, ..early.clone() };
    assert_eq!(plan.misfit(&deletion), None);
    // Debezium requires no column but the key's.
    let debezium = plan_of(&table, true, &form(Envelope::Debezium, Style::Debezium));
    assert_eq!(debezium.misfit(&early), None);
}

#[test]
fn what_an_update_has_not_changed_is_no_null() {
    let sample: Json = serde_json::from_str(SAMPLES[1].0).unwrap();
    let payload = &sample["value"]["payload"];
    let mut update = change(payload, ModType::Update);
    update.mods[0].new_values = json!({"qty": "5", "note": null}).to_string();
    let native = form(Envelope::Debezium, Style::Native(Timestamps::default()));
    let plan = plan_of(&orders(), false, &native);
    let unchanged = |update: &DataChange| {
        let value = value_of(&plan, &messages(&plan, update, payload).unwrap()[0]);
        assert_eq!((&value["after"]["qty"], &value["after"]["note"]), (&json!(5), &Json::Null));
        value["unchanged"].clone()
    };
    assert_eq!(unchanged(&update), json!(["customer", "amount", "payload", "updated_at"]));
    // Spanner names the types of the changed columns alone.
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
        let key = SerializerSettings::key(format, Subject::TopicName);
        let value = SerializerSettings::value(format, Subject::TopicName);
        let form = RecordFormat { key, value, ..form(Envelope::Debezium, Style::Debezium) };
        let plan = plan_of(&orders(), false, &form);
        let messages = messages(&plan, &insert, payload).unwrap();
        let value = messages[0].value.as_ref().unwrap();
        assert_eq!(framed, value[0] == 0 && frame::split(value).unwrap().0 == VALUE);
        if format != PublishFormat::Protobuf {
            let mut expected = payload.clone();
            expected["source"]["version"] = json!(env!("CARGO_PKG_VERSION"));
            let bytes = if framed { &value[5..] } else { &value[..] };
            assert_eq!(serde_json::from_slice::<Json>(bytes).unwrap(), expected);
        }
    }
}

#[test]
fn columns_are_never_dropped_in_silence() {
    let sample: Json = serde_json::from_str(SAMPLES[0].0).unwrap();
    let payload = &sample["value"]["payload"];
    let mut change = change(payload, ModType::Insert);
    change.mods[0].new_values = json!({"colour": "s3cret"}).to_string();
    let plan = plan(Envelope::Debezium, true);
    let error = messages(&plan, &change, payload).unwrap_err();
    assert!(error.contains("colour") && !error.contains("s3cret"), "{error}");
    let left_out = plan.clone().knowing(["colour".to_owned()].into(), SchemaAdjustments::default());
    assert_eq!(messages(&left_out, &change, payload).unwrap().len(), 1);
    change.mods[0].new_values = json!({"qty": "s3cret"}).to_string();
    let error = messages(&plan, &change, payload).unwrap_err();
    assert!(error.contains("qty") && !error.contains("s3cret"), "{error}");
}
