use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use super::lock;

/// Which pipelines are at work. Clones share one registry.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    /// The reason why not, or `None` when ready.
    pipelines: Arc<Mutex<BTreeMap<String, Option<String>>>>,
}

impl Readiness {
    /// Adds a pipeline, which is not ready yet. Register all of them before the first becomes ready.
    #[must_use]
    pub fn register(&self, pipeline: impl Into<String>) -> Ready {
        let pipeline = pipeline.into();
        lock(&self.pipelines).insert(pipeline.clone(), Some("starting".to_owned()));
        Ready { readiness: self.clone(), pipeline }
    }

    /// Whether all are ready, and one line for each. Without any pipeline nothing is ready.
    pub(crate) fn report(&self) -> (bool, String) {
        let pipelines = lock(&self.pipelines);
        if pipelines.is_empty() {
            return (false, "no pipeline has registered yet\n".to_owned());
        }
        let mut text = String::new();
        for (pipeline, reason) in pipelines.iter() {
            let reason = reason.as_deref();
            // Writing to a string cannot fail.
            let _ = match reason {
                None => writeln!(text, "{pipeline}: ready"),
                Some(reason) => writeln!(text, "{pipeline}: not ready: {reason}"),
            };
        }
        (pipelines.values().all(Option::is_none), text)
    }
}

/// Held by a pipeline, to say how it fares. What was said last stays when it is dropped.
#[derive(Debug)]
pub struct Ready {
    readiness: Readiness,
    pipeline: String,
}

impl Ready {
    /// The pipeline is at work.
    pub fn ready(&self) {
        self.set(None);
    }

    /// The pipeline is not at work. The reason is shown on `/readyz`: no secrets and no contents.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.set(Some(reason.into()));
    }

    fn set(&self, reason: Option<String>) {
        lock(&self.readiness.pipelines).insert(self.pipeline.clone(), reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_all_are() {
        let readiness = Readiness::default();
        assert!(!readiness.report().0);
        let flights = readiness.register("flights");
        let delays = readiness.register("delays");
        flights.ready();
        assert_eq!(readiness.report(), (false, "delays: not ready: starting\nflights: ready\n".to_owned()));
        delays.ready();
        assert!(readiness.report().0);
        flights.not_ready("position 7 of flights-0 is gone");
        let (ready, text) = readiness.report();
        assert!(!ready && text.contains("flights: not ready: position 7 of flights-0 is gone"));
    }
}
