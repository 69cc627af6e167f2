//! Schemas that a record header names. The registry is a fake, because Apicurio has no endpoint for GUIDs.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use spanbridge_schema::frame::{self, SchemaId};
use spanbridge_schema::{Datum, Decoder, ErrorKind, Format, Registry, RegistryOptions, SchemaHeader};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const GUID: &str = "89791762-2336-4186-9674-299b90a802e2";
/// A record of four fields, each with a branch for null.
const NULLABLE: &str = r#"{"type":"record","name":"T","fields":[
    {"name":"id","type":"int"},{"name":"v","type":"int"}]}"#;
const PROTOBUF: &str = r#"syntax = "proto3"; message Other {} message Line { int32 x = 1; }"#;

/// Answers each path with its body, and any other with Confluent's error of an unknown schema. A path with an empty body is
/// an endpoint that the registry does not have.
async fn fake_registry(answers: HashMap<String, String>) -> Registry {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let length = connection.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..length]);
            let path = request.split(' ').nth(1).unwrap_or_default();
            let (status, body) = match answers.get(path) {
                Some(body) if body.is_empty() => (404, String::new()),
                Some(body) => (200, body.clone()),
                None => (404, r#"{"error_code":40403,"message":"Schema not found"}"#.to_owned()),
            };
            let head =
                format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            connection.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    Registry::connect(RegistryOptions::new(url)).unwrap()
}

fn answer(schema: &str, language: &str) -> String {
    serde_json::json!({"schema": schema, "schemaType": language}).to_string()
}

/// The header as Confluent's serializers write it.
fn guid_header(suffix: &[u8]) -> Vec<u8> {
    let guid: uuid::Uuid = GUID.parse().unwrap();
    [&[1][..], guid.as_bytes(), suffix].concat()
}

fn header(value: &[u8]) -> Option<SchemaHeader<'_>> {
    Some(SchemaHeader { name: frame::VALUE_HEADER, value })
}

#[tokio::test]
async fn header_takes_precedence_and_both_kinds_mix() {
    let registry = fake_registry(HashMap::from([
        (format!("/schemas/guids/{GUID}"), answer(NULLABLE, "AVRO")),
        ("/schemas/ids/1".to_owned(), answer(r#""int""#, "AVRO")),
    ]))
    .await;
    let decoder = Decoder::new(Format::Avro, registry);
    // The payload has no prefix. Read as one, its bytes would name schema 1.
    let payload = [0, 0, 0, 0, 1, 84];
    let guid = guid_header(&[]);
    let plain = decoder.decode(&payload).await.unwrap();
    assert_eq!((plain.writer.unwrap().id, plain.value), (SchemaId::Number(1), Datum::Int(42)));
    let decoded = decoder.decode_with(header(&guid), &[1, 84]).await.unwrap();
    assert_eq!(decoded.writer.unwrap().id, SchemaId::Guid(GUID.parse().unwrap()));
    assert_eq!(
        (decoded.value.get("id"), decoded.value.get("v")),
        (Some(&Datum::Int(-1)), Some(&Datum::Int(42)))
    );
    // A header may also hold an id, and a prefix a GUID.
    let decoded = decoder.decode_with(header(&[0, 0, 0, 0, 1]), &[84]).await.unwrap();
    assert_eq!(decoded.value, Datum::Int(42));
    let decoded = decoder.decode(&guid_header(&[1, 84])).await.unwrap();
    assert_eq!(decoded.value.get("v"), Some(&Datum::Int(42)));
}

#[tokio::test]
async fn message_index_of_protobuf_is_in_the_header() {
    let registry =
        fake_registry(HashMap::from([(format!("/schemas/guids/{GUID}"), answer(PROTOBUF, "PROTOBUF"))]))
            .await;
    let decoder = Decoder::new(Format::Protobuf, registry);
    let header_bytes = guid_header(&[2, 2]);
    let decoded = decoder.decode_with(header(&header_bytes), &[8, 42]).await.unwrap();
    assert_eq!(decoded.writer.unwrap().schema.message(), Some("Line"));
    assert_eq!(decoded.value.get("x"), Some(&Datum::Int(42)));
}

#[tokio::test]
async fn unknown_guid_and_invalid_header_are_data_errors() {
    let decoder = Decoder::new(Format::Avro, fake_registry(HashMap::new()).await);
    let unknown = decoder.decode_with(header(&guid_header(&[])), &[1, 84]).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::UnknownSchema, "{unknown}");
    let invalid = decoder.decode_with(header(b"text"), &[1, 84]).await.unwrap_err();
    assert_eq!(invalid.kind(), ErrorKind::Frame, "{invalid}");
}

#[tokio::test]
async fn guid_without_an_endpoint_is_a_data_error_only_in_a_prefix() {
    let answers = HashMap::from([(format!("/schemas/guids/{GUID}"), String::new())]);
    let decoder = Decoder::new(Format::Avro, fake_registry(answers).await);
    let named = decoder.decode_with(header(&guid_header(&[])), &[1, 84]).await.unwrap_err();
    assert_eq!(named.kind(), ErrorKind::Configuration, "{named}");
    let prefixed = decoder.decode(&guid_header(&[1, 84])).await.unwrap_err();
    assert_eq!(prefixed.kind(), ErrorKind::Frame, "{prefixed}");
}

#[test]
fn last_header_of_a_name_counts() {
    let headers = [("a", Some(&b"1"[..])), (frame::KEY_HEADER, Some(b"2")), (frame::KEY_HEADER, Some(b"3"))];
    assert_eq!(SchemaHeader::find(headers, frame::KEY_HEADER).unwrap().value, b"3");
    assert!(SchemaHeader::find(headers, frame::VALUE_HEADER).is_none());
    assert!(SchemaHeader::find([(frame::KEY_HEADER, None)], frame::KEY_HEADER).is_none());
}
