//! The stored form of each state record: a running pipeline must be able to read what an earlier version wrote.

use std::collections::HashSet;
use std::mem::discriminant;

use serde_json::Value;
use spanbridge_protocol::publish::StateRecord;

use super::*;

/// One record a line, each with its key and value as JSON; `null` is a tombstone.
const STORED: &str = include_str!("stored_records.jsonl");
/// The variants of [`StateKey`] and of [`StateValue`]: a new one needs a line in the file.
const VARIANTS: (usize, usize) = (11, 12);

fn record(key: &Value, value: &Value) -> Record {
    let bytes = |json: &Value| (!json.is_null()).then(|| serde_json::to_vec(json).unwrap());
    Record {
        topic: "state".into(),
        partition: 0,
        offset: 0,
        timestamp_ms: None,
        key: bytes(key),
        value: bytes(value),
        headers: Vec::new(),
    }
}

#[test]
fn each_stored_record_is_read_and_written_unchanged() {
    let (mut keys, mut values) = (HashSet::new(), HashSet::new());
    for line in STORED.lines() {
        let stored: Value = serde_json::from_str(line).unwrap();
        let (key, value) = decode("p", &record(&stored["key"], &stored["value"])).expect(line);
        keys.insert(discriminant(&key));
        values.extend(value.as_ref().map(discriminant));
        let message = encode("p", &"state".into(), &StateRecord { shard: 0, key, value }).unwrap();
        let parsed = |json: Option<Vec<u8>>| json.map(|json| serde_json::from_slice::<Value>(&json).unwrap());
        assert_eq!(parsed(message.key).as_ref(), Some(&stored["key"]), "{line}");
        assert_eq!(parsed(message.value).unwrap_or(Value::Null), stored["value"], "{line}");
    }
    assert_eq!((keys.len(), values.len()), VARIANTS);
}

#[test]
fn record_of_a_newer_version_is_refused_by_name() {
    let stored: Value = serde_json::from_str(STORED.lines().next().unwrap()).unwrap();
    let read = |version: &[u8]| {
        let mut record = record(&stored["key"], &stored["value"]);
        record.headers.push((VERSION_HEADER.into(), Some(version.to_vec())));
        decode("p", &record).map_err(|error| (error.kind(), error.to_string()))
    };
    read(b"1").unwrap();
    for version in [&b"2"[..], b"latest"] {
        let (kind, message) = read(version).unwrap_err();
        assert_eq!(kind, ErrorKind::NewerState);
        assert!(message.contains("state[0]@0") && message.contains("versions up to 1"), "{message}");
    }
}
