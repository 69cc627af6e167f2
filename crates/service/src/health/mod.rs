//! The health of one pipeline: what it reports to `/readyz`, `/status`, the metrics and the log.
//!
//! The pipelines feed a [`PipelineHealth`] with answers, failures and progress. The decisions are made by types without
//! a clock and without I/O: `ReadinessRule` about readiness, `Outage` and `Repeats` about log lines. Nothing here decides
//! about data or retries.
//!
//! ```text
//! pipeline_health   PipelineHealth: the handle that pipelines report to
//! healths           Healths: one handle for each pipeline of the process
//! readiness_rule    ReadinessRule: is the pipeline ready?
//! outage            Outage: which failures of a part are worth a log line?
//! probe             asks Kafka and Spanner when the pipeline itself has no reason to
//! cause             why something failed
//! service_part      what the pipeline depends on: Kafka, Spanner, the registry
//! ```

mod cause;
mod healths;
mod outage;
mod pipeline_health;
mod probe;
mod readiness_rule;
mod service_part;

pub use healths::Healths;
pub use pipeline_health::PipelineHealth;
pub use service_part::Part;
