//! Tests of every mistake: line, column, message and help.
#![allow(clippy::unwrap_used)]

mod aggregates;
mod all_fields;
#[path = "../base/mod.rs"]
mod base;
mod conflicts;
mod decoding;
mod kafka_properties;
mod pipeline;
mod publish;
mod registry;
mod rows;
mod spanner;
mod toml_syntax;
mod topics;
mod unsupported;
mod values;
mod versions;
mod windows;

use base::{BASE, error, replace_in_base};
use spanbridge_config::Config;

/// Checks all lines of an error. Each case is the replaced text, the new text, and the lines without the name
/// of the file.
fn assert_mistakes(cases: &[(&str, &str, &[&str])]) {
    for (old, new, expected) in cases {
        let found = error(&replace_in_base(old, new)).to_string();
        let found: Vec<&str> = found.lines().map(|line| line.trim_start_matches("f.toml:")).collect();
        assert_eq!(&found, expected, "{old:?} -> {new:?}");
    }
}

/// Checks a single mistake. Each case is the replaced text, the new text, the line of the error, and its
/// help.
fn assert_mistake(cases: &[(&str, &str, &str, &str)]) {
    for (old, new, line, help) in cases {
        let found = error(&replace_in_base(old, new));
        let first = found.mistakes().next().unwrap().help_text().unwrap().to_owned();
        let found = found.to_string();
        assert_eq!(
            (found.trim_start_matches("f.toml:"), first.as_str()),
            (*line, *help),
            "{old:?} -> {new:?}"
        );
    }
}

/// Checks that the base with `old` replaced by `new` is valid.
fn assert_valid(old: &str, new: &str) -> Config {
    let text = replace_in_base(old, new);
    Config::parse("f.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn base_is_valid() {
    Config::parse("f.toml", BASE).unwrap();
}

#[test]
fn all_mistakes_are_reported_in_file_order() {
    let text = BASE
        .replace("shards = 4", "shards = 0")
        .replace("mode = \"upsert\"", "mode = \"delet\"")
        .replace("log = \"info\"", "colour = \"info\"")
        .replace("sum(value.delay)", "lst(value.delay)");
    let found = error(&text).to_string();
    assert_eq!(
        found.lines().collect::<Vec<_>>(),
        [
            "f.toml:10:1: unknown key `colour` in `telemetry`",
            "f.toml:17:8: `mode = \"delet\"` is unknown; did you mean `delete`?",
            "f.toml:27:13: unknown aggregate `lst`; did you mean `last`?",
            "f.toml:33:10: `publish.shards` must be from 1 to 256, not 0"
        ]
    );
}
