//! Confluent's Python deserializers read published records.

use std::path::Path;

use serde_json::{Value as Json, json};
use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::Value;
use spanbridge_spanner::CommitOptions;
use spanbridge_testbed::Python;

use super::REQUIREMENTS;
use super::bridge::Bridge;
use crate::shared_testbed::testbed;

const DDL: [&str; 2] = [
    "CREATE TABLE Things (Id INT64 NOT NULL, Name STRING(MAX) NOT NULL, Price NUMERIC, Day DATE, Raw BYTES(MAX), \
     Data JSON, Real FLOAT64, Moment TIMESTAMP) PRIMARY KEY (Id)",
    "CREATE CHANGE STREAM Changed FOR Things OPTIONS (value_capture_type = 'NEW_ROW')",
];
const FORMATS: [&str; 3] = ["avro", "json-schema", "json"];
const ID: i64 = 9_007_199_254_740_993;

fn columns() -> Vec<(&'static str, Value)> {
    vec![
        ("Id", ID.into()),
        ("Name", "größe ✓".into()),
        ("Price", Value::Numeric("-12345678901234567890.123456789".parse().unwrap())),
        ("Day", Value::Date("2024-02-29".parse().unwrap())),
        ("Raw", Value::Bytes(vec![0, 255, 16])),
        ("Data", Value::Json("{\"a\":[1,null]}".into())),
        ("Real", 0.1.into()),
        ("Moment", Value::Timestamp("2024-02-29T12:34:56Z".parse().unwrap())),
    ]
}

#[tokio::test]
async fn python_client_reads_published_records() {
    let ddl = DDL.map(str::to_owned);
    let bridge = Bridge::new(testbed().await, &ddl, &[]).await;
    let start = bridge.database.now().await.unwrap().to_rfc3339();
    let (names, row): (Vec<_>, Vec<_>) = columns().into_iter().unzip();
    let mutation = Mutation {
        write: Write::Insert,
        table: "Things".into(),
        columns: names.into_iter().map(str::to_owned).collect(),
        rows: vec![row],
    };
    bridge.database.commit(vec![mutation], CommitOptions::default()).await.unwrap();
    let pipeline = |format: &&str| {
        format!(
            "[[publish]]\nname = \"{format}-{id}\"\nchange_stream = \"Changed\"\nstart = \"{start}\"\n\
             key = {{ format = \"{format}\" }}\nvalue = {{ format = \"{format}\" }}\nshards = 1\n\
             create_topics = {{ partitions = 1, replication_factor = 1 }}\n",
            id = bridge.id
        )
    };
    let pipelines: String = FORMATS.iter().map(pipeline).collect();
    let worker = bridge.publish(&pipelines).await;

    let python = Python::with(REQUIREMENTS).await.unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/e2e/interop/consume.py");
    let topics = FORMATS.map(|format| format!("{format}-{}.Things={format}=1", bridge.id));
    let mut arguments = vec![bridge.bootstrap(), bridge.registry()];
    arguments.extend(topics.iter().map(String::as_str));
    let printed = python.run(&script, &arguments).await.unwrap();
    let records: Vec<Json> =
        printed.lines().filter_map(|line| serde_json::from_str(line).ok()).filter(Json::is_object).collect();
    assert_eq!(records.len(), FORMATS.len(), "{printed}");
    for (record, format) in records.iter().zip(FORMATS) {
        assert_eq!(record["key"], json!({"Id": ID}), "{format}");
        let raw = if format == "avro" { "00ff10" } else { "AP8Q" };
        let expected = json!({
            "Id": ID, "Name": "größe ✓", "Price": "-12345678901234567890.123456789", "Day": "2024-02-29",
            "Raw": raw, "Data": "{\"a\":[1,null]}", "Real": 0.1, "Moment": "2024-02-29T12:34:56Z",
        });
        assert_eq!(record["value"]["after"], expected, "{format}");
        assert_eq!(record["value"]["op"], json!("c"), "{format}");
    }
    worker.stop(crate::fixture::TIMEOUT).await.unwrap();
}
