//! Compares the table with the document of librdkafka, in the sources of rdkafka-sys.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::process::Command;

use spanbridge_kafka_properties::{Client, Property, Value, all};

/// Returns the platform of this compiler, such as `x86_64-unknown-linux-gnu`.
fn platform() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// Returns the text of `CONFIGURATION.md`.
fn document() -> String {
    // Packages of other platforms need not have been downloaded.
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", &platform()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "rdkafka-sys").unwrap();
    let manifest = std::path::Path::new(package["manifest_path"].as_str().unwrap());
    std::fs::read_to_string(manifest.parent().unwrap().join("librdkafka/CONFIGURATION.md")).unwrap()
}

/// Reads the rows of both tables. A property in both is global.
fn rows(document: &str) -> BTreeMap<&str, String> {
    let mut rows = BTreeMap::new();
    for line in document.lines() {
        let mut columns = line.splitn(4, '|').map(str::trim);
        let (Some(name), Some(client), Some(range), Some(rest)) =
            (columns.next(), columns.next(), columns.next(), columns.next())
        else {
            continue;
        };
        let Some((_, kind)) = rest.rsplit_once("*Type: ") else { continue };
        let client = match client {
            "*" => "all",
            "C" => "consumer",
            "P" => "producer",
            other => panic!("{name}: {other}"),
        };
        let bounds = || range.split_once(" .. ").unwrap();
        let words = || {
            let words = range.split(',').map(str::trim).filter(|word| !word.is_empty());
            words.map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
        };
        let value = match kind.trim_end_matches('*') {
            "string" => "Text".to_owned(),
            "pattern list" => "Patterns".to_owned(),
            "integer" => format!("Integer({}, {})", bounds().0, bounds().1),
            "float" => format!("Float({}.0, {}.0)", bounds().0, bounds().1),
            "boolean" => "Boolean".to_owned(),
            "enum value" => format!("Word(&[{}])", words()),
            "CSV flags" => format!("Words(&[{}])", words()),
            "see dedicated API" => "Code".to_owned(),
            other => panic!("{name}: {other}"),
        };
        rows.entry(name).or_insert_with(|| format!("    {client}({name:?}, {value}),"));
    }
    rows
}

fn row(property: &Property) -> String {
    let client = match property.client {
        Client::All => "all",
        Client::Consumer => "consumer",
        Client::Producer => "producer",
    };
    let value = match property.value {
        Value::Word(words) => format!("Word(&{words:?})"),
        Value::Words(words) => format!("Words(&{words:?})"),
        other => format!("{other:?}"),
    };
    format!("    {client}({:?}, {value}),", property.name)
}

#[test]
fn table_is_that_of_the_document() {
    let document = document();
    let expected: Vec<String> = rows(&document).into_values().collect();
    let actual: Vec<String> = all().iter().map(row).collect();
    assert!(expected == actual, "the table should be:\n{}", expected.join("\n"));
}
