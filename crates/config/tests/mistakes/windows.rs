//! `window`.

use super::{assert_mistake, assert_mistakes, assert_valid};

const WINDOW: &str = "kind = \"tumbling\", size = \"1h\",";

#[test]
fn words_and_bounds() {
    let bounds = "choose a value within the bounds";
    assert_mistake(&[
        (
            WINDOW,
            "kind = \"tumblng\", size = \"1h\",",
            "24:19: `kind = \"tumblng\"` is unknown; did you mean `tumbling`?",
            "one of: tumbling, hopping, sliding, session",
        ),
        (
            WINDOW,
            "late = \"dropped\", kind = \"tumbling\", size = \"1h\",",
            "24:19: `late = \"dropped\"` is unknown",
            "one of: update, drop, dead-letter",
        ),
        (
            WINDOW,
            "grace = \"367d\", kind = \"tumbling\", size = \"1h\",",
            "24:20: `ingest.table.window.grace` must be from 0s to 366d, not 367d",
            bounds,
        ),
        (
            WINDOW,
            "final = \"is final\", kind = \"tumbling\", size = \"1h\",",
            "24:20: `ingest.table.window.final` is not a Spanner identifier",
            "use at most 128 of the characters A-Z a-z 0-9 _, not beginning with a digit",
        ),
        (
            WINDOW,
            "kind = \"session\", gap = \"0s\", end = \"WindowEnd\",",
            "24:36: `ingest.table.window.gap` must be from 1ms to 366d, not 0s",
            bounds,
        ),
        (
            WINDOW,
            "kind = \"hopping\", size = \"1h\", advance = \"999us\",",
            "24:53: `ingest.table.window.advance` must be from 1ms to 366d, not 999us",
            bounds,
        ),
        (
            WINDOW,
            "kind = \"hopping\", size = \"1h\", advance = \"61m\",",
            "24:53: `ingest.table.window.advance` is larger than `size`",
            "choose at most `size`, so that no record falls between two windows",
        ),
        (
            WINDOW,
            "kind = \"hopping\", size = \"1h\", advance = \"3599ms\",",
            "24:53: `ingest.table.window.advance` is less than a thousandth of `size`",
            "a record is in `size / advance` windows: at most 1000",
        ),
    ]);
    for advance in ["1h", "3600ms"] {
        assert_valid(WINDOW, &format!("kind = \"hopping\", size = \"1h\", advance = \"{advance}\","));
    }
}

#[test]
fn each_kind_of_window_has_its_keys() {
    assert_mistakes(&[
        (WINDOW, "kind = \"tumbling\",", &["24:10: `ingest.table.window.size` is missing"]),
        (WINDOW, "kind = \"hopping\", size = \"1h\",", &["24:10: `ingest.table.window.advance` is missing"]),
        (WINDOW, "kind = \"sliding\", size = \"1h\",", &["24:10: `ingest.table.window.latest` is missing"]),
        (
            WINDOW,
            "kind = \"session\",",
            &["24:10: `ingest.table.window.gap` is missing", "24:10: `ingest.table.window.end` is missing"],
        ),
        // While the kind is unknown, no other key is reported.
        (
            WINDOW,
            "kind = \"ssession\", gap = \"1h\", end = \"E\",",
            &["24:19: `kind = \"ssession\"` is unknown; did you mean `session`?"],
        ),
        (WINDOW, "size = \"1h\", gap = \"1h\",", &["24:10: `ingest.table.window.kind` is missing"]),
    ]);
    assert_mistake(&[
        (
            WINDOW,
            "kind = \"session\", gap = \"1h\", end = \"E\", size = \"1h\",",
            "24:53: `size` has a meaning only with `kind = \"tumbling\"`, `kind = \"hopping\"`, `kind = \"sliding\"`",
            "remove `size`",
        ),
        (
            WINDOW,
            "kind = \"tumbling\", size = \"1h\", advance = \"1h\",",
            "24:44: `advance` has a meaning only with `kind = \"hopping\"`",
            "remove `advance`",
        ),
        (
            WINDOW,
            "kind = \"hopping\", size = \"1h\", advance = \"1h\", latest = \"L\",",
            "24:59: `latest` has a meaning only with `kind = \"sliding\"`",
            "remove `latest`",
        ),
        (
            WINDOW,
            "kind = \"sliding\", size = \"1h\", latest = \"L\", gap = \"1h\",",
            "24:57: `gap` has a meaning only with `kind = \"session\"`",
            "remove `gap`",
        ),
        (
            WINDOW,
            "kind = \"tumbling\", size = \"1h\", end = \"E\",",
            "24:44: `end` has a meaning only with `kind = \"session\"`",
            "remove `end`",
        ),
    ]);
}

#[test]
fn window_columns_must_be_unique() {
    let twice = |name: &str, column: u32| {
        (format!("24:{column}: the column `{name}` appears twice"), "rename or remove one of them")
    };
    for (window, name, column) in [
        ("kind = \"tumbling\", size = \"1h\", final = \"Origin\",", "Origin", 52),
        ("kind = \"sliding\", size = \"1h\", latest = \"Origin\",", "Origin", 52),
        ("kind = \"session\", gap = \"1h\", end = \"Origin\",", "Origin", 48),
    ] {
        let (line, help) = twice(name, column);
        assert_mistake(&[(WINDOW, window, &line, help)]);
    }
    assert_mistakes(&[
        (
            WINDOW,
            "kind = \"session\", gap = \"1h\", end = \"windowstart\",",
            &["24:48: the column `windowstart` appears twice"],
        ),
        (
            WINDOW,
            "kind = \"session\", gap = \"1h\", end = \"DelaySum\",",
            &["27:1: the column `DelaySum` appears twice"],
        ),
        (
            WINDOW,
            "kind = \"tumbling\", size = \"1h\", final = \"SourcePartition\",",
            &["24:52: the column `SourcePartition` is added by the bridge to every aggregate table"],
        ),
    ]);
}
