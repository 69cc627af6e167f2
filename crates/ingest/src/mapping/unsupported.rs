//! What the file may say and this version does not carry out: refused at its place, so that nothing is ignored.

use spanbridge_config::{
    Aggregate, AggregatesTable, Config, Decoding, Error, Evolve, Format, Function, Ingest, IngestTable, Keys,
    Mapping, RowsTable, Span, Subject, Unwrap, Window,
};

pub(super) const UNSUPPORTED: &str = "SB-INGEST-007";

/// Every key of the pipeline whose value is not carried out.
pub(super) fn unsupported(config: &Config, pipeline: &Ingest) -> Vec<Error> {
    let mut refusals = Refusals { config, errors: Vec::new() };
    refusals.pipeline(pipeline);
    for table in &pipeline.tables {
        match table {
            IngestTable::Rows(rows) => refusals.rows(rows),
            IngestTable::Aggregates(table) => refusals.aggregates(table),
        }
    }
    refusals.errors
}

struct Refusals<'a> {
    config: &'a Config,
    errors: Vec<Error>,
}

impl Refusals<'_> {
    fn pipeline(&mut self, pipeline: &Ingest) {
        let keys = &pipeline.keys;
        self.decoding(
            &pipeline.key,
            &[Format::String, Format::Avro, Format::Int64, Format::Bytes, Format::None],
        );
        self.decoding(&pipeline.value, &[Format::Avro]);
        self.given(keys, "watermark", "remove it: no window is late");
        if pipeline.evolve == Evolve::AddColumns {
            self.value(keys, "evolve", "add-columns", "stop");
        }
    }

    fn decoding(&mut self, decoding: &Decoding, decoded: &[Format]) {
        if !decoded.contains(&decoding.format) {
            let supported: Vec<_> = decoded.iter().map(|format| format.name()).collect();
            self.value(&decoding.keys, "format", decoding.format.name(), &supported.join(", "));
        }
        if decoding.subject != Subject::TopicName {
            let span = decoding.keys.span("subject");
            self.refuse(span, "a `subject` other than \"topic-name\"", "remove it: schemas go by their ids");
        }
        if decoding.unwrap == Unwrap::Debezium {
            self.value(&decoding.keys, "unwrap", "debezium", "none");
        }
    }

    fn rows(&mut self, table: &RowsTable) {
        self.masks(&table.columns);
    }

    fn aggregates(&mut self, table: &AggregatesTable) {
        self.masks(&table.group_by);
        if let Some(window) = &table.window {
            self.window(window);
        }
        for aggregate in &table.aggregates {
            self.aggregate(aggregate);
        }
    }

    fn window(&mut self, window: &Window) {
        self.given(&window.keys, "final", "remove it");
    }

    fn aggregate(&mut self, aggregate: &Aggregate) {
        if aggregate.function == Function::ApproxDistinct {
            self.refuse(aggregate.span, "the aggregate `approx_distinct`", "use another aggregate");
        }
    }

    fn masks(&mut self, mappings: &[Mapping]) {
        for mapping in mappings {
            self.given(&mapping.keys, "mask", "remove it: this version masks no values");
        }
    }

    fn value(&mut self, keys: &Keys, key: &str, value: &str, supported: &str) {
        self.refuse(keys.span(key), &format!("`{key} = \"{value}\"`"), &format!("supported: {supported}"));
    }

    fn given(&mut self, keys: &Keys, key: &str, help: &str) {
        if keys.has(key) {
            self.refuse(keys.span(key), &format!("`{key}`"), help);
        }
    }

    fn refuse(&mut self, span: Span, what: &str, help: &str) {
        let message = format!("{what} is not supported by this version");
        self.errors.push(self.config.error_at(span, UNSUPPORTED, message, help));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[kafka]\nbootstrap_servers = \"127.0.0.1:1\"\n[spanner]\n\
        database = \"projects/demo/instances/demo/databases/flights\"\n[registry]\nurl = \"http://127.0.0.1:1\"\n\
        [[ingest]]\nname = \"p\"\n";

    /// What is refused, without the file's name; lines count from below the pipeline's name.
    fn refused(text: &str) -> Vec<String> {
        let config = Config::parse("b.toml", &format!("{HEAD}{text}")).unwrap();
        let errors = unsupported(&config, &config.ingest[0]);
        let line = |error: &Error| {
            let (line, column) = error.position();
            let mistake = error.mistakes().next().unwrap();
            assert_eq!(mistake.kind().code(), UNSUPPORTED);
            let message = mistake.message().strip_suffix(" is not supported by this version").unwrap();
            format!("{}:{column} {message}", line - HEAD.lines().count())
        };
        errors.iter().map(line).collect()
    }

    #[test]
    fn a_pipeline_is_refused_key_by_key() {
        let text = r#"topics_pattern = "^t"
key = { format = "json" }
value = { format = "protobuf", subject = "record-name", record = "R", unwrap = "debezium" }
batch = { max_in_flight = 5 }
watermark = { idle = "1m" }
evolve = "add-columns"
table = [{ table = "T", columns = { A = "1" } }]
"#;
        let expected = [
            "1:18 `topics_pattern`",
            "2:18 `format = \"json\"`",
            "3:20 `format = \"protobuf\"`",
            "3:42 a `subject` other than \"topic-name\"",
            "3:80 `unwrap = \"debezium\"`",
            "4:9 more `max_in_flight` than the default",
            "5:13 `watermark`",
            "6:10 `evolve = \"add-columns\"`",
        ];
        assert_eq!(refused(text), expected);
    }

    #[test]
    fn rows_are_refused_key_by_key() {
        let text = r#"topics = ["t"]
[[ingest.table]]
table = "T"
mode = "update"
tombstones = "delete"
delete_when = "true"
transaction = "read-write"
columns = { A = { expr = "1", mask = "redact" }, B = { expr = "2" } }
[[ingest.table]]
table = "U"
version = "A"
columns = { A = "1" }
"#;
        let expected = [
            "4:8 `mode = \"update\"`",
            "5:14 `tombstones = \"delete\"`",
            "6:15 `delete_when`",
            "7:15 `transaction = \"read-write\"`",
            "8:38 `mask`",
            "11:11 `version`",
        ];
        assert_eq!(refused(text), expected);
    }

    #[test]
    fn aggregates_are_refused_key_by_key() {
        let text = r#"topics = ["t"]
[[ingest.table]]
table = "T"
ownership = "shared"
group_by = { A = { expr = "1", mask = "partial" } }
[ingest.table.window]
kind = "session"
gap = "1m"
time = "value.at"
start = "S"
end = "E"
late = "drop"
grace = "1m"
final = "F"
[ingest.table.aggregates]
N = { expr = "count()", where = "true" }
X = "avg(value.x)"
"#;
        let expected = [
            "4:13 `ownership = \"shared\"`",
            "5:39 `mask`",
            "7:8 `kind = \"session\"`",
            "12:8 `late = \"drop\"`",
            "13:9 `grace`",
            "14:9 `final`",
            "16:33 an aggregate's `where`",
            "17:6 the aggregate `avg`",
        ];
        assert_eq!(refused(text), expected);
    }

    #[test]
    fn what_is_carried_out_is_not_refused() {
        let text = r#"topics = ["t"]
key = { format = "bytes", }
value = { format = "avro", subject = "topic-name", unwrap = "none" }
batch = { max_in_flight = 1 }
evolve = "stop"
[[ingest.table]]
table = "T"
mode = "upsert"
transaction = "blind"
columns = { A = { expr = "1" } }
[[ingest.table]]
table = "U"
ownership = "partition"
window = { kind = "tumbling", size = "1m", time = "value.at", start = "S", late = "update" }
aggregates = { N = "count()", A = "sum(value.x)", B = "min(value.x)", C = "max(value.x)" }
"#;
        assert!(refused(text).is_empty());
    }
}
