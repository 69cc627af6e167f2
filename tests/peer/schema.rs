//! Compares schemas: Confluent's `AvroConverter`, applied to the registered Avro schema, must give Connect's schema.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};
use spanbridge_testbed::Testbed;

use super::compare::Comparison;
use super::event::{Event, Key};
use super::{Source, pipeline};

const NAME: &str = "avro";

pub(crate) async fn compare(
    theirs: &BTreeMap<Key, Event>,
    testbed: &Testbed,
    source: &Source,
    comparison: &mut Comparison,
) {
    pipeline::publish(testbed, source, NAME, "avro", false).await;
    let mut tables = BTreeSet::new();
    for ((table, ..), event) in theirs {
        let Some(schemas) = &event.schemas else { continue };
        if !tables.insert(table) {
            continue;
        }
        for (schema, part) in schemas.iter().zip(["key", "value"]) {
            let subject = format!("{NAME}.{table}-{part}");
            let avro = avro(testbed.registry().unwrap().url(), &subject).await;
            let ours = connect(&avro, "", &mut BTreeMap::new());
            let theirs = schema.to_string().replace(&event.prefix, NAME);
            let theirs = by_name(serde_json::from_str(&theirs).unwrap());
            comparison.walk(&subject, &format!("schema.{part}"), &theirs, &by_name(ours));
        }
    }
    assert_eq!(tables.len(), super::workload::TABLES.len());
}

async fn avro(registry: &str, subject: &str) -> Json {
    let answer = reqwest::get(format!("{registry}/subjects/{subject}/versions/latest")).await.unwrap();
    let answer: Json = answer.json().await.unwrap();
    serde_json::from_str(answer["schema"].as_str().unwrap()).unwrap()
}

/// Converts an Avro schema to Connect's JSON schema by the rules of `AvroConverter`.
fn connect(avro: &Json, namespace: &str, named: &mut BTreeMap<String, Json>) -> Json {
    let (of, optional) = match avro.as_array() {
        Some(union) => {
            // Null is the second branch when the default value belongs to the other branch.
            let some = union.iter().find(|branch| **branch != json!("null")).unwrap();
            assert_eq!(union.len(), 2);
            (some, true)
        }
        None => (avro, false),
    };
    let mut schema = Map::new();
    let word = of["type"].as_str().or(of.as_str()).unwrap();
    let namespace = of["namespace"].as_str().unwrap_or(namespace);
    let full = |name: &str| match name.contains('.') || namespace.is_empty() {
        true => name.to_owned(),
        false => format!("{namespace}.{name}"),
    };
    let ty = match word {
        "long" => "int64",
        "int" => "int32",
        "record" => "struct",
        "boolean" | "string" | "bytes" | "float" | "double" | "array" => word,
        name => {
            let mut known = named[&full(name)].clone();
            known["optional"] = json!(optional);
            return known;
        }
    };
    schema.insert("type".into(), json!(ty));
    schema.insert("optional".into(), json!(optional));
    for word in ["name", "version", "parameters"] {
        if let Some(value) = of.get(format!("connect.{word}")) {
            schema.insert(word.into(), value.clone());
        }
    }
    if word == "array" {
        schema.insert("items".into(), connect(&of["items"], namespace, named));
    }
    if word == "record" {
        let name = full(of["name"].as_str().unwrap());
        let namespace = name.rsplit_once('.').map_or("", |(namespace, _)| namespace);
        let field = |field: &Json| {
            let mut schema = connect(&field["type"], namespace, named);
            schema["field"] = field["name"].clone();
            let default = field["type"].get("connect.default").or(field.get("default"));
            if let Some(default) = default.filter(|default| !default.is_null()) {
                schema["default"] = default.clone();
            }
            schema
        };
        let fields: Vec<Json> = of["fields"].as_array().unwrap().iter().map(field).collect();
        schema.insert("fields".into(), json!(fields));
        schema.entry("name").or_insert(json!(name));
        named.insert(name, Json::Object(schema.clone()));
    }
    Json::Object(schema)
}

/// Sorts the fields by name.
fn by_name(mut schema: Json) -> Json {
    if let Some(items) = schema.get_mut("items") {
        *items = by_name(items.take());
    }
    if let Some(fields) = schema.get_mut("fields").map(Json::take) {
        let fields = fields.as_array().unwrap();
        schema["order"] = fields.iter().map(|field| field["field"].clone()).collect();
        let fields =
            fields.iter().map(|field| (field["field"].as_str().unwrap().into(), by_name(field.clone())));
        schema["fields"] = Json::Object(fields.collect());
    }
    schema
}
