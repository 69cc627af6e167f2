//! Malformed keys of every format among good ones. Each record becomes a dead letter with its offset and code if an
//! expression reads the key.

use spanbridge_kafka::{Message, Producer};
use spanbridge_protocol::value::Value;
use spanbridge_schema::frame;

use super::bridge::Bridge;
use crate::fixture::TIMEOUT;
use crate::shared_testbed::testbed;

const AVRO: &str = r#"{"type": "record", "name": "Key", "fields": [{"name": "s", "type": "string"}]}"#;
const PROTOBUF: &str = r#"syntax = "proto3"; message Key { string s = 1; }"#;
const JSON_SCHEMA: &str = r#"{"type": "object", "required": ["s"], "properties": {"s": {"type": "string"}}}"#;

const KEY: &str = "SB-INGEST-KEY";
const FRAME: &str = "SB-INGEST-FRAME";
const UNKNOWN: &str = "SB-INGEST-UNKNOWN-SCHEMA";
const UNUSABLE: &str = "SB-INGEST-UNUSABLE-SCHEMA";
const DECODE: &str = "SB-INGEST-DECODE";
const PATH: &str = "SB-INGEST-PATH";

/// A format, the expression of its key, a good key, and bad ones with their codes.
struct Format {
    name: &'static str,
    path: &'static str,
    good: Vec<u8>,
    bad: Vec<(Vec<u8>, &'static str)>,
}

#[tokio::test]
async fn malformed_keys_become_dead_letters_at_their_offsets() {
    let names = ["avro", "protobuf", "json-schema", "json", "string", "int64"];
    let ddl = names.map(|name| {
        let table = name.replace('-', "_");
        format!("CREATE TABLE keys_{table} (Id INT64 NOT NULL, K STRING(MAX)) PRIMARY KEY (Id)")
    });
    let topics = names.map(|name| format!("keys-{name}"));
    let bridge = Bridge::new(testbed().await, &ddl, &topics.each_ref().map(String::as_str)).await;
    let formats = formats(&bridge).await;
    let producer = Producer::new(&bridge.kafka, TIMEOUT).unwrap();
    let mut pipelines = String::new();
    for Format { name, path, good, bad } in &formats {
        let (table, id) = (name.replace('-', "_"), &bridge.id);
        // The other pipeline does not read the keys.
        for (kind, columns) in
            [("keys", format!("Id = \"offset\", K = \"{path}\"")), ("none", "Id = \"offset\"".into())]
        {
            pipelines += &format!(
                "[[ingest]]\nname = \"{kind}-{name}-{id}\"\ntopics = [\"keys-{name}-{id}\"]\nkey = {{ format = \"{name}\" }}\n\
                 value = {{ format = \"none\" }}\n[[ingest.table]]\ntable = \"keys_{table}\"\ncolumns = {{ {columns} }}\n"
            );
        }
        for key in bad.iter().flat_map(|(bad, _)| [good, bad]).chain([good]) {
            let message = Message::new(format!("keys-{name}-{id}")).with_key(key.clone()).with_value("x");
            producer.send(&Message { partition: Some(0), ..message }).await.unwrap();
        }
    }
    producer.flush().await.unwrap();
    let mut worker = bridge.ingest(&pipelines).await;
    for Format { name, bad, .. } in &formats {
        let count = i64::try_from(bad.len()).unwrap();
        for kind in ["keys", "none"] {
            bridge.applied(&format!("{kind}-{name}"), 2 * count + 1, &mut worker).await;
        }
        let places = (0..count).map(|number| 2 * number + 1);
        let expected: Vec<_> = places.zip(bad.iter().map(|(_, code)| (*code).to_owned())).collect();
        assert_eq!(bridge.dead_letters(&format!("keys-{name}")).await, expected, "{name}");
        assert_eq!(bridge.dead_letters(&format!("none-{name}")).await, [], "{name}");
        let rows = bridge.rows(&format!("keys_{}", name.replace('-', "_"))).await;
        let expected: Vec<Vec<Value>> = (0..=2 * count)
            .map(|offset| vec![offset.into(), if offset % 2 == 0 { "7".into() } else { Value::Null }])
            .collect();
        assert_eq!(rows.into_values().collect::<Vec<_>>(), expected, "{name}");
    }
    worker.stop(TIMEOUT).await.unwrap();
}

async fn formats(bridge: &Bridge) -> Vec<Format> {
    let avro = bridge.register_key("keys-avro", "AVRO", AVRO).await;
    let protobuf = bridge.register_key("keys-protobuf", "PROTOBUF", PROTOBUF).await;
    let json = bridge.register_key("keys-json-schema", "JSON", JSON_SCHEMA).await;
    let framed = |id, good: &[u8], other, bad: &[&[u8]]| {
        let good = frame::join(id, good);
        let mut all = vec![
            (Vec::new(), FRAME),
            (b"7".to_vec(), FRAME),
            ([&[1], &good[1..]].concat(), FRAME),
            (good[..4].to_vec(), FRAME),
            (frame::join(0x7fff_ffff, &good[5..]), UNKNOWN),
            (frame::join(other, &good[5..]), UNUSABLE),
            (good[..good.len() - 1].to_vec(), DECODE),
        ];
        all.extend(bad.iter().map(|bad| (frame::join(id, bad), DECODE)));
        (good, all)
    };
    let format = |name, path, (good, bad)| Format { name, path, good, bad };
    let json_text: &[u8] = br#"{"s": "7"}"#;
    vec![
        format(
            "avro",
            "key.s",
            framed(
                avro,
                b"\x027",
                json,
                &[b"\x02\xff", b"\x027\0", b"\x01", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"],
            ),
        ),
        format(
            "protobuf",
            "key.s",
            framed(protobuf, b"\0\x0a\x017", avro, &[b"\0\x0a\x01\xff", b"\0\x0a\x7f7", b"\0\x08\x01"]),
        ),
        format(
            "json-schema",
            "key.s",
            framed(json, json_text, avro, &[b"{\"s\": \"\xff\"}", b"{}", br#"{"s": 7}"#]),
        ),
        format(
            "json",
            "key.s",
            (
                json_text.to_vec(),
                vec![
                    (Vec::new(), DECODE),
                    (json_text[..5].to_vec(), DECODE),
                    (b"{\"s\": \"\xff\"}".to_vec(), DECODE),
                    (b"7".to_vec(), PATH),
                    (b"{}".to_vec(), PATH),
                ],
            ),
        ),
        format(
            "string",
            "key",
            (b"7".to_vec(), vec![(b"7\xff".to_vec(), KEY), (b"\xed\xa0\x80".to_vec(), KEY)]),
        ),
        format(
            "int64",
            "string(key)",
            (7_i64.to_be_bytes().into(), vec![(Vec::new(), KEY), (vec![0; 7], KEY), (vec![0; 9], KEY)]),
        ),
    ]
}
