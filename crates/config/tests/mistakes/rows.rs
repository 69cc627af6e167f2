//! Tables with `columns`.

use super::{assert_mistake, assert_mistakes, assert_valid};

const MODE: &str = "mode = \"upsert\"";

#[test]
fn words() {
    assert_mistake(&[
        (
            MODE,
            "mode = \"insrt\"",
            "17:8: `mode = \"insrt\"` is unknown; did you mean `insert`?",
            "one of: upsert, insert, update, delete",
        ),
        (
            MODE,
            "tombstones = \"remove\"",
            "17:14: `tombstones = \"remove\"` is unknown",
            "one of: ignore, dead-letter, delete",
        ),
        (
            MODE,
            "transaction = \"read_write\"",
            "17:15: `transaction = \"read_write\"` is unknown; did you mean `read-write`?",
            "one of: blind, read-write",
        ),
        (
            MODE,
            "delete_when = \" \"",
            "17:15: `ingest.table.delete_when` is empty",
            "give it a value or remove the key",
        ),
        (
            MODE,
            "version = \"Updated At\"",
            "17:11: `ingest.table.version` is not a Spanner identifier",
            "use at most 128 of the characters A-Z a-z 0-9 _, not beginning with a digit",
        ),
    ]);
    assert_mistakes(&[
        (
            MODE,
            "delete_whn = \"true\"",
            &["17:1: unknown key `delete_whn` in `ingest.table`; did you mean `delete_when`?"],
        ),
        (MODE, "version = true", &["17:11: `ingest.table.version` must be a string, not a boolean"]),
    ]);
}

#[test]
fn version_must_be_a_mapped_column_of_a_comparing_mode() {
    assert_mistake(&[
        (
            MODE,
            "version = \"UpdatedAt\"",
            "17:11: `version` names the column `UpdatedAt`, which is not mapped",
            "map it, or name one of: Flight, Origin",
        ),
        (
            MODE,
            "mode = \"insert\"\nversion = \"Origin\"",
            "18:1: `version` has no meaning with `mode = \"insert\"`",
            "an insert never meets an older row: `upsert` keeps the newest",
        ),
        (
            MODE,
            "version = \"Origin\"\nmode = \"update\"",
            "17:1: `version` has no meaning with `mode = \"update\"`",
            "a missing row has no version to compare: `upsert` keeps the newest",
        ),
        (
            MODE,
            "mode = \"delete\"\ndelete_when = \"true\"",
            "18:1: `delete_when` has no meaning with `mode = \"delete\"`",
            "every record deletes its row: select records with `where`",
        ),
    ]);
    for mode in ["upsert", "delete"] {
        assert_valid(MODE, &format!("mode = \"{mode}\"\nversion = \"origin\""));
    }
    for mode in ["upsert", "insert", "update"] {
        assert_valid(MODE, &format!("mode = \"{mode}\"\ndelete_when = \"value.gone\""));
    }
}

#[test]
fn keys_of_the_other_kind_of_table_are_rejected() {
    for key in ["group_by = { A = \"1\" }", "window = {}", "ownership = \"shared\""] {
        let name = key.split(' ').next().unwrap();
        let line = format!("17:1: `{name}` has a meaning only in a table with `aggregates`");
        assert_mistake(&[(MODE, key, &line, &format!("remove `{name}`"))]);
    }
}

#[test]
fn two_mappings_of_one_table_need_filters() {
    let second = "[[ingest.table]]\ntable = \"flights\"\nmode = \"delete\"\nwhere = \"value.gone\"\n\
                  columns = { Flight = \"value.flight\" }\n[[publish]]";
    assert_mistake(&[(
        "[[publish]]",
        second,
        "29:9: two mappings write the table `flights` in conflict",
        "give each of the two a `where`, so that one record does not write its row twice",
    )]);
    let text = super::replace_in_base("[[publish]]", second).replace(MODE, "where = \"!value.gone\"");
    spanbridge_config::Config::parse("f.toml", &text).unwrap();
}
