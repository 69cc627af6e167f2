//! The figures of a run: for people as a table, for scripts as JSON.

use std::fmt;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use super::fleet::Summary;
use super::latency::Latency;

/// All figures. Names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figures {
    pub(super) seed: u64,
    pub(super) workers_each: usize,
    pub(super) produced: Flow,
    pub(super) ingested: Flow,
    pub(super) published: Flow,
    /// From the flight's record to the Spanner commit that applies it.
    pub(super) kafka_to_spanner: Option<Latency>,
    /// From the Spanner commit to the record that publish makes of it.
    pub(super) spanner_to_kafka: Option<Latency>,
    /// From the commit to the end of the Kafka transaction, by publish's own histogram.
    pub(super) commit_to_transaction_end: Option<Latency>,
    pub(super) ingest: Ingest,
    pub(super) publish: Publish,
}

/// Records over time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Flow {
    pub(super) records: u64,
    /// From the first record produced to the last one done.
    pub(super) seconds: f64,
    pub(super) records_per_second: f64,
}

impl Flow {
    pub(super) fn new(records: u64, time: Duration) -> Self {
        let seconds = time.as_secs_f64();
        #[allow(clippy::cast_precision_loss)]
        let records_per_second = if seconds > 0.0 { records as f64 / seconds } else { 0.0 };
        Self { records, seconds, records_per_second }
    }
}

/// What ingest did. Counters of a killed process count up to the moment before it was killed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Ingest {
    commits: u64,
    rows: u64,
    fenced: u64,
    in_doubt: u64,
    dead_letters: u64,
    #[serde(flatten)]
    process: Process,
}

/// What publish did, as far as it told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Publish {
    transactions: u64,
    aborted: u64,
    fenced: u64,
    in_doubt: u64,
    #[serde(flatten)]
    process: Process,
}

/// Of all processes of a service.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Process {
    kills: usize,
    cpu_seconds: f64,
    /// The most that one process had.
    peak_memory_bytes: u64,
}

impl Process {
    fn of(summary: &Summary) -> Self {
        Self {
            kills: summary.kills,
            cpu_seconds: summary.usage.cpu.as_secs_f64(),
            peak_memory_bytes: summary.usage.peak_memory,
        }
    }
}

impl Ingest {
    pub(super) fn of(summary: &Summary) -> Self {
        use spanbridge_telemetry::metrics as names;
        let sum = |name, labels: &[&str]| whole(summary.metrics.sum(name, labels));
        Self {
            commits: sum(names::INGEST_COMMITS_TOTAL, &["outcome=\"committed\""]),
            rows: sum(names::INGEST_ROWS_TOTAL, &[]),
            fenced: sum(names::INGEST_FENCED_TOTAL, &[]),
            in_doubt: sum(names::INGEST_IN_DOUBT_TOTAL, &[]),
            dead_letters: sum(names::INGEST_DEAD_LETTERS_TOTAL, &[]),
            process: Process::of(summary),
        }
    }
}

impl Publish {
    pub(super) fn of(summary: &Summary) -> Self {
        use spanbridge_telemetry::metrics as names;
        let sum = |name, labels: &[&str]| whole(summary.metrics.sum(name, labels));
        let transactions = names::PUBLISH_TRANSACTIONS_TOTAL;
        Self {
            transactions: sum(transactions, &["outcome=\"committed\""]),
            aborted: sum(transactions, &["outcome=\"aborted\""]),
            fenced: sum(names::PUBLISH_FENCED_TOTAL, &[]),
            in_doubt: sum(names::PUBLISH_IN_DOUBT_TOTAL, &[]),
            process: Process::of(summary),
        }
    }
}

/// A counter's value.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(counter: f64) -> u64 {
    counter.max(0.0).round() as u64
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flow = |f: &mut fmt::Formatter<'_>, name: &str, flow: Flow| {
            let (records, rate) = (HumanCount(flow.records), HumanCount(whole(flow.records_per_second)));
            writeln!(f, "{name:<34}{records:>10} in {:>6.1} s {rate:>10}/s", flow.seconds)
        };
        flow(f, "flights produced", self.produced)?;
        flow(f, "flights ingested", self.ingested)?;
        flow(f, "changes published", self.published)?;
        let latency = |f: &mut fmt::Formatter<'_>, name: &str, latency: Option<Latency>| match latency {
            Some(Latency { p50_ms, p99_ms }) => writeln!(f, "{name:<34}{p50_ms:>10.0} ms {p99_ms:>10.0} ms"),
            None => writeln!(f, "{name:<34}{:>10}", "not known"),
        };
        writeln!(f, "{:<34}{:>13} {:>13}", "latency under this load", "p50", "p99")?;
        latency(f, "  record to Spanner commit", self.kafka_to_spanner)?;
        latency(f, "  Spanner commit to event", self.spanner_to_kafka)?;
        latency(f, "  commit to Kafka commit", self.commit_to_transaction_end)?;
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
        let (one, other) = (ingest.process, publish.process);
        both("kills", one.kills.to_string(), other.kills.to_string())?;
        let seconds = |process: Process| format!("{:.1} s", process.cpu_seconds);
        both("CPU", seconds(one), seconds(other))?;
        let memory = |process: Process| HumanBytes(process.peak_memory_bytes).to_string();
        both("peak memory of a process", memory(one), memory(other))?;
        if one.kills + other.kills > 0 {
            writeln!(f, "counters of a killed process: up to the moment before it was killed")?;
        }
        write!(f, "seed {}, {} worker(s) each", self.seed, self.workers_each)
    }
}
