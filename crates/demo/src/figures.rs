//! The figures of a run, printed as a table for people and as JSON for scripts.

use std::fmt;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use super::fleet::FleetSummary;
use super::latency::Latency;

/// All figures of a run. The field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figures {
    pub(super) seed: u64,
    pub(super) workers_each: usize,
    pub(super) produced: Throughput,
    pub(super) ingested: Throughput,
    pub(super) published: Throughput,
    /// The time from a flight's record to the Spanner commit that applies it.
    pub(super) kafka_to_spanner: Option<Latency>,
    /// The time from a Spanner commit to the creation of its records by publish.
    pub(super) spanner_to_kafka: Option<Latency>,
    /// The time from a Spanner commit to the end of the Kafka transaction, by the histogram of publish.
    pub(super) commit_to_transaction_end: Option<Latency>,
    pub(super) ingest: IngestFigures,
    pub(super) publish: PublishFigures,
}

/// A number of records over time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Throughput {
    pub(super) records: u64,
    /// The time from the first produced record to the last processed one.
    pub(super) seconds: f64,
    pub(super) records_per_second: f64,
}

impl Throughput {
    pub(super) fn new(records: u64, time: Duration) -> Self {
        let seconds = time.as_secs_f64();
        #[allow(clippy::cast_precision_loss)]
        let records_per_second = if seconds > 0.0 { records as f64 / seconds } else { 0.0 };
        Self { records, seconds, records_per_second }
    }
}

/// The work of ingest. The counters of a killed process end shortly before it was killed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct IngestFigures {
    commits: u64,
    rows: u64,
    fenced: u64,
    in_doubt: u64,
    dead_letters: u64,
    #[serde(flatten)]
    processes: ProcessFigures,
}

/// The work of publish. The counters of a killed process end shortly before it was killed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct PublishFigures {
    transactions: u64,
    aborted: u64,
    fenced: u64,
    in_doubt: u64,
    #[serde(flatten)]
    processes: ProcessFigures,
}

/// The resources of all processes of a service.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct ProcessFigures {
    kills: usize,
    cpu_seconds: f64,
    /// The largest memory of one process, in bytes.
    peak_memory_bytes: u64,
}

impl ProcessFigures {
    fn new(summary: &FleetSummary) -> Self {
        Self {
            kills: summary.kills,
            cpu_seconds: summary.usage.cpu.as_secs_f64(),
            peak_memory_bytes: summary.usage.peak_memory,
        }
    }
}

impl IngestFigures {
    pub(super) fn new(summary: &FleetSummary) -> Self {
        use spanbridge_telemetry::metrics as names;
        let sum = |name, labels: &[&str]| to_integer(summary.metrics.sum(name, labels));
        Self {
            commits: sum(names::INGEST_COMMITS_TOTAL, &["outcome=\"committed\""]),
            rows: sum(names::INGEST_ROWS_TOTAL, &[]),
            fenced: sum(names::INGEST_FENCED_TOTAL, &[]),
            in_doubt: sum(names::INGEST_IN_DOUBT_TOTAL, &[]),
            dead_letters: sum(names::INGEST_DEAD_LETTERS_TOTAL, &[]),
            processes: ProcessFigures::new(summary),
        }
    }
}

impl PublishFigures {
    pub(super) fn new(summary: &FleetSummary) -> Self {
        use spanbridge_telemetry::metrics as names;
        let sum = |name, labels: &[&str]| to_integer(summary.metrics.sum(name, labels));
        let transactions = names::PUBLISH_TRANSACTIONS_TOTAL;
        Self {
            transactions: sum(transactions, &["outcome=\"committed\""]),
            aborted: sum(transactions, &["outcome=\"aborted\""]),
            fenced: sum(names::PUBLISH_FENCED_TOTAL, &[]),
            in_doubt: sum(names::PUBLISH_IN_DOUBT_TOTAL, &[]),
            processes: ProcessFigures::new(summary),
        }
    }
}

/// Converts the value of a counter to an integer.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn to_integer(counter: f64) -> u64 {
    counter.max(0.0).round() as u64
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let throughput = |f: &mut fmt::Formatter<'_>, name: &str, of: Throughput| {
            let (records, rate) = (HumanCount(of.records), HumanCount(to_integer(of.records_per_second)));
            writeln!(f, "{name:<34}{records:>10} in {:>6.1} s {rate:>10}/s", of.seconds)
        };
        throughput(f, "flights produced", self.produced)?;
        throughput(f, "flights ingested", self.ingested)?;
        throughput(f, "changes published", self.published)?;
        let latency = |f: &mut fmt::Formatter<'_>, name: &str, latency: Option<Latency>| match latency {
            Some(Latency { p50_ms, p99_ms }) => writeln!(f, "{name:<34}{p50_ms:>10.0} ms {p99_ms:>10.0} ms"),
            None => writeln!(f, "{name:<34}{:>10}", "unknown"),
        };
        writeln!(f, "{:<34}{:>13} {:>13}", "latency under this load", "p50", "p99")?;
        latency(f, "  record to Spanner commit", self.kafka_to_spanner)?;
        latency(f, "  Spanner commit to record", self.spanner_to_kafka)?;
        latency(f, "  Spanner commit to Kafka commit", self.commit_to_transaction_end)?;
        let (ingest, publish) = (&self.ingest, &self.publish);
        writeln!(f, "{:<34}{:>13} {:>13}", "", "ingest", "publish")?;
        let mut both = |name: &str, of_ingest: String, of_publish: String| {
            writeln!(f, "{name:<34}{of_ingest:>13} {of_publish:>13}")
        };
        let count = |count| HumanCount(count).to_string();
        both("commits, transactions", count(ingest.commits), count(publish.transactions))?;
        both("rows written, aborts", count(ingest.rows), count(publish.aborted))?;
        both("fenced", count(ingest.fenced), count(publish.fenced))?;
        both("in doubt", count(ingest.in_doubt), count(publish.in_doubt))?;
        both("dead letters", count(ingest.dead_letters), String::new())?;
        let (one, other) = (ingest.processes, publish.processes);
        both("kills", one.kills.to_string(), other.kills.to_string())?;
        let seconds = |processes: ProcessFigures| format!("{:.1} s", processes.cpu_seconds);
        both("CPU", seconds(one), seconds(other))?;
        let memory = |processes: ProcessFigures| HumanBytes(processes.peak_memory_bytes).to_string();
        both("peak memory of a process", memory(one), memory(other))?;
        if one.kills + other.kills > 0 {
            writeln!(f, "the counters of a killed process end shortly before it was killed")?;
        }
        write!(f, "seed {}, {} worker(s) each", self.seed, self.workers_each)
    }
}
