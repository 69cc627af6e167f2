//! Tables with `aggregates`.

use super::{assert_mistake, assert_mistakes, assert_valid};

const SUM: &str = "\"sum(value.delay)\"";
const GROUP: &str = "group_by =";

#[test]
fn calls() {
    let quantile = "write approx_quantile(value.x, 0.99)";
    let second = "27:38: `approx_quantile` takes as its second argument a number between 0 and 1";
    assert_mistake(&[
        (
            SUM,
            "\"approx_quantiles(value.delay, 0.5)\"",
            "27:13: unknown aggregate `approx_quantiles`; did you mean `approx_quantile`?",
            "one of: count, sum, min, max, avg, first, last, approx_distinct, approx_quantile",
        ),
        (SUM, "\"avg()\"", "27:13: `avg` needs an argument", "write avg(value.x)"),
        (SUM, "\"last(value.a, value.b)\"", "27:13: `last` takes one argument", "write last(value.x)"),
        (SUM, "\"first(value.a, )\"", "27:13: `first` takes one argument", "write first(value.x)"),
        (
            SUM,
            "\"count(value.a, value.b)\"",
            "27:13: `count` counts records and takes no argument",
            "write count(); `where` selects records",
        ),
        (SUM, "\"approx_quantile(value.a)\"", "27:13: `approx_quantile` takes two arguments", quantile),
        (SUM, "\"approx_quantile(, 0.5)\"", "27:13: `approx_quantile` takes two arguments", quantile),
        (SUM, "\"approx_quantile(a, 0.5, 1)\"", "27:13: `approx_quantile` takes two arguments", quantile),
    ]);
    for invalid in ["0", "1", "1.5", "-0.5", "NaN", "inf", "value.q", "99"] {
        assert_mistake(&[(SUM, &format!("\"approx_quantile(value.a, {invalid})\""), second, quantile)]);
    }
    assert_mistakes(&[
        (SUM, "{ where = \"true\" }", &["27:12: `ingest.table.aggregates.DelaySum.expr` is missing"]),
        (
            SUM,
            "{ expr = \"sum(value.delay)\", where = \"\", mask = \"hash\" }",
            &[
                "27:49: `ingest.table.aggregates.DelaySum.where` is empty",
                "27:53: unknown key `mask` in `ingest.table.aggregates.DelaySum`",
            ],
        ),
        (
            SUM,
            "{ expr = \"sum(value.delay\", where = \"true\" }",
            &["27:21: `ingest.table.aggregates.DelaySum.expr` is not one call of an aggregate function"],
        ),
    ]);
}

#[test]
fn companion_columns_must_be_unique() {
    let other = "rename one of them";
    for (column, function, companion) in [
        ("Flights", "avg", "FlightsCount"),
        ("Flights", "avg", "FlightsSum"),
        ("Flights", "first", "FlightsAt"),
        ("Flights", "last", "FlightsAt"),
        ("Flights", "approx_distinct", "FlightsSketch"),
    ] {
        let named = companion.to_uppercase();
        let line = format!("28:1: `{function}` keeps a column `{companion}`, which appears twice");
        let new =
            format!("{named} = \"count()\"\n{column}2 = \"count()\"\n{column} = \"{function}(value.a)\"");
        assert_mistake(&[("Flights = \"count()\"", &new, &line, other)]);
    }
    let text = super::replace_in_base(SUM, "\"last(value.delay)\"").replace("WindowStart", "DelaySumAt");
    let line = "f.toml:27:1: `last` keeps a column `DelaySumAt`, which appears twice";
    assert_eq!(super::error(&text).to_string(), line);

    let long = "A".repeat(123);
    assert_mistake(&[(
        "DelaySum = \"sum(value.delay)\"",
        &format!("{long} = \"approx_distinct(value.delay)\""),
        &format!("27:1: the column `{long}Sketch`, which `approx_distinct` needs, would be too long"),
        "a name has at most 128 characters: shorten the aggregate's",
    )]);
    assert_valid("DelaySum = \"sum(value.delay)\"", &format!("{long} = \"avg(value.delay)\""));
}

#[test]
fn transaction_must_match_the_ownership() {
    assert_mistake(&[
        (
            GROUP,
            "ownership = \"all\"\ngroup_by =",
            "23:13: `ownership = \"all\"` is unknown",
            "one of: partition, shared",
        ),
        (
            GROUP,
            "ownership = \"shared\"\ntransaction = \"blind\"\ngroup_by =",
            "24:15: `transaction = \"blind\"` contradicts `ownership = \"shared\"`",
            "remove it: a row that all partitions write must be read and locked first",
        ),
        (
            GROUP,
            "transaction = \"read-write\"\ngroup_by =",
            "23:15: `transaction = \"read-write\"` contradicts `ownership = \"partition\"`",
            "remove it: a row with one owner needs no lock; or write ownership = \"shared\"",
        ),
    ]);
    assert_mistakes(&[(
        GROUP,
        "ownership = \"shard\"\ntransaction = \"blnd\"\ngroup_by =",
        &[
            "23:13: `ownership = \"shard\"` is unknown; did you mean `shared`?",
            "24:15: `transaction = \"blnd\"` is unknown; did you mean `blind`?",
        ],
    )]);
    assert_valid(GROUP, "ownership = \"shared\"\ntransaction = \"read-write\"\ngroup_by =");
    assert_valid(GROUP, "transaction = \"blind\"\ngroup_by =");
    // The name is available if the bridge adds no such column.
    assert_valid(
        "group_by = { Origin = \"value.origin\" }",
        "ownership = \"shared\"\ngroup_by = { SourcePartition = \"partition\" }",
    );
}

#[test]
fn keys_of_the_other_kind_of_table_are_rejected() {
    for key in ["mode = \"upsert\"", "version = \"A\"", "delete_when = \"true\""] {
        let name = key.split(' ').next().unwrap();
        let line = format!("23:1: `{name}` has a meaning only in a table with `columns`");
        assert_mistake(&[(GROUP, &format!("{key}\ngroup_by ="), &line, &format!("remove `{name}`"))]);
    }
    assert_mistake(&[(
        GROUP,
        "tombstones = \"delete\"\ngroup_by =",
        "23:14: `tombstones = \"delete\"` has a meaning only in a table with `columns`",
        "a record cannot be removed from an aggregate: write \"ignore\" or \"dead-letter\"",
    )]);
}
