//! The offline checker: compares a history with what was written, in the manner of Jepsen's Kafka workload
//! (<https://github.com/jepsen-io/jepsen/blob/main/jepsen/src/jepsen/tests/kafka.clj>).
//!
//! All functions are pure. [`check`] is the only entry.

mod anomaly;
mod ingest;
mod publish;

pub(crate) use anomaly::{Anomaly, Direction, Kind};

use crate::history::History;

/// Finds all anomalies of a history.
pub(crate) fn check(history: &History) -> Vec<Anomaly> {
    let mut anomalies = ingest::check(&history.ingest);
    anomalies.extend(publish::check(&history.publish));
    let stalls = history.stalls.iter().map(|stall| Anomaly::new(Direction::Both, Kind::Stalled, stall));
    anomalies.extend(stalls);
    let exits = history.exits.iter().map(|exit| Anomaly::new(Direction::Both, Kind::Exited, exit));
    anomalies.extend(exits);
    anomalies
}
