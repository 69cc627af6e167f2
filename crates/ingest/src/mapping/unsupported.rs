//! What the file may say and this version does not carry out: refused at its place, so that nothing is ignored.

use spanbridge_config::{
    Aggregate, AggregatesTable, Config, Decoding, Error, Evolve, Format, Function, Ingest, IngestTable, Keys,
    Mapping, RowsTable, Span, Subject, Unwrap, Window, WindowKind,
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
        if !matches!(window.kind, WindowKind::Tumbling { .. } | WindowKind::Hopping { .. }) {
            self.value(&window.keys, "kind", window.kind.name(), "tumbling, hopping");
        }
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
