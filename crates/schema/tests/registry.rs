//! Tests the client with a real registry (Apicurio), which the test starts, or which `SPANBRIDGE_REGISTRY` names.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use apache_avro::types::Value as Avro;
use serde_json::json;
use spanbridge_protocol::value::{Type, Value};
use spanbridge_schema::{
    AvroSchema, BareBytes, Datum, Decoder, ErrorKind, Format, Registry, RegistryOptions, RegistrySchema,
    convert, encode_avro, frame,
};
use spanbridge_testbed as testbed;

const V1: &str = r#"{"type":"record","name":"T","fields":[{"name":"a","type":"long"}]}"#;
/// Adds the optional field `b`: compatible.
const V2: &str = r#"{"type":"record","name":"T","fields":[{"name":"a","type":"long"},
    {"name":"b","type":["null","string"],"default":null}]}"#;
/// Adds the required field `c`: incompatible, because no reader could fill it for old records.
const MISSING_DEFAULT: &str = r#"{"type":"record","name":"T","fields":[{"name":"a","type":"long"},
    {"name":"c","type":"string"}]}"#;
const OTHER_TYPE: &str = r#"{"type":"record","name":"T","fields":[{"name":"a","type":"string"}]}"#;

/// All cases in one test, because starting a registry takes seconds.
#[tokio::test]
async fn client_works_with_a_real_registry() {
    let options = testbed::RegistryOptions { source: testbed::Source::New };
    let server = testbed::Registry::start(options).await.unwrap();
    let started = Instant::now();
    let url = server.url().to_owned();
    registering_a_schema_again_returns_its_id(&url).await;
    older_version_keeps_its_id(&url).await;
    incompatible_schema_is_rejected_with_its_field(&url).await;
    unknown_id_subject_and_path_have_their_error_kinds(&url).await;
    references_are_resolved(&url).await;
    schema_in_another_language_is_unusable(&url).await;
    json_schemas_refer_to_each_other(&url).await;
    protobuf_files_import_each_other(&url).await;
    bare_bytes_are_raw_unless_prefixed(&url).await;
    encoded_record_is_decoded_unchanged(&url).await;
    subject_with_special_characters_is_one_path_segment(&url).await;
    cached_schemas_outlive_the_registry(&server).await;
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

fn connect(url: &str) -> Registry {
    let mut options = RegistryOptions::new(url);
    options.timeout = Duration::from_secs(5);
    Registry::connect(options).unwrap()
}

fn schema(text: &str) -> AvroSchema {
    AvroSchema::parse(text).unwrap()
}

/// A unique subject, because a registry from the environment may have subjects of earlier runs.
fn subject(name: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!("{name}-{}-value", now.as_nanos())
}

async fn registering_a_schema_again_returns_its_id(url: &str) {
    let (registry, subject) = (connect(url), subject("same"));
    let id = registry.register(&subject, &schema(V1)).await.unwrap();
    assert_eq!(registry.register(&subject, &schema(V1)).await.unwrap(), id);
    assert_eq!(connect(url).register(&subject, &schema(V1)).await.unwrap(), id);
    let next = registry.register(&subject, &schema(V2)).await.unwrap();
    assert_ne!(next, id);
    let latest = registry.latest_avro(&subject).await.unwrap();
    assert_eq!((latest.id, latest.version), (next, Some(2)));
    assert_eq!(registry.avro_schema(id).await.unwrap().text(), V1);
}

async fn older_version_keeps_its_id(url: &str) {
    let (registry, subject) = (connect(url), subject("older"));
    let id = registry.register(&subject, &schema(MISSING_DEFAULT)).await.unwrap();
    registry.register(&subject, &schema(V1)).await.unwrap();
    // The schema is incompatible with the latest version, but already registered. So a service that was rolled back
    // continues to work.
    assert_eq!(connect(url).register(&subject, &schema(MISSING_DEFAULT)).await.unwrap(), id);
}

async fn incompatible_schema_is_rejected_with_its_field(url: &str) {
    let (registry, subject) = (connect(url), subject("incompatible"));
    registry.register(&subject, &schema(V1)).await.unwrap();
    for (text, field) in [(MISSING_DEFAULT, "c"), (OTHER_TYPE, "a")] {
        let error = registry.register(&subject, &schema(text)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Incompatible, "{error}");
        let why = error.incompatibility().unwrap();
        assert_eq!((&why.subject, why.field.as_deref()), (&subject, Some(field)), "{error}");
        assert!(error.to_string().contains(&format!("(field {field})")), "{error}");
    }
    assert_eq!(registry.latest_avro(&subject).await.unwrap().version, Some(1));
}

async fn unknown_id_subject_and_path_have_their_error_kinds(url: &str) {
    let registry = connect(url);
    let error = registry.avro_schema(999_999).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownSchema, "{error}");
    assert!(error.kind().is_data() && !error.kind().is_retriable());
    let error = registry.latest_avro(&subject("none")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownSubject, "{error}");
    // This path does not lead to a registry. That must not turn records into dead letters.
    let elsewhere = url.trim_end_matches("/apis/ccompat/v7").to_owned() + "/apis/nowhere";
    let error = connect(&elsewhere).avro_schema(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
}

async fn references_are_resolved(url: &str) {
    let (registry, unit, point, line) = (connect(url), subject("unit"), subject("point"), subject("line"));
    registry.register(&unit, &schema(r#"{"type":"enum","name":"geo.Unit","symbols":["M"]}"#)).await.unwrap();
    let body = json!({
        "schema": r#"{"type":"record","name":"geo.Point","fields":[
            {"name":"x","type":"long"},{"name":"unit","type":"Unit"}]}"#,
        "references": [{"name": "geo.Unit", "subject": unit, "version": 1}],
    });
    post(&format!("{url}/subjects/{point}/versions"), &body).await;
    let body = json!({
        "schema": r#"{"type":"record","name":"Line","fields":[
            {"name":"from","type":"geo.Point"},{"name":"to","type":["null","geo.Point"]}]}"#,
        "references": [{"name": "geo.Point", "subject": point, "version": 1}],
    });
    let id = post(&format!("{url}/subjects/{line}/versions"), &body).await;
    let schema = registry.avro_schema(id).await.unwrap();
    // from: x 1, unit 0; to: branch 1, x 2, unit 0.
    let payload = frame::join(id, &[2, 0, 2, 4, 0]);
    let decoded = Decoder::new(Format::Avro, registry).decode(&payload).await.unwrap();
    let point = decoded.value.get("to").unwrap();
    assert_eq!(point.get("x"), Some(&Datum::Int(2)));
    assert_eq!(point.get("unit"), Some(&Datum::Enum("M".into())));
    assert_eq!(schema.shape(), decoded.writer.unwrap().schema.shape());
}

async fn json_schemas_refer_to_each_other(url: &str) {
    let (registry, customer, order) = (connect(url), subject("customer"), subject("order"));
    let body = json!({"schemaType": "JSON", "schema": r#"{"$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}"#});
    post(&format!("{url}/subjects/{customer}/versions"), &body).await;
    let body = json!({
        "schemaType": "JSON",
        "schema": r#"{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {
            "price": {"type": "number"}, "customer": {"$ref": "customer.json"}}}"#,
        "references": [{"name": "customer.json", "subject": customer, "version": 1}],
    });
    let id = post(&format!("{url}/subjects/{order}/versions"), &body).await;
    let decoder = Decoder::new(Format::JsonSchema, registry.clone());
    let payload = br#"{"price": 0.10, "customer": {"name": "x"}}"#;
    let decoded = decoder.decode(&frame::join(id, payload)).await.unwrap();
    assert_eq!(decoded.value.get("price"), Some(&Datum::Number("0.10".parse().unwrap())));
    let invalid = decoder.decode(&frame::join(id, br#"{"customer": {}}"#)).await.unwrap_err();
    assert_eq!(invalid.kind(), ErrorKind::Payload, "{invalid}");
    assert_eq!(registry.versions(&order).await.unwrap(), [1]);
    assert!(
        matches!(registry.version(&order, 1).await.unwrap(), (same, RegistrySchema::Json(_)) if same == id)
    );
    let wrong = Decoder::new(Format::Avro, registry).decode(&frame::join(id, payload)).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::UnusableSchema, "{wrong}");
}

async fn protobuf_files_import_each_other(url: &str) {
    let (registry, point, line) = (connect(url), subject("proto-point"), subject("proto-line"));
    let body = json!({"schemaType": "PROTOBUF",
        "schema": "syntax = \"proto3\"; package geo; message Point { sint64 x = 1; }"});
    post(&format!("{url}/subjects/{point}/versions"), &body).await;
    let body = json!({
        "schemaType": "PROTOBUF",
        "schema": "syntax = \"proto3\"; import \"geo/point.proto\"; import \"google/protobuf/timestamp.proto\";\n\
            message Other {} message Line { geo.Point from = 1; google.protobuf.Timestamp at = 2; }",
        "references": [{"name": "geo/point.proto", "subject": point, "version": 1}],
    });
    let id = post(&format!("{url}/subjects/{line}/versions"), &body).await;
    let decoder = Decoder::new(Format::Protobuf, registry);
    // The second message: from { x: -1 }, at { seconds: 5 }.
    let payload = [2, 2, 0x0a, 2, 0x08, 1, 0x12, 2, 0x08, 5];
    let decoded = decoder.decode(&frame::join(id, &payload)).await.unwrap();
    assert_eq!(decoded.writer.unwrap().schema.message(), Some("Line"));
    assert_eq!(decoded.value.get("from").unwrap().get("x"), Some(&Datum::Int(-1)));
    let at = convert::to_spanner(decoded.value.get("at").unwrap(), &Type::Timestamp).unwrap();
    assert_eq!(at, Value::Timestamp("1970-01-01T00:00:05Z".parse().unwrap()));
    let unknown = decoder.decode(&frame::join(id, &[2, 4])).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Frame, "{unknown}");
    let only = |name| decoder.clone().only_message(name);
    assert!(only("Line").decode(&frame::join(id, &payload)).await.is_ok());
    let other = only("Other").decode(&frame::join(id, &payload)).await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Payload, "{other}");
    assert!(other.to_string().contains("the message Line, not Other"), "{other}");
}

async fn schema_in_another_language_is_unusable(url: &str) {
    let body = json!({"schemaType": "JSON", "schema": r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}"#});
    let id = post(&format!("{url}/subjects/{}/versions", subject("json")), &body).await;
    let error = connect(url).avro_schema(id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnusableSchema, "{error}");
}

async fn bare_bytes_are_raw_unless_prefixed(url: &str) {
    let registry = connect(url);
    let id = registry.register(&subject("bytes"), &schema("\"bytes\"")).await.unwrap();
    let raw = Decoder::new(Format::Avro, registry);
    let prefixed = raw.clone().bare_bytes(BareBytes::Prefixed);
    for (payload, without_length) in
        [(&b"{\"id\":1}"[..], None), (b"\x06abc", Some(&b"abc"[..])), (b"\x00", Some(b""))]
    {
        let framed = frame::join(id, payload);
        assert_eq!(raw.decode(&framed).await.unwrap().value, Datum::Bytes(payload.to_vec()));
        let value = prefixed.decode(&framed).await.ok().map(|decoded| decoded.value);
        assert_eq!(value, without_length.map(|bytes| Datum::Bytes(bytes.to_vec())));
    }
}

async fn encoded_record_is_decoded_unchanged(url: &str) {
    let registry = connect(url);
    let schema = schema(V2);
    let id = registry.register(&subject("round"), &schema).await.unwrap();
    let b = Avro::Union(1, Box::new(Avro::String("2013-01-01T10:00:00Z".into())));
    let value = Avro::Record(vec![("a".into(), Avro::Long(1)), ("b".into(), b)]);
    let bytes = encode_avro(id, &schema, &value).unwrap();
    let decoded = Decoder::new(Format::Avro, registry).decode(&bytes).await.unwrap();
    assert_eq!(decoded.writer.unwrap().id, frame::SchemaId::Number(id));
    assert_eq!(decoded.value.get("a"), Some(&Datum::Int(1)));
    let converted = convert::to_spanner(decoded.value.get("b").unwrap(), &Type::Timestamp).unwrap();
    assert_eq!(converted, Value::Timestamp("2013-01-01T10:00:00Z".parse().unwrap()));
}

async fn subject_with_special_characters_is_one_path_segment(url: &str) {
    let (registry, subject) = (connect(url), subject("a b?c#d%e"));
    let id = registry.register(&subject, &schema(V1)).await.unwrap();
    assert_eq!(registry.latest_avro(&subject).await.unwrap().id, id);
}

async fn cached_schemas_outlive_the_registry(server: &testbed::Registry) {
    let (registry, subject) = (connect(server.url()), subject("cached"));
    let id = registry.register(&subject, &schema(V1)).await.unwrap();
    registry.avro_schema(id).await.unwrap();
    server.stop().await.unwrap();
    registry.avro_schema(id).await.unwrap();
    assert_eq!(registry.register(&subject, &schema(V1)).await.unwrap(), id);
    let start = Instant::now();
    for error in [
        registry.avro_schema(id + 1).await.unwrap_err(),
        registry.register(&subject, &schema(V2)).await.unwrap_err(),
        registry.latest_avro(&subject).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.kind().is_retriable() && !error.kind().is_data());
    }
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

/// Registers a schema with references, which the client cannot.
async fn post(url: &str, body: &serde_json::Value) -> u32 {
    let answer = reqwest::Client::new().post(url).json(body).send().await.unwrap();
    let answer: serde_json::Value = answer.error_for_status().unwrap().json().await.unwrap();
    answer["id"].as_u64().unwrap().try_into().unwrap()
}
