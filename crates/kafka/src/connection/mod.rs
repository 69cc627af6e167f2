//! The state of the connections of a process's clients.
//!
//! The contexts of all clients that come from the same [`ClientOptions`](crate::ClientOptions) report librdkafka's log
//! lines and statistics here. So every
//! error that means "no answer" can name the cause.

mod failure;
mod outages;
mod repeated_lines;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::Statistics;
use rdkafka::config::RDKafkaLogLevel as Level;

use crate::error::{Error, ErrorKind};
use crate::log;
use failure::Failure;
use outages::{Line, Outages};
use repeated_lines::RepeatedLines;

/// The property `statistics.interval.ms` of clients whose statistics only tell which brokers they are connected to.
pub(crate) const CONNECTION_STATISTICS_MS: &str = "5000";
/// The facility of log lines about failed connections.
pub(crate) const FAILED_CONNECTION: &str = "FAIL";

/// Why the brokers do not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// The broker, the cause, and what to do.
    pub description: String,
    /// The kind of the errors that this outage causes: `Authentication`, `Tls` or `Unavailable`.
    pub kind: ErrorKind,
    /// The number of failed connections that librdkafka has reported.
    pub failures: u64,
    /// The time since the first of them.
    pub elapsed: Duration,
}

/// The connections of all clients of a process to one cluster.
#[derive(Default)]
pub(crate) struct Connection {
    outages: Mutex<Outages>,
    lines: Mutex<RepeatedLines>,
}

impl Connection {
    /// Logs a line of librdkafka, which contains no secrets.
    pub(crate) fn log(&self, level: Level, facility: &str, message: &str) {
        if facility == FAILED_CONNECTION {
            log::forward(Level::Info, facility, message);
            if let Some(failure) = Failure::parse(level, message) {
                let line = lock(&self.outages).fail(failure, Instant::now());
                self.log_outage(line);
            }
            return;
        }
        let repetition = lock(&self.lines).count(level, facility, message, Instant::now());
        match repetition {
            Some(0) => log::forward(level, facility, message),
            Some(suppressed) => {
                log::forward(level, facility, &format!("{message} ({suppressed} similar lines suppressed)"));
            }
            None => log::forward(Level::Debug, facility, message),
        }
    }

    /// Learns from a client's statistics which brokers it is connected to.
    pub(crate) fn observe(&self, statistics: &Statistics) {
        let now = Instant::now();
        let up =
            statistics.brokers.values().filter(|broker| matches!(broker.state.as_str(), "UP" | "UPDATE"));
        for broker in up {
            let age = Duration::from_micros(u64::try_from(broker.stateage).unwrap_or(0));
            let connected = now.checked_sub(age).unwrap_or(now);
            let line = lock(&self.outages).connect(&broker.nodename, connected, now);
            self.log_outage(line);
        }
    }

    /// Returns why the brokers do not answer, if that is known.
    pub(crate) fn outage(&self) -> Option<Outage> {
        let outages = lock(&self.outages);
        outages.explanation(Instant::now()).map(|(failure, failures, elapsed)| Outage {
            description: failure.to_string(),
            kind: failure.cause.kind(),
            failures,
            elapsed,
        })
    }

    /// Adds the cause to an error that means "no answer".
    pub(crate) fn explain(&self, error: Error) -> Error {
        match self.outage() {
            Some(outage) if error.kind() == ErrorKind::Unavailable => error.because(&outage),
            _ => error,
        }
    }

    /// Logs the outage of one broker for debugging. The service logs the outage of Kafka, once for each pipeline that it
    /// affects.
    fn log_outage(&self, line: Option<Line>) {
        match line {
            None => {}
            Some(Line::Away(failure)) => {
                let code = failure.cause.kind().code();
                tracing::debug!(code, "Kafka: {failure}. The clients retry");
            }
            Some(Line::StillAway { failure, failures, elapsed }) => {
                let code = failure.cause.kind().code();
                tracing::debug!(code, failures, elapsed_s = elapsed.as_secs(), "Kafka: still {failure}");
            }
            Some(Line::Back { broker, failures, elapsed }) => {
                tracing::debug!(failures, elapsed_s = elapsed.as_secs(), "Kafka: broker {broker} is back");
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
