//! What the file may say and this version does not carry out: refused at its place, so that nothing is ignored.

use spanbridge_config::{AggregatesTable, Config, Error, Ingest, IngestTable, Keys, Span};

pub(super) const UNSUPPORTED: &str = "SB-INGEST-007";

/// Every key of the pipeline whose value is not carried out.
pub(super) fn unsupported(config: &Config, pipeline: &Ingest) -> Vec<Error> {
    let mut refusals = Refusals { config, errors: Vec::new() };
    refusals.pipeline(pipeline);
    for table in &pipeline.tables {
        if let IngestTable::Aggregates(table) = table {
            refusals.aggregates(table);
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
        self.given(keys, "watermark", "remove it: no window is late");
    }

    fn aggregates(&mut self, table: &AggregatesTable) {
        if let Some(window) = &table.window {
            self.given(&window.keys, "final", "remove it");
        }
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
        let text = r#"topics = ["t"]
watermark = { idle = "1m" }
[[ingest.table]]
table = "T"
window = { kind = "tumbling", size = "1m", time = "value.at", start = "S", final = "F" }
aggregates = { N = "approx_distinct(value.x)" }
"#;
        let expected = ["2:13 `watermark`", "5:84 `final`"];
        assert_eq!(refused(text), expected);
    }

    #[test]
    fn what_is_carried_out_is_not_refused() {
        let text = r#"topics_pattern = "^t"
key = { format = "json" }
value = { format = "protobuf", subject = "record-name", record = "R", unwrap = "debezium" }
batch = { max_in_flight = 5 }
mask_key = { env = "PATH" }
[[ingest.table]]
table = "T"
tombstones = "delete"
delete_when = "true"
version = "A"
columns = { A = { expr = "1", mask = "hash" } }
[[ingest.table]]
table = "U"
ownership = "shared"
group_by = { T = "topic" }
window = { kind = "session", gap = "1m", time = "value.at", start = "S", end = "E", late = "drop", grace = "1m" }
aggregates = { N = { expr = "count()", where = "true" }, A = "avg(value.x)" }
"#;
        assert_eq!(refused(text), [] as [&str; 0]);
    }
}
