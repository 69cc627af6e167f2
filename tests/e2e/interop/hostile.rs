//! Malformed payloads of every format among good ones. Each becomes a dead letter with its offset and code, each good record
//! becomes a row, and the worker continues.

use spanbridge_kafka::{Message, Producer};
use spanbridge_protocol::value::Value;

use super::bridge::Bridge;
use crate::fixture::TIMEOUT;
use crate::shared_testbed::testbed;

const AVRO: &str = r#"{"type": "record", "name": "Node", "fields": [
    {"name": "s", "type": "string"}, {"name": "d", "type": "double"},
    {"name": "t", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "next", "type": ["null", "Node"]}]}"#;

/// A schema whose second message is used.
const PROTOBUF: &str = r#"syntax = "proto3";
import "google/protobuf/timestamp.proto";
message First { int64 id = 1; }
message Node { string s = 1; double d = 2; google.protobuf.Timestamp t = 3; Node next = 4; }"#;

const JSON_SCHEMA: &str = r#"{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["s"],
    "properties": {"s": {"type": "string"}, "d": {"type": "number"}, "t": {"type": "string"}}}"#;

const GOOD_JSON: &str = r#"{"s": "a", "d": 0.5, "t": "2024-02-29T00:00:00Z"}"#;

const FRAME: &str = "SB-INGEST-FRAME";
const UNKNOWN: &str = "SB-INGEST-UNKNOWN-SCHEMA";
const UNUSABLE: &str = "SB-INGEST-UNUSABLE-SCHEMA";
const DECODE: &str = "SB-INGEST-DECODE";
const TOO_LARGE: &str = "SB-INGEST-TOO-LARGE";
const CONVERT: &str = "SB-INGEST-CONVERT";

/// A payload that must be rejected, and the code of its dead letter.
type Bad = (Vec<u8>, &'static str);

struct Format {
    name: &'static str,
    columns: &'static str,
    good: Vec<u8>,
    bad: Vec<Bad>,
}

const NODE: &str = r#"S = "value.s", J = "value.d", T = "value.t""#;

#[tokio::test]
async fn malformed_payloads_become_dead_letters_at_their_offsets() {
    let names = ["avro", "protobuf", "json-schema", "json", "string", "int64"];
    let ddl = names.map(|name| {
        let table = name.replace('-', "_");
        format!("CREATE TABLE bad_{table} (Id INT64 NOT NULL, S STRING(MAX), J JSON, T TIMESTAMP) PRIMARY KEY (Id)")
    });
    let topics = names.map(|name| format!("bad-{name}"));
    let bridge = Bridge::new(testbed().await, &ddl, &topics.each_ref().map(String::as_str)).await;
    let formats = formats(&bridge).await;
    let producer = Producer::new(&bridge.kafka, TIMEOUT).unwrap();
    let mut pipelines = String::new();
    for Format { name, columns, good, bad } in &formats {
        let (table, id) = (name.replace('-', "_"), &bridge.id);
        pipelines += &format!(
            "[[ingest]]\nname = \"bad-{name}-{id}\"\ntopics = [\"bad-{name}-{id}\"]\nvalue = {{ format = \"{name}\" }}\n\
             [[ingest.table]]\ntable = \"bad_{table}\"\ncolumns = {{ Id = \"offset\", {columns} }}\n"
        );
        let payloads = bad.iter().flat_map(|(bad, _)| [good, bad]).chain([good]);
        for payload in payloads {
            producer
                .send(&Message::new(format!("bad-{name}-{id}")).with_value(payload.clone()))
                .await
                .unwrap();
        }
    }
    producer.flush().await.unwrap();
    let mut worker = bridge.ingest(&pipelines).await;
    for Format { name, bad, .. } in &formats {
        let pipeline = format!("bad-{name}");
        let count = i64::try_from(bad.len()).unwrap();
        bridge.applied(&pipeline, 2 * count + 1, &mut worker).await;
        let places = (0..count).map(|number| 2 * number + 1);
        let expected: Vec<_> = places.zip(bad.iter().map(|(_, code)| (*code).to_owned())).collect();
        assert_eq!(bridge.dead_letters(&pipeline).await, expected, "{name}");
        let rows = bridge.rows(&format!("bad_{}", name.replace('-', "_"))).await;
        let good: Vec<Vec<Value>> = (0..=count).map(|number| vec![(2 * number).into()]).collect();
        assert_eq!(rows.into_keys().collect::<Vec<_>>(), good, "{name}");
    }
    worker.stop(TIMEOUT).await.unwrap();
}

async fn formats(bridge: &Bridge) -> Vec<Format> {
    let ids = [
        bridge.register("bad-avro", "AVRO", AVRO).await,
        bridge.register("bad-protobuf", "PROTOBUF", PROTOBUF).await,
        bridge.register("bad-json-schema", "JSON", JSON_SCHEMA).await,
    ];
    let format = |name, columns, good, bad| Format { name, columns, good, bad };
    let framed = |id, payload: &[u8]| [&[0], &id_bytes(id)[..], payload].concat();
    let text = |bytes: &[u8]| framed(ids[2], bytes);
    let mut of_schema: Vec<Bad> = json().into_iter().map(|(bytes, code)| (text(&bytes), code)).collect();
    of_schema.push((text(br#"{"s": 1}"#), DECODE));
    of_schema.push((text(br#"{"d": 1}"#), DECODE));
    of_schema.extend(frames(&text(GOOD_JSON.as_bytes()), ids[0]));
    let string = r#"S = "value""#;
    vec![
        format("avro", NODE, framed(ids[0], &avro(b"a", 0.5, 0, NULL)), avro_bad(ids)),
        format("protobuf", NODE, framed(ids[1], &protobuf(b"a", 0.5, 0, &[])), protobuf_bad(ids)),
        format("json-schema", NODE, text(GOOD_JSON.as_bytes()), of_schema),
        format("json", NODE, GOOD_JSON.into(), json()),
        format(
            "string",
            string,
            b"a".into(),
            vec![(vec![0xff, b'a'], DECODE), (b"\xed\xa0\x80".into(), DECODE)],
        ),
        format(
            "int64",
            r#"S = "string(value)""#,
            7_i64.to_be_bytes().into(),
            vec![(Vec::new(), DECODE), (vec![0; 7], DECODE), (vec![0; 9], DECODE)],
        ),
    ]
}

fn id_bytes(id: u32) -> [u8; 4] {
    id.to_be_bytes()
}

/// Returns malformed headers for the formats with a registry; `other` is a schema of another format.
fn frames(good: &[u8], other: u32) -> Vec<Bad> {
    let unknown = 0x7fff_ffff_u32;
    vec![
        (Vec::new(), FRAME),
        ([&[1], &good[1..]].concat(), FRAME),
        (good[..4].to_vec(), FRAME),
        ([&[0], &id_bytes(unknown)[..], &good[5..]].concat(), UNKNOWN),
        ([&[0], &id_bytes(other)[..], &good[5..]].concat(), UNUSABLE),
    ]
}

/// The branch of the union for the absence of a next node.
const NULL: &[u8] = &[0];

/// Encodes a node with a short text.
fn avro(s: &[u8], d: f64, t: i64, next: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(2 * s.len()).unwrap()];
    bytes.extend(s);
    bytes.extend(d.to_le_bytes());
    let mut zigzag = (t << 1 ^ t >> 63).cast_unsigned();
    while zigzag >= 0x80 {
        bytes.push(zigzag.to_le_bytes()[0] | 0x80);
        zigzag >>= 7;
    }
    bytes.push(zigzag.to_le_bytes()[0]);
    bytes.extend(next);
    bytes
}

fn avro_bad(ids: [u32; 3]) -> Vec<Bad> {
    let framed = |payload: &[u8]| [&[0], &id_bytes(ids[0])[..], payload].concat();
    let good = framed(&avro(b"a", 0.5, 0, NULL));
    let deep = [avro(b"a", 0.5, 0, &[2]).repeat(10_000), avro(b"a", 0.5, 0, NULL)].concat();
    let mut bad = frames(&good, ids[2]);
    bad.extend([
        (good[..good.len() - 1].to_vec(), DECODE),
        ([&good[..], &[0]].concat(), DECODE),
        (framed(&avro(b"a", 0.5, 0, &[8])), DECODE),
        (framed(&avro(b"\xff", 0.5, 0, NULL)), DECODE),
        // Lengths far beyond the payload, and negative lengths.
        (framed(b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"), DECODE),
        (framed(b"\x01"), DECODE),
        (framed(&deep), TOO_LARGE),
        (framed(&avro(b"a", f64::NAN, 0, NULL)), CONVERT),
        (framed(&avro(b"a", 0.5, i64::MAX, NULL)), CONVERT),
    ]);
    bad
}

/// Encodes a node with its message index; all its fields are short.
fn protobuf(s: &[u8], d: f64, seconds: u8, next: &[u8]) -> Vec<u8> {
    let mut bytes = vec![2, 2, 0x0a, u8::try_from(s.len()).unwrap()];
    bytes.extend(s);
    bytes.push(0x11);
    bytes.extend(d.to_le_bytes());
    bytes.extend([0x1a, 2, 0x08, seconds]);
    bytes.extend(next);
    bytes
}

fn protobuf_bad(ids: [u32; 3]) -> Vec<Bad> {
    let framed = |payload: &[u8]| [&[0], &id_bytes(ids[1])[..], payload].concat();
    let node = protobuf(b"a", 0.5, 0, &[]);
    let good = framed(&node);
    let mut deep = Vec::new();
    for _ in 0..1000 {
        let mut length = deep.len();
        let mut outer = vec![0x22];
        while length >= 0x80 {
            outer.push(length.to_le_bytes()[0] | 0x80);
            length >>= 7;
        }
        outer.push(length.to_le_bytes()[0]);
        deep = [outer, deep].concat();
    }
    let mut bad = frames(&good, ids[0]);
    bad.extend([
        (framed(&[]), FRAME),
        (framed(&[2, 0x12]), FRAME),
        (framed(&[2, 1]), FRAME),
        (framed(&[0xff; 10]), FRAME),
        (good[..good.len() - 1].to_vec(), DECODE),
        (framed(&protobuf(b"a", 0.5, 0, &[0x0b])), DECODE),
        (framed(&protobuf(b"a", 0.5, 0, &[0x08, 1])), DECODE),
        (framed(&protobuf(b"\xff", 0.5, 0, &[])), DECODE),
        (framed(&[&[2, 2][..], &deep].concat()), TOO_LARGE),
        (framed(&protobuf(b"a", f64::NAN, 0, &[])), CONVERT),
        // A timestamp of 2^62 seconds.
        (framed(b"\x02\x02\x1a\x0a\x08\x80\x80\x80\x80\x80\x80\x80\x80\x40"), CONVERT),
    ]);
    bad
}

fn json() -> Vec<Bad> {
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        (GOOD_JSON.as_bytes()[..GOOD_JSON.len() - 1].to_vec(), DECODE),
        (text(&format!("{GOOD_JSON}}}")), DECODE),
        (b"{\"s\": \"\xff\"}".to_vec(), DECODE),
        (text(r#"{"s": "a", "d": NaN}"#), DECODE),
        (text(&format!(r#"{{"s": "a", "d": {}1}}"#, "9".repeat(2000))), TOO_LARGE),
        (text(&format!(r#"{{"s": "a", "x": {}{}}}"#, "[".repeat(10_000), "]".repeat(10_000))), TOO_LARGE),
        (text(r#"{"s": "a", "t": "10000-01-01T00:00:00Z"}"#), CONVERT),
        (text(r#"{"s": "a", "d": 0.10000000000000000001}"#), CONVERT),
    ]
}
