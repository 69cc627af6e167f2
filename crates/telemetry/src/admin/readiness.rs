//! The pipelines of the process and their state.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::lock;
use crate::metrics::{self, gauge};

/// The registry of the process's pipelines, which `/readyz` and `/status` show. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    pipelines: Arc<Mutex<BTreeMap<String, PipelineState>>>,
}

#[derive(Debug)]
struct PipelineState {
    /// The reason why the pipeline is not ready; `None` if it is.
    reason: Option<String>,
    /// The cause of the outage behind the reason, such as `authentication`.
    cause: Option<&'static str>,
    /// The time of the last change between ready and not ready.
    since: SystemTime,
    /// The details that the pipeline reported about its partitions or shards.
    details: Map<String, Value>,
}

impl Readiness {
    /// Adds a pipeline, which is not ready yet, or returns another handle of a known one. Register all pipelines
    /// before the first one becomes ready.
    #[must_use]
    pub fn register(&self, pipeline: impl Into<String>) -> PipelineReadiness {
        let pipeline = pipeline.into();
        lock(&self.pipelines).entry(pipeline.clone()).or_insert_with(|| PipelineState {
            reason: Some("starting".to_owned()),
            cause: None,
            since: SystemTime::now(),
            details: Map::new(),
        });
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
            let since = state.since();
            let cause = state.cause.map(|cause| format!(" (cause: {cause})")).unwrap_or_default();
            // Writing to a string cannot fail.
            let _ = match &state.reason {
                None => writeln!(text, "{pipeline}: ready since {since}"),
                Some(reason) => writeln!(text, "{pipeline}: not ready since {since}: {reason}{cause}"),
            };
        }
        (pipelines.values().all(|state| state.reason.is_none()), text)
    }

    /// Returns all pipelines by name: `ready`, `since`, `reason` and `cause` if it is not ready, and the details that
    /// the pipeline reported.
    #[must_use]
    pub fn status(&self) -> Value {
        let pipelines = lock(&self.pipelines);
        let status = pipelines.iter().map(|(pipeline, state)| {
            let mut status = state.details.clone();
            status.insert("ready".to_owned(), json!(state.reason.is_none()));
            status.insert("since".to_owned(), json!(state.since()));
            if let Some(reason) = &state.reason {
                status.insert("reason".to_owned(), json!(reason));
            }
            if let Some(cause) = state.cause {
                status.insert("cause".to_owned(), json!(cause));
            }
            (pipeline.clone(), Value::Object(status))
        });
        Value::Object(status.collect())
    }
}

impl PipelineState {
    fn set(&mut self, reason: Option<String>, cause: Option<&'static str>) {
        if self.reason.is_none() != reason.is_none() {
            self.since = SystemTime::now();
        }
        (self.reason, self.cause) = (reason, cause);
    }

    fn since(&self) -> String {
        DateTime::<Utc>::from(self.since).to_rfc3339_opts(SecondsFormat::Secs, true)
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
        self.set(None, None);
    }

    /// Reports that the pipeline does not work. `/readyz` and `/status` show the reason, so it must hold
    /// neither secrets nor data.
    pub fn set_not_ready(&self, reason: impl Into<String>) {
        self.set_not_ready_because(None, reason);
    }

    /// Reports that the pipeline does not work, with the cause of the outage behind the reason, such as
    /// `authentication`.
    pub fn set_not_ready_because(&self, cause: Option<&'static str>, reason: impl Into<String>) {
        self.set(Some(reason.into()), cause);
    }

    /// Removes all details.
    pub fn clear_details(&self) {
        self.update(|state| state.details.clear());
    }

    fn set(&self, reason: Option<String>, cause: Option<&'static str>) {
        let is_ready = f64::from(u8::from(reason.is_none()));
        gauge!(metrics::PIPELINE_READY, "pipeline" => self.pipeline.clone()).set(is_ready);
        self.update(|state| state.set(reason, cause));
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

    /// Removes the times, which differ between runs.
    fn without_time(text: &str) -> String {
        let line = |line: &str| {
            let (before, after) = line.split_once(" since ").unwrap();
            assert!(DateTime::parse_from_rfc3339(&after[..20]).is_ok(), "{line}");
            format!("{before}{}\n", &after[20..])
        };
        text.lines().map(line).collect()
    }

    #[test]
    fn process_is_ready_when_all_pipelines_are() {
        let readiness = Readiness::default();
        assert!(!readiness.report().0);
        let flights = readiness.register("flights");
        let delays = readiness.register("delays");
        flights.set_ready();
        let (is_ready, text) = readiness.report();
        assert!(!is_ready);
        assert_eq!(without_time(&text), "delays: not ready: starting\nflights: ready\n");
        delays.set_ready();
        assert!(readiness.report().0);
        flights.set_not_ready_because(Some("timeout"), "Spanner has not answered for 31 s");
        let (is_ready, text) = readiness.report();
        assert!(!is_ready);
        let line = "flights: not ready: Spanner has not answered for 31 s (cause: timeout)";
        assert!(without_time(&text).contains(line), "{text}");
    }

    #[test]
    fn status_shows_readiness_reason_and_details() {
        let readiness = Readiness::default();
        let flights = readiness.register("flights");
        let status = || {
            let mut status = readiness.status();
            assert!(status["flights"]["since"].take().is_string());
            status
        };
        assert_eq!(status(), json!({"flights": {"ready": false, "reason": "starting", "since": null}}));
        flights.set_not_ready_because(Some("tls"), "no");
        let reason = json!({"ready": false, "reason": "no", "cause": "tls", "since": null});
        assert_eq!(status(), json!({ "flights": reason }));
        flights.set_ready();
        flights.set_detail("shards", json!([{"shard": 0}]));
        let ready = json!({"ready": true, "shards": [{"shard": 0}], "since": null});
        assert_eq!(status(), json!({ "flights": ready }));
        flights.set_detail("shards", json!([]));
        assert_eq!(status(), json!({"flights": {"ready": true, "shards": [], "since": null}}));
    }

    #[test]
    fn time_is_that_of_the_last_change() {
        let readiness = Readiness::default();
        let flights = readiness.register("flights");
        let since = || lock(&readiness.pipelines)["flights"].since;
        let start = since();
        flights.set_not_ready("still starting");
        assert_eq!(since(), start);
        flights.set_ready();
        assert!(since() > start);
    }
}
