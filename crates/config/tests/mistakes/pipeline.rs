//! The mistakes in the keys of a pipeline, and in masks, whose key belongs to the pipeline.

use super::base::error;
use super::{BASE, assert_mistake, assert_mistakes};

const BATCH: &str = "batch = {";
const FLIGHT: &str = "Flight = \"value.flight\"";
const MASK_KEY: &str = "mask_key = { env = \"CARGO_PKG_DESCRIPTION\" }\nbatch = {";

#[test]
fn words_and_bounds() {
    for (in_flight, shown) in [("0", "0"), ("65", "65"), ("-1", "-1")] {
        assert_mistake(&[(
            "max_records = 10",
            &format!("max_in_flight = {in_flight}"),
            &format!("14:27: `ingest.batch.max_in_flight` must be from 1 to 64, not {shown}"),
            "choose a value within the bounds",
        )]);
    }
    assert_mistake(&[
        (
            BATCH,
            "watermark = { idle = \"999ms\" }\nbatch = {",
            "14:22: `ingest.watermark.idle` must be from 1s to 1d, not 999ms",
            "choose a value within the bounds",
        ),
        (
            "[[publish]]",
            "[[ingest]]\nname = \"other\"\ntopics = [\"t\"]\nwatermark = { idle = \"1m\" }\n[[ingest.table]]\n\
             table = \"T\"\ncolumns = { A = \"value.a\" }\n[[publish]]",
            "31:13: `watermark` is not used: no table has a `window`",
            "remove it",
        ),
        (
            BATCH,
            "watermark = {}\nbatch = {",
            "14:13: `ingest.watermark.idle` is missing",
            "add `idle = …` to `ingest.watermark`",
        ),
        (
            BATCH,
            "evolve = \"add_columns\"\nbatch = {",
            "14:10: `evolve = \"add_columns\"` is unknown; did you mean `add-columns`?",
            "one of: stop, add-columns",
        ),
    ]);
    assert_mistakes(&[
        (
            BATCH,
            "watermark = \"1m\"\nbatch = {",
            &["14:13: `ingest.watermark` must be a table, not a string"],
        ),
        (
            BATCH,
            "watermark = { idl = \"1m\" }\nbatch = {",
            &[
                "14:13: `ingest.watermark.idle` is missing",
                "14:15: unknown key `idl` in `ingest.watermark`; did you mean `idle`?",
            ],
        ),
    ]);
}

#[test]
fn mask_key_is_present_exactly_if_a_column_is_hashed() {
    let needs = "`mask = \"hash\"` needs the pipeline's `mask_key`";
    let help = "add `mask_key = { file = \"/path\" }` to the pipeline, outside of its tables";
    for (old, new, line, help) in [
        (FLIGHT, "Flight = { expr = \"value.flight\", mask = \"hash\" }", &*format!("20:42: {needs}"), help),
        (
            "{ Origin = \"value.origin\" }",
            "{ Origin = { mask = \"hash\", expr = \"value.origin\" } }",
            &format!("24:32: {needs}"),
            help,
        ),
        (
            BATCH,
            "mask_key = { file = \"/run/secrets/mask\" }\nbatch = {",
            "15:12: `mask_key` is not used",
            "remove it, or give a column mask = \"hash\"",
        ),
        (
            FLIGHT,
            "Flight = { expr = \"value.flight\", mask = \"hsh\" }",
            "20:42: `mask = \"hsh\"` is unknown; did you mean `hash`?",
            "one of: hash, redact, partial",
        ),
        (
            FLIGHT,
            "Flight = { mask = \"redact\" }",
            "20:10: `ingest.table.columns.Flight.expr` is missing",
            "add `expr = …` to `ingest.table.columns.Flight`",
        ),
        (
            FLIGHT,
            "Flight = { expr = \"value.flight\", masks = \"hash\" }",
            "20:35: unknown key `masks` in `ingest.table.columns.Flight`; did you mean `mask`?",
            "known here: expr, mask",
        ),
    ] {
        let text = BASE.replace(BATCH, "dead_letters = { payload = \"drop\" }\nbatch = {").replace(old, new);
        let error = error(&text);
        assert_eq!(error.to_string(), format!("f.toml:{line}"));
        assert_eq!(error.mistakes().next().unwrap().help_text(), Some(help));
    }
    let both = BASE
        .replace(BATCH, &format!("dead_letters = {{ payload = \"drop\" }}\n{MASK_KEY}"))
        .replace(FLIGHT, "Flight = { expr = \"value.flight\", mask = \"redact\" }");
    // Cargo sets the variable, and this package has no description.
    let lines = "f.toml:15:12: `ingest.mask_key`, from the environment variable `CARGO_PKG_DESCRIPTION`, is shorter than 16 bytes";
    assert_eq!(error(&both).to_string(), lines);
}

#[test]
fn masks_need_a_decision_about_dead_letters() {
    assert_mistake(&[(
        FLIGHT,
        "Flight = { expr = \"value.flight\", mask = \"redact\" }",
        "19:42: a pipeline with masks must say how dead letters hold records, masked fields included",
        "add `dead_letters = { payload = \"drop\" }`, \"encrypt\" or \"keep\" to the pipeline, outside of its tables",
    )]);
}

#[test]
fn dead_letters_have_a_key_exactly_if_they_are_encrypted() {
    let kms = "kms = \"projects/p/locations/l/keyRings/r/cryptoKeys/k\"";
    for (keys, line) in [
        ("", "14:16: `ingest.dead_letters.payload` is missing".to_owned()),
        (
            "payload = \"encrypted\"",
            "14:28: `payload = \"encrypted\"` is unknown; did you mean `encrypt`?".to_owned(),
        ),
        ("payload = \"encrypt\"", "14:16: `ingest.dead_letters` encrypts without a key".to_owned()),
        (&format!("payload = \"drop\", {kms}"), "14:36: only `payload = \"encrypt\"` needs a key".to_owned()),
        ("payload = \"keep\", kms_endpoint = \"http://a\"", "14:36: `kms_endpoint` needs `kms`".to_owned()),
        (
            &format!("payload = \"encrypt\", encryption_key = {{ file = \"/k\" }}, {kms}"),
            "14:39: `encryption_key` and `kms` exclude each other".to_owned(),
        ),
        (
            "payload = \"encrypt\", kms = \"projects/p\"",
            "14:45: `ingest.dead_letters.kms` is not the name of a key".to_owned(),
        ),
        (
            "payload = \"encrypt\", encryption_key = \"hunter2\"",
            "14:56: `ingest.dead_letters.encryption_key` is a secret, which the file must not contain"
                .to_owned(),
        ),
    ] {
        let line_of_keys = format!("dead_letters = {{ {keys} }}\nbatch = {{");
        let error = error(&BASE.replace(BATCH, &line_of_keys));
        assert_eq!(error.to_string(), format!("f.toml:{line}"));
    }
}
