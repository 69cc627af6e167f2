//! Requests whose only purpose is the answer.
//!
//! A pipeline without work sends no requests, and one whose request hangs gets no answer. A probe asks when the part has
//! not answered for a while, so that readiness and the log know about an outage soon.

use std::convert::Infallible;
use std::time::Duration;

use spanbridge_kafka::{ClientOptions, Offsets};
use spanbridge_schema::{ErrorKind as SchemaKind, Registry};
use spanbridge_spanner::Database;

use super::pipeline_health::PipelineHealth;
use super::service_part::Part;

/// The bounds of the time that an answer may take.
const LEAST_LIMIT: Duration = Duration::from_secs(1);
const MOST_LIMIT: Duration = Duration::from_secs(10);
/// A subject that need not exist.
const SUBJECT: &str = "spanbridge";

impl PipelineHealth {
    /// Asks the brokers about a topic whenever Kafka has not answered for a third of the ready timeout. Any answer
    /// counts, also that the topic does not exist.
    pub async fn probe_kafka(&self, kafka: &ClientOptions, topic: &str) -> Infallible {
        let offsets = match Offsets::new(kafka) {
            Ok(offsets) => offsets,
            // The pipeline itself reports invalid options.
            Err(_) => return std::future::pending().await,
        };
        loop {
            self.silence(Part::Kafka).await;
            let answer = offsets.partition_count(topic, self.probe_limit()).await;
            self.kafka(&answer);
        }
    }

    /// Reads the time of Spanner whenever Spanner has not answered for a third of the ready timeout.
    pub async fn probe_spanner(&self, database: &Database) -> Infallible {
        loop {
            self.silence(Part::Spanner).await;
            let limit = self.probe_limit();
            match tokio::time::timeout(limit, database.now()).await {
                Ok(answer) => self.spanner(&answer),
                Err(_) => self.failed(Part::Spanner, &format!("no answer within {limit:?}")),
            }
        }
    }

    /// Asks the registry during its outages, because a pipeline asks it only for schemas that it does not know. At other
    /// times nothing is sent.
    pub async fn probe_registry(&self, registry: &Registry) -> Infallible {
        loop {
            tokio::time::sleep(self.ready_timeout() / 10).await;
            if !self.is_away(Part::Registry) {
                continue;
            }
            match registry.versions(SUBJECT).await {
                // A principal that may not read this subject may read others: that is no answer to the question.
                Err(error) if error.kind() == SchemaKind::Unauthorized => {}
                Err(error) if error.kind() == SchemaKind::Unavailable => self.registry_failed(&error),
                _ => self.answered(Part::Registry),
            }
        }
    }

    /// Waits until the part has not answered for a while; for a shorter while during an outage.
    async fn silence(&self, part: Part) {
        let timeout = self.ready_timeout();
        loop {
            let longest = if self.is_away(part) { timeout / 10 } else { timeout / 3 };
            tokio::time::sleep(longest / 2).await;
            if self.time_without_answer(part).is_none_or(|time| time >= longest / 2) {
                return;
            }
        }
    }

    fn probe_limit(&self) -> Duration {
        (self.ready_timeout() / 3).clamp(LEAST_LIMIT, MOST_LIMIT)
    }
}
