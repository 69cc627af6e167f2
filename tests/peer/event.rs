//! Reads the records of both sides into a common form.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use spanbridge_kafka::{ClientOptions, Reader, Record};

use super::TIMEOUT;
use super::workload::TABLES;

/// The transaction metadata topic.
pub(crate) const TRANSACTION: &str = "transaction";

/// The identity of an event: its table, its change, and whether it is the tombstone.
pub(crate) type Key = (&'static str, Place, bool);
/// The commit timestamp, the record sequence, and the number of the row.
type Place = (i64, String, i64);

/// A record and its schemas.
pub(crate) struct Event {
    /// The key, the value, and the metadata of the Kafka record.
    pub(crate) content: Json,
    pub(crate) schemas: Option<[Json; 2]>,
    /// The schemas of the key and the value.
    pub(crate) prefix: String,
}

/// Reads the events of all tables under a topic prefix.
pub(crate) async fn read(client: &ClientOptions, prefix: &str) -> BTreeMap<Key, Event> {
    let reader = Reader::new(client, TIMEOUT).unwrap();
    let mut events = BTreeMap::new();
    for record in reader.read_to_end(&format!("{prefix}.{TRANSACTION}")).await.unwrap_or_default() {
        let (key, event) = transaction(&record, prefix);
        assert!(events.insert(key, event).is_none(), "twice in {prefix}.{TRANSACTION}");
    }
    for table in TABLES {
        let mut place = None;
        // The topic may not exist yet.
        for record in reader.read_to_end(&format!("{prefix}.{table}")).await.unwrap_or_default() {
            let (key, event) = event(table, &record, &mut place, prefix);
            assert!(events.insert(key, event).is_none(), "twice in {prefix}.{table}");
        }
    }
    events
}

fn event(table: &'static str, record: &Record, place: &mut Option<Place>, prefix: &str) -> (Key, Event) {
    let parse = |bytes: &Option<Vec<u8>>| {
        bytes.as_ref().map_or(Json::Null, |bytes| serde_json::from_slice::<Json>(bytes).unwrap())
    };
    let (key, key_schema) = unwrapped(parse(&record.key));
    let (mut value, value_schema) = unwrapped(parse(&record.value));
    let tombstone = value.is_null();
    if let Some(source) = value.get_mut("source") {
        let number = |name: &str| source[name].as_i64().unwrap();
        *place =
            Some((number("ts_ns"), source["sequence"].as_str().unwrap().to_owned(), number("mod_number")));
        assert_eq!(source["name"], prefix);
        source["name"] = json!("its own");
    }
    let headers: Vec<&str> = record.headers.iter().map(|(name, _)| &**name).collect();
    let content = json!({ "key": key, "value": value, "headers": headers });
    // A tombstone follows its deletion immediately.
    let place = place.clone().unwrap();
    ((table, place, tombstone), event_of(content, key_schema.zip(value_schema).map(Into::into), prefix))
}

/// Returns the event for the begin or end of a transaction.
fn transaction(record: &Record, prefix: &str) -> (Key, Event) {
    let parse = |bytes: &Option<Vec<u8>>| serde_json::from_slice(bytes.as_ref().unwrap()).unwrap();
    let (key, key_schema) = unwrapped(parse(&record.key));
    let (value, value_schema) = unwrapped(parse(&record.value));
    let text = |field: &Json| field.as_str().unwrap().to_owned();
    let place = (0, format!("{} {}", text(&value["id"]), text(&value["status"])), 0);
    let content = json!({ "key": key, "transaction": value });
    let schemas = key_schema.zip(value_schema).map(Into::into);
    ((TRANSACTION, place, false), event_of(content, schemas, prefix))
}

fn event_of(content: Json, schemas: Option<[Json; 2]>, prefix: &str) -> Event {
    Event { content, schemas, prefix: prefix.to_owned() }
}

/// Removes the envelope of `JsonConverter`, if there is one.
fn unwrapped(mut json: Json) -> (Json, Option<Json>) {
    match json.as_object_mut() {
        Some(object)
            if object.len() == 2 && object.contains_key("payload") && object.contains_key("schema") =>
        {
            let schema = object.remove("schema");
            (object.remove("payload").unwrap(), schema)
        }
        _ => (json, None),
    }
}
