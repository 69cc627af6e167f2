use serde_json::{Value as Json, json};

use super::*;
use crate::Limits;
use crate::decode::fuzz;

fn read(value: &Json) -> Datum {
    crate::json::decode(value.to_string().as_bytes(), Limits::default()).unwrap()
}

fn sample(text: &str) -> Json {
    serde_json::from_str::<Json>(text).unwrap()["value"].clone()
}

#[test]
fn recorded_events_are_read_with_and_without_their_schema() {
    let insert = sample(include_str!("../../../tests/debezium-samples/00-insert.json"));
    let update = sample(include_str!("../../../tests/debezium-samples/01-update.json"));
    let delete = sample(include_str!("../../../tests/debezium-samples/02-delete.json"));
    for (sample, op, operation) in [
        (insert, "c", RowOperation::Upsert),
        (update, "u", RowOperation::Upsert),
        (delete, "d", RowOperation::Delete),
    ] {
        for value in [&sample, &sample["payload"]] {
            let event = ChangeEvent::from_datum(read(value)).unwrap();
            assert_eq!((event.op.as_str(), event.operation), (op, operation));
            assert_eq!(event.row().get("id"), Some(&Datum::Int(900_001)), "{op}");
            assert_eq!(event.source.get("connector"), Some(&"spanner".into()));
            assert_eq!(event.after.is_null(), op == "d");
        }
    }
}

#[test]
fn event_without_a_row_is_rejected() {
    for (value, what) in [
        (json!({"op": "t", "source": {}}), "truncates"),
        (json!({"op": "m"}), "message"),
        (json!({"op": "x"}), "none of"),
        (json!({"op": 1}), "no `op`"),
        (json!({"id": 1}), "no `op`"),
        (json!([1]), "no `op`"),
        (json!(null), "no `op`"),
        (json!({"op": "c", "after": null}), "no `after`"),
        (json!({"schema": {"type": "bytes"}, "payload": "?"}), "base64"),
    ] {
        let error = ChangeEvent::from_datum(read(&value)).unwrap_err();
        assert_eq!(error.code(), "SB-SCHEMA-ENVELOPE", "{value}");
        assert!(error.kind().is_data() && error.to_string().contains(what), "{error}");
    }
    // A delete without a known row is valid.
    let event = ChangeEvent::from_datum(read(&json!({"op": "d", "before": null}))).unwrap();
    assert_eq!((event.operation, event.row()), (RowOperation::Delete, &Datum::Null));
}

#[test]
fn connect_schema_gives_values_their_semantic_type() {
    let field = |name: &str, ty: &str, semantic: &str| json!({"field": name, "type": ty, "name": semantic, "optional": true});
    let row = json!({"type": "struct", "field": "after", "fields": [
        field("day", "int32", "io.debezium.time.Date"),
        field("at", "string", "io.debezium.time.ZonedTimestamp"),
        field("local", "int64", "io.debezium.time.MicroTimestamp"),
        field("uuid", "string", "io.debezium.data.Uuid"),
        field("json", "string", "io.debezium.data.Json"),
        field("gone", "int64", "io.debezium.time.Timestamp"),
        {"field": "dec", "type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "2"}},
        {"field": "var", "type": "struct", "name": "io.debezium.data.VariableScaleDecimal", "fields": [
            {"field": "scale", "type": "int32"}, {"field": "value", "type": "bytes"}]},
        {"field": "raw", "type": "bytes"},
        {"field": "real", "type": "double"},
        {"field": "days", "type": "array", "items": {"type": "int32", "name": "io.debezium.time.Date"}},
        {"field": "pairs", "type": "map", "keys": {"type": "int32"}, "values": {"type": "bytes"}},
    ]});
    let value = json!({
        "schema": {"type": "struct", "fields": [row, {"field": "op", "type": "string"}]},
        "payload": {"op": "c", "after": {
            "day": 1, "at": "1970-01-01T00:00:01Z", "local": 1_000_000, "uuid": "00000000-0000-0000-0000-000000000001",
            "json": "{}", "gone": null, "dec": "AQA=", "var": {"scale": 2, "value": "AQA="}, "raw": "AQ==",
            "real": 0.1, "days": [1, null], "pairs": [[1, "AQ=="]]}},
    });
    let event = ChangeEvent::from_datum(read(&value)).unwrap();
    let second = crate::datum::Instant::new(1, 0).unwrap();
    let decimal = Datum::Decimal("2.56".parse().unwrap());
    for (name, expected) in [
        ("day", Datum::Date(1)),
        ("at", Datum::Timestamp(second)),
        ("local", Datum::LocalTimestamp(second)),
        ("uuid", Datum::Uuid(uuid::Uuid::from_u128(1))),
        ("json", "{}".into()),
        ("gone", Datum::Null),
        ("dec", decimal.clone()),
        ("var", decimal),
        ("raw", Datum::Bytes(vec![1])),
        ("real", Datum::Double(0.1)),
        ("days", Datum::List(vec![Datum::Date(1), Datum::Null])),
        ("pairs", Datum::Map([("1".to_owned(), Datum::Bytes(vec![1]))].into())),
    ] {
        assert_eq!(event.row().get(name), Some(&expected), "{name}");
    }
}

proptest::proptest! {
    #[test]
    fn mutated_event_never_panics(at in proptest::prelude::any::<proptest::sample::Index>(), byte in 0x20_u8..0x7f) {
        let text = sample(include_str!("../../../tests/debezium-samples/02-delete.json")).to_string();
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        fuzz::json(&bytes);
    }
}
