//! Each mistake: its line, its column, what is said and what would be right.
#![allow(clippy::unwrap_used)]

mod aggregates;
mod all_fields;
#[path = "../base/mod.rs"]
mod base;
mod conflicts;
mod decoding;
mod form;
mod later;
mod pipeline;
mod publish;
mod rows;
mod topics;
mod values;
mod versions;
mod windows;

use base::{BASE, error, spoiled};
use spanbridge_config::Config;

/// Each case is what is replaced, by what, and all lines of the error without the file's name.
fn refused(cases: &[(&str, &str, &[&str])]) {
    for (old, new, expected) in cases {
        let found = error(&spoiled(old, new)).to_string();
        let found: Vec<&str> = found.lines().map(|line| line.trim_start_matches("f.toml:")).collect();
        assert_eq!(&found, expected, "{old:?} -> {new:?}");
    }
}

/// Each case is what is replaced, by what, the only line of the error, and its help.
fn explained(cases: &[(&str, &str, &str, &str)]) {
    for (old, new, line, help) in cases {
        let found = error(&spoiled(old, new));
        let first = found.mistakes().next().unwrap().help_text().unwrap().to_owned();
        let found = found.to_string();
        assert_eq!(
            (found.trim_start_matches("f.toml:"), first.as_str()),
            (*line, *help),
            "{old:?} -> {new:?}"
        );
    }
}

/// The base with `old` replaced by `new` is right.
fn accepted(old: &str, new: &str) -> Config {
    let text = spoiled(old, new);
    Config::parse("f.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn the_base_is_right() {
    Config::parse("f.toml", BASE).unwrap();
}

#[test]
fn many_at_once_in_file_order() {
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
