//! The sample file is valid, and no damage to it makes the reader panic.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::Duration;

use spanbridge_config::{
    Config, CreateTopics, Envelope, Format, Function, IngestTable, OnError, OnGap, PublishStart, WindowKind,
};

fn sample() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/flights.toml")
}

fn text() -> String {
    std::fs::read_to_string(sample()).unwrap()
}

/// Returns the sample, and a file with every key of `[[ingest]]`.
fn texts() -> [String; 2] {
    [text(), include_str!("whole.toml").to_owned()]
}

#[test]
fn sample_is_read_completely() {
    let config = Config::load(sample()).unwrap_or_else(|error| panic!("{error}"));
    config.check_references().unwrap();
    assert_eq!(config.kafka.resolve().unwrap()["security.protocol"], "plaintext");
    assert_eq!(config.kafka.resolve().unwrap()["bootstrap.servers"], "127.0.0.1:9092");
    assert_eq!(config.spanner.database.to_string(), "projects/demo/instances/demo/databases/flights");
    assert_eq!(config.spanner.emulator_host().unwrap(), "127.0.0.1:9010");
    assert_eq!(config.registry.as_ref().unwrap().urls[0].resolve().unwrap(), "http://127.0.0.1:8081");

    let [ingest] = &config.ingest[..] else { panic!("one ingest pipeline") };
    assert_eq!(
        (ingest.key.format, ingest.on_error, ingest.on_gap),
        (Format::String, OnError::DeadLetter, OnGap::Stop)
    );
    assert_eq!((ingest.batch.max_records, ingest.batch.max_bytes), (1000, 2_097_152));
    let [IngestTable::Rows(rows), IngestTable::Aggregates(aggregates)] = &ingest.tables[..] else {
        panic!("rows and aggregates");
    };
    let columns: Vec<_> = rows.columns.iter().map(|mapping| mapping.column.as_str()).collect();
    let order = ["Carrier", "Flight", "Origin", "TimeHour", "DepDelay", "TailNumber", "UpdatedAt"];
    assert_eq!(columns, order, "in file order");
    let window = aggregates.window.as_ref().unwrap();
    assert_eq!(window.kind, WindowKind::Tumbling { size: Duration::from_secs(3600) });
    let sum = &aggregates.aggregates[1];
    assert_eq!((sum.function, sum.argument.as_ref().unwrap().as_str()), (Function::Sum, "value.dep_delay"));
    let span = sum.argument.as_ref().unwrap().span;
    assert_eq!(&text()[span.start..span.end], "value.dep_delay");

    let [publish] = &config.publish[..] else { panic!("one publish pipeline") };
    assert_eq!(publish.topic("Flights"), "delays.Flights");
    assert_eq!(publish.state_topic(), "delays.spanbridge-state");
    assert_eq!(
        publish.create_topics,
        Some(CreateTopics { partitions: 6, replication_factor: 1, config: vec![] })
    );
    assert_eq!((publish.shards, publish.envelope, publish.start), (4, Envelope::Debezium, PublishStart::Now));
}

/// Every Markdown file of the repository, and every example.
fn documents() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = vec![root.join("docs"), root.join("examples")];
    let mut files = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

#[test]
fn every_toml_block_of_the_documentation_parses() {
    const KAFKA: &str = "[kafka]\nbootstrap_servers = \"a:1\"\n";
    const REGISTRY: &str = "[registry]\nurl = \"http://a\"\n";
    const SPANNER: &str = "[spanner]\ndatabase = \"projects/demo/instances/demo/databases/flights\"\n";
    let mut blocks = 0;
    for path in documents().iter().filter(|path| path.extension().is_some_and(|extension| extension == "md"))
    {
        let text = std::fs::read_to_string(path).unwrap();
        for (before, block) in toml_blocks(&text) {
            blocks += 1;
            let name = format!("{}:{}", path.display(), before.matches('\n').count() + 1);
            if !block.trim_start().starts_with('[') {
                // Lines of an entry, whose expressions may read anything.
                let lines: Result<toml::Table, _> = toml::from_str(&block);
                assert!(lines.is_ok(), "{name}: {lines:?}");
                continue;
            }
            let sections = [("[kafka]", KAFKA), ("[registry]", REGISTRY), ("[spanner]", SPANNER)];
            let missing = sections.iter().filter(|(section, _)| !block.contains(section));
            let head: String = missing.map(|(_, text)| *text).collect();
            // A reference to the environment is resolved when the file is loaded.
            let block = block.replace("{ env = \"", "{ file = \"/run/secrets/");
            Config::parse(&name, &format!("{head}{block}")).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    assert!(blocks >= 10, "{blocks} blocks");
}

#[test]
fn every_example_parses() {
    let examples = documents();
    let examples =
        examples.iter().filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let examples = examples.map(|path| Config::load(path).unwrap_or_else(|error| panic!("{error}")));
    assert_eq!(examples.count(), 4);
}

/// The blocks of a page without their indentation, each with the text before it.
fn toml_blocks(page: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    for (at, _) in page.match_indices("```toml\n") {
        let indent = page[..at].rsplit('\n').next().unwrap().len();
        let rest = &page[at + "```toml\n".len()..];
        let block = rest.split("```").next().unwrap();
        let lines = block.lines().map(|line| line.get(indent..).unwrap_or(line.trim_start()));
        blocks.push((&page[..at], lines.collect::<Vec<_>>().join("\n") + "\n"));
    }
    blocks
}

/// Checks that a damaged file causes no panic, and that its mistakes point into the file.
fn survives(text: &str) {
    let Err(error) = Config::parse("flights.toml", text) else { return };
    let lines = text.split('\n').count();
    for mistake in error.mistakes() {
        let (line, column) = mistake.position();
        assert!((1..=lines).contains(&line) && column >= 1, "{error}\n{text}");
        assert!(mistake.span().end <= text.len(), "{error}");
    }
    assert!(error.to_string().starts_with("flights.toml:"));
}

#[test]
fn truncated_files_do_not_panic() {
    for text in texts() {
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            survives(&text[..end]);
            survives(&text[end..]);
        }
    }
}

#[test]
fn changed_bytes_do_not_panic() {
    for text in texts() {
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            let Some(character) = text[at..].chars().next() else { continue };
            let after = &text[at + character.len_utf8()..];
            for replacement in ["", "\"", "{", "]", ".", "\n", "é"] {
                survives(&[&text[..at], replacement, after].concat());
            }
        }
    }
}

#[test]
fn lost_and_doubled_lines_do_not_panic() {
    for text in texts() {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for at in 0..lines.len() {
            survives(&[&lines[..at], &lines[at + 1..]].concat().concat());
            survives(&[&lines[..at], &lines[at..=at], &lines[at..]].concat().concat());
        }
    }
}

#[test]
fn deep_nesting_does_not_panic() {
    survives(&"a=[".repeat(50_000));
    survives(&("a=".to_owned() + &"{a=".repeat(50_000)));
    survives(&("a".to_owned() + &".a".repeat(200_000) + " = 1"));
    survives(&("[a".to_owned() + &".a".repeat(200_000) + "]"));
}
