//! Records of a stock client in another language: ingest applies what Confluent's Python serializers write, in every format,
//! type and row mode.

pub(crate) mod bridge;
mod formats;
mod hostile;
mod hostile_keys;
mod published;

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spanbridge_protocol::value::{Timestamp, Value};
use spanbridge_testbed::Python;
use spanbridge_testbed::child_process::WorkerProcess;

use crate::shared_testbed::testbed;
use bridge::Bridge;
use formats::{Format, formats};

/// The key of `mask = "hash"`.
const MASK_KEY: &str = "a key of the test";
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The tables of the other pipelines.
const MORE: [&str; 5] = [
    "CREATE TABLE Evolved (Id INT64 NOT NULL, A STRING(MAX), B STRING(MAX)) PRIMARY KEY (Id)",
    "CREATE TABLE Referenced (Id INT64 NOT NULL, City STRING(MAX)) PRIMARY KEY (Id)",
    "CREATE TABLE Changes (Id INT64 NOT NULL, Customer STRING(MAX), Amount NUMERIC, Qty INT64, Payload JSON, \
     UpdatedAt TIMESTAMP) PRIMARY KEY (Id)",
    "CREATE TABLE HiddenText (K STRING(MAX) NOT NULL, Digest STRING(64), Partial STRING(MAX), Gone STRING(MAX) NOT NULL, \
     Nothing STRING(MAX)) PRIMARY KEY (K)",
    "CREATE TABLE HiddenNumbers (K INT64 NOT NULL, Digest STRING(64), Gone INT64 NOT NULL) PRIMARY KEY (K)",
];

const MESSAGES: [&str; 2] = [
    "CREATE PROTO BUNDLE (interop.Nested, interop.Color)",
    "CREATE TABLE Messages (Id INT64 NOT NULL, Nested interop.Nested, Color interop.Color) PRIMARY KEY (Id)",
];

const PIPELINES: &str = r#"
[[ingest]]
name = "evolved-ID"
topics = ["evolved-ID"]
[[ingest.table]]
table = "Evolved"
columns = { Id = "value.id", A = "value.a", B = "has(value.b) ? value.b : 'absent'" }
[[ingest]]
name = "messages-ID"
topics = ["protobuf-ID"]
value = { format = "protobuf" }
[[ingest.table]]
table = "Messages"
columns = { Id = "value.id", Nested = "value.nested", Color = "value.e" }
[[ingest]]
name = "referenced-ID"
topics = ["referenced-ID"]
[[ingest.table]]
table = "Referenced"
columns = { Id = "value.id", City = "value.place.city" }
[[ingest]]
name = "debezium-ID"
topics = ["debezium-ID"]
key = { format = "json" }
value = { format = "json", unwrap = "debezium" }
[[ingest.table]]
table = "Changes"
columns = { Id = "value.id", Customer = "value.customer", Amount = "value.amount", Qty = "value.qty", Payload = "value.payload", UpdatedAt = "value.updated_at" }
[[ingest]]
name = "hidden-text-ID"
topics = ["string-ID"]
key = { format = "string" }
value = { format = "string" }
mask_key = { env = "SPANBRIDGE_TEST_MASK" }
dead_letters = { payload = "drop" }
[[ingest.table]]
table = "HiddenText"
[ingest.table.columns]
K = "key"
Digest = { expr = "value", mask = "hash" }
Partial = { expr = "value", mask = "partial" }
Gone = { expr = "value", mask = "redact" }
Nothing = { expr = "value", mask = "redact" }
[[ingest]]
name = "hidden-numbers-ID"
topics = ["int64-ID"]
key = { format = "int64" }
value = { format = "int64" }
mask_key = { env = "SPANBRIDGE_TEST_MASK" }
dead_letters = { payload = "drop" }
[[ingest.table]]
table = "HiddenNumbers"
[ingest.table.columns]
K = "key"
Digest = { expr = "value", mask = "hash" }
Gone = { expr = "value", mask = "redact" }
"#;

/// The records that Python reported: by topic, each with the hash that Python computed.
type Written = BTreeMap<String, Vec<Option<String>>>;

/// Produces the records with Python. Returns them, and the descriptors of the messages in columns.
async fn produce(bridge: &Bridge) -> (Written, Vec<u8>) {
    let python = Python::with(REQUIREMENTS).await.unwrap();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/e2e/interop/produce.py");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/tests/debezium-samples");
    let samples = samples.to_str().unwrap();
    let arguments = [bridge.bootstrap(), bridge.registry(), &bridge.id, samples, MASK_KEY];
    let printed = python.run(&tests, &arguments).await.unwrap();
    let mut written = Written::new();
    for line in printed.lines().filter(|line| line.starts_with('{')) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let records = written.entry(line["topic"].as_str().unwrap().to_owned()).or_default();
        assert_eq!(line["offset"].as_u64(), u64::try_from(records.len()).ok());
        records.push(line["hash"].as_str().map(str::to_owned));
    }
    let descriptors = printed.lines().find_map(|line| line.strip_prefix("descriptors ")).unwrap();
    (written, STANDARD.decode(descriptors).unwrap())
}

#[tokio::test]
async fn records_of_a_python_client_are_applied_in_every_format_type_and_mode() {
    let formats = formats();
    let ddl: Vec<String> = formats.iter().flat_map(Format::ddl).chain(MORE.map(str::to_owned)).collect();
    let others = ["evolved", "referenced", "debezium"];
    let topics: Vec<&str> = formats.iter().map(|format| format.name).chain(others).collect();
    let bridge = Bridge::new(testbed().await, &ddl, &topics).await;
    for format in &formats {
        for (mode, keys) in [("Update", &format.keys[..2]), ("Delete", &format.keys[..])] {
            bridge.seed(&format.table(mode), format.key_column(), keys).await;
        }
    }
    let (written, descriptors) = produce(&bridge).await;
    bridge.admin.update_ddl_with(&MESSAGES.map(str::to_owned), descriptors).await.unwrap();
    let pipelines: String = formats.iter().map(Format::pipelines).collect();
    let mut worker = bridge.ingest(&(pipelines + PIPELINES).replace("-ID", &format!("-{}", bridge.id))).await;
    let mut all = Vec::new();
    for format in &formats {
        all.extend(differences(&bridge, format, &written, &mut worker).await);
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
    for pipeline in others {
        bridge.applied(pipeline, length(&written, pipeline), &mut worker).await;
        assert_eq!(bridge.dead_letters(pipeline).await, [], "{pipeline}");
    }
    check_other_pipelines(&bridge).await;
    check_messages(&bridge, &written, &mut worker).await;
    check_masks(&bridge, &written, &mut worker).await;
    worker.stop(crate::fixture::TIMEOUT).await.unwrap();
}

fn length(written: &Written, topic: &str) -> i64 {
    i64::try_from(written[topic].len()).unwrap()
}

/// Returns each difference from the expected rows.
async fn differences(
    bridge: &Bridge,
    format: &Format,
    written: &Written,
    worker: &mut WorkerProcess,
) -> Vec<String> {
    let mut differences = Vec::new();
    let records = length(written, format.name);
    for (kind, dead_letters) in formats::PIPELINES {
        let pipeline = format!("{}-{kind}", format.name);
        bridge.applied(&pipeline, records, worker).await;
        let found = bridge.dead_letters(&pipeline).await;
        let dead_letters: Vec<_> =
            dead_letters.iter().map(|(offset, code)| (*offset, (*code).to_owned())).collect();
        if found != dead_letters {
            differences.push(format!("{pipeline}: dead letters {found:?}, not {dead_letters:?}"));
        }
    }
    for (mode, expected) in format.expected() {
        let found: Vec<_> = bridge.rows(&format.table(mode)).await.into_values().collect();
        if found != expected {
            differences.push(format!("{} holds {found:?}, not {expected:?}", format.table(mode)));
        }
    }
    differences
}

async fn check_other_pipelines(bridge: &Bridge) {
    let rows = async |table| bridge.rows(table).await.into_values().collect::<Vec<_>>();
    let evolved = |id: i64, a: &str, b: &str| vec![id.into(), a.into(), b.into()];
    let expected = [evolved(1, "old", "absent"), evolved(2, "new", "given"), evolved(3, "default", "none")];
    assert_eq!(rows("Evolved").await, expected);
    assert_eq!(rows("Referenced").await, [vec![1.into(), "Ulm".into()]]);
    // The first row was inserted, updated and deleted; the second was inserted and updated to null.
    let at = |text: &str| Value::Timestamp(text.parse::<Timestamp>().unwrap());
    let end = at("9999-12-31T23:59:59Z");
    let nothing = Value::Null;
    let updated = vec![2.into(), nothing.clone(), nothing.clone(), 4.into(), nothing, end.clone()];
    let json = Value::Json("{\"a\":1}".into());
    let inserted = vec![3.into(), "ann".into(), Value::Numeric("12.5".parse().unwrap()), 3.into(), json, end];
    assert_eq!(rows("Changes").await, [updated, inserted]);
}

async fn check_messages(bridge: &Bridge, written: &Written, worker: &mut WorkerProcess) {
    bridge.applied("messages", length(written, "protobuf"), worker).await;
    assert_eq!(bridge.dead_letters("messages").await, []);
    let message = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
    let expected = [
        vec![1.into(), message(b""), 2.into()],
        vec![2.into(), Value::Null, Value::Null],
        vec![3.into(), message(b"\x0a\x05inner"), 1.into()],
    ];
    assert_eq!(bridge.rows("Messages").await.into_values().collect::<Vec<_>>(), expected);
}

/// Compares the masks with the hashes of Python's hmac. The third record is the last of the first key.
async fn check_masks(bridge: &Bridge, written: &Written, worker: &mut WorkerProcess) {
    bridge.applied("hidden-text", length(written, "string"), worker).await;
    bridge.applied("hidden-numbers", length(written, "int64"), worker).await;
    let hash = |topic: &str, offset: usize| Value::from(written[topic][offset].clone().unwrap());
    let text = |key: &str, offset, partial: &str| {
        vec![key.into(), hash("string", offset), partial.into(), "***".into(), Value::Null]
    };
    let found: Vec<_> = bridge.rows("HiddenText").await.into_values().collect();
    assert_eq!(found, [text("k1", 2, "****5432"), text("k2", 1, "**"), text("k3", 3, "****")]);
    let number = |key: i64, offset| vec![key.into(), hash("int64", offset), 0.into()];
    let found: Vec<_> = bridge.rows("HiddenNumbers").await.into_values().collect();
    assert_eq!(found, [number(1, 2), number(2, 1), number(3, 3)]);
}
