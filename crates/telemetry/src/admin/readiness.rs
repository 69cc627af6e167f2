//! The pipelines of the process and their state.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};

use super::lock;

/// The registry of the process's pipelines, which `/readyz` and `/status` show. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    pipelines: Arc<Mutex<BTreeMap<String, PipelineState>>>,
}

#[derive(Debug)]
struct PipelineState {
    /// The reason why the pipeline is not ready; `None` if it is.
    reason: Option<String>,
    /// The details that the pipeline reported about its partitions or shards.
    details: Map<String, Value>,
}

impl Readiness {
    /// Adds a pipeline, which is not ready yet. Register all pipelines before the first one becomes ready. A
    /// pipeline of the same name is replaced.
    #[must_use]
    pub fn register(&self, pipeline: impl Into<String>) -> PipelineReadiness {
        let pipeline = pipeline.into();
        let state = PipelineState { reason: Some("starting".to_owned()), details: Map::new() };
        lock(&self.pipelines).insert(pipeline.clone(), state);
        PipelineReadiness { readiness: self.clone(), pipeline }
    }

    /// Returns whether all pipelines are ready, and one line for each. Without pipelines, nothing is ready.
    pub(crate) fn report(&self) -> (bool, String) {
        let pipelines = lock(&self.pipelines);
        if pipelines.is_empty() {
            return (false, "no pipeline has registered yet\n".to_owned());
        }
        let mut text = String::new();
        for (pipeline, state) in pipelines.iter() {
            // Writing to a string cannot fail.
            let _ = match &state.reason {
                None => writeln!(text, "{pipeline}: ready"),
                Some(reason) => writeln!(text, "{pipeline}: not ready: {reason}"),
            };
        }
        (pipelines.values().all(|state| state.reason.is_none()), text)
    }

    /// Returns all pipelines by name: `ready`, `reason` if it is not ready, and the details that the pipeline
    /// reported.
    #[must_use]
    pub fn status(&self) -> Value {
        let pipelines = lock(&self.pipelines);
        let status = pipelines.iter().map(|(pipeline, state)| {
            let mut status = state.details.clone();
            status.insert("ready".to_owned(), json!(state.reason.is_none()));
            if let Some(reason) = &state.reason {
                status.insert("reason".to_owned(), json!(reason));
            }
            (pipeline.clone(), Value::Object(status))
        });
        Value::Object(status.collect())
    }
}

/// The handle of one pipeline in the registry. Its last report stays when the handle is dropped.
#[derive(Debug)]
pub struct PipelineReadiness {
    readiness: Readiness,
    pipeline: String,
}

impl PipelineReadiness {
    /// Reports that the pipeline works.
    pub fn set_ready(&self) {
        self.update(|state| state.reason = None);
    }

    /// Reports that the pipeline does not work. `/readyz` and `/status` show the reason, so it must hold
    /// neither secrets nor data.
    pub fn set_not_ready(&self, reason: impl Into<String>) {
        let reason = reason.into();
        self.update(|state| state.reason = Some(reason));
    }

    /// Replaces one detail that `/status` shows of the pipeline, such as `partitions` or `shards`. It must
    /// hold neither secrets nor data.
    pub fn set_detail(&self, name: &str, value: Value) {
        self.update(|state| {
            state.details.insert(name.to_owned(), value);
        });
    }

    fn update(&self, change: impl FnOnce(&mut PipelineState)) {
        if let Some(state) = lock(&self.readiness.pipelines).get_mut(&self.pipeline) {
            change(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_is_ready_when_all_pipelines_are() {
        let readiness = Readiness::default();
        assert!(!readiness.report().0);
        let flights = readiness.register("flights");
        let delays = readiness.register("delays");
        flights.set_ready();
        assert_eq!(readiness.report(), (false, "delays: not ready: starting\nflights: ready\n".to_owned()));
        delays.set_ready();
        assert!(readiness.report().0);
        flights.set_not_ready("the log no longer holds offset 7 of flights[0]");
        let (is_ready, text) = readiness.report();
        assert!(
            !is_ready && text.contains("flights: not ready: the log no longer holds offset 7 of flights[0]")
        );
    }

    #[test]
    fn status_shows_readiness_reason_and_details() {
        let readiness = Readiness::default();
        let flights = readiness.register("flights");
        assert_eq!(readiness.status(), json!({"flights": {"ready": false, "reason": "starting"}}));
        flights.set_ready();
        flights.set_detail("shards", json!([{"shard": 0}]));
        assert_eq!(readiness.status(), json!({"flights": {"ready": true, "shards": [{"shard": 0}]}}));
        flights.set_detail("shards", json!([]));
        assert_eq!(readiness.status(), json!({"flights": {"ready": true, "shards": []}}));
    }
}
