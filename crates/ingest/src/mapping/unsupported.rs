//! What the file may say and this version does not carry out: refused at its place, so that nothing is ignored.

use spanbridge_config::{
    Aggregate, AggregatesTable, Config, Error, Evolve, Function, Ingest, IngestTable, Keys, Span, Window,
    WindowKind,
};

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
        if pipeline.evolve == Evolve::AddColumns {
            self.value(keys, "evolve", "add-columns", "stop");
        }
    }

    fn aggregates(&mut self, table: &AggregatesTable) {
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
