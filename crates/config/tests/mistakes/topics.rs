//! `topics` and `topics_pattern`.

use super::{assert_mistake, assert_mistakes, assert_valid};

const TOPICS: &str = "topics = [\"flights\"]";

#[test]
fn topics_and_topics_pattern_exclude_each_other() {
    assert_mistakes(&[
        (
            TOPICS,
            "topics = [\"flights\"]\ntopics_pattern = \"^f\"",
            &["14:1: a pipeline has either `topics` or `topics_pattern`, not both"],
        ),
        (
            TOPICS,
            "topics_pattern = \"f\"\ntopics = []",
            &[
                "13:18: `ingest.topics_pattern` does not begin with `^`",
                "14:1: a pipeline has either `topics` or `topics_pattern`, not both",
                "14:10: `ingest.topics` is empty",
            ],
        ),
        (
            TOPICS,
            "topics_patern = \"^f\"",
            &[
                "11:1: `ingest.topics` is missing",
                "13:1: unknown key `topics_patern` in `ingest`; did you mean `topics_pattern`?",
            ],
        ),
    ]);
}

#[test]
fn pattern_must_be_a_posix_expression() {
    let posix = "write a POSIX extended regular expression";
    let classes = "write classes as [0-9], groups as (a|b)";
    let with = |pattern: &str, line: &str, help: &str| {
        assert_mistake(&[(TOPICS, &format!("topics_pattern = '{pattern}'"), line, help)]);
    };
    with(
        "flights",
        "13:18: `ingest.topics_pattern` does not begin with `^`",
        "write it as '^flights\\.', or name the topics in `topics`",
    );
    with("^a(b", "13:21: `ingest.topics_pattern` is not a regular expression: unclosed group", posix);
    with(
        "^a[b",
        "13:21: `ingest.topics_pattern` is not a regular expression: unclosed character class",
        posix,
    );
    let perl = "`ingest.topics_pattern` is not a regular expression: POSIX has no classes such as \\d";
    with("^a\\d+", &format!("13:21: {perl}"), classes);
    with("^a[\\d]", &format!("13:22: {perl}"), classes);
    for (pattern, column, what) in [
        ("^\\pL", 20, "classes such as \\pL"),
        ("^[\\pL]", 21, "classes such as \\pL"),
        ("^(?i)a", 20, "flags"),
        ("^(?:a|b)", 20, "groups that begin with (?"),
        ("^a.*?b", 22, "repetitions that end with ?"),
        ("^a\\b", 21, "assertions such as \\b"),
    ] {
        let line =
            format!("13:{column}: `ingest.topics_pattern` is not a regular expression: POSIX has no {what}");
        with(pattern, &line, classes);
    }
}

#[test]
fn partition_owned_aggregates_of_several_topics_need_the_topic_in_their_key() {
    let pattern = "topics_pattern = '^flights\\.(eu|us)[0-9]{2}$'";
    assert_mistake(&[(
        TOPICS,
        pattern,
        "22:9: aggregates of several topics would share rows of the table `Delays`",
        "add a column with the expression \"topic\" to `group_by`, or write ownership = \"shared\"",
    )]);
    let masked = |mask: &str| {
        let group = format!("group_by = {{ Topic = {{ expr = \"topic\", mask = \"{mask}\" }} }}");
        let text = super::replace_in_base(TOPICS, pattern);
        let text = text.replace("group_by = { Origin = \"value.origin\" }", &group);
        super::error(&text.replace("batch = {", "dead_letters.payload = \"drop\"\nbatch = {")).to_string()
    };
    // These masks may hide the difference between two topics.
    for mask in ["redact", "partial"] {
        assert!(masked(mask).contains("aggregates of several topics"), "{mask}");
    }
    assert_eq!(masked("hash"), "f.toml:24:47: `mask = \"hash\"` needs the pipeline's `mask_key`");
    assert_valid(
        "topics = [\"flights\"]\nbatch = { max_records = 10, max_bytes = \"2MiB\", max_wait = \"50ms\" }\n\
         [[ingest.table]]\ntable = \"Flights\"\nmode = \"upsert\"\n[ingest.table.columns]\n\
         Flight = \"value.flight\"\nOrigin = \"value.origin\"\n[[ingest.table]]\ntable = \"Delays\"\n",
        "topics_pattern = '^f'\n[[ingest.table]]\ntable = \"Delays\"\nownership = \"shared\"\n",
    );
    assert_valid(
        "topics = [\"flights\"]\nbatch = { max_records = 10, max_bytes = \"2MiB\", max_wait = \"50ms\" }\n\
         [[ingest.table]]\ntable = \"Flights\"\nmode = \"upsert\"\n[ingest.table.columns]\n\
         Flight = \"value.flight\"\nOrigin = \"value.origin\"\n[[ingest.table]]\ntable = \"Delays\"\n\
         group_by = { Origin = \"value.origin\" }\n",
        "topics = [\"a\", \"b\"]\n[[ingest.table]]\ntable = \"Delays\"\ngroup_by = { Topic = \" topic \" }\n",
    );
}
