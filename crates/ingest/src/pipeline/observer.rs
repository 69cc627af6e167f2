//! Metrics of one ingest pipeline.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use spanbridge_kafka::Record;
use spanbridge_protocol::ingest::{Commit, Offset, Outcome, Partition, PositionMove, SkipCounts};
use spanbridge_telemetry::metrics::{self, Histogram, counter, gauge, histogram};

/// Chunks of records whose ages are remembered until they are committed, a partition.
const MAX_AGES: usize = 1000;

pub(super) struct Observer {
    pipeline: String,
    commit_seconds: Histogram,
    batch_records: Histogram,
    end_to_end: Histogram,
    /// Of each chunk the last offset and its record's time.
    ages: BTreeMap<Partition, VecDeque<(Offset, SystemTime)>>,
    positions: BTreeMap<Partition, Offset>,
}

/// What is told of a commit once it has an answer.
pub(super) struct Sent {
    pub(super) moves: Vec<PositionMove>,
    records: usize,
    rows: Vec<(String, u64)>,
    letters: Vec<String>,
    skipped: SkipCounts,
}

impl Sent {
    pub(super) fn new(commit: &Commit) -> Self {
        let own = |table: &str| table.starts_with("Bridge");
        let data = commit.mutations.iter().filter(|mutation| !own(&mutation.table));
        Self {
            moves: commit.moves.clone(),
            records: commit.records,
            rows: data.map(|m| (m.table.to_string(), m.rows.len() as u64)).collect(),
            letters: commit.failures.iter().map(|(_, _, failure)| failure.code.to_string()).collect(),
            skipped: commit.skipped,
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.iter().map(|(_, rows)| usize::try_from(*rows).unwrap_or(usize::MAX)).sum()
    }

    pub(super) fn letters(&self) -> usize {
        self.letters.len()
    }
}

impl Observer {
    pub(super) fn new(pipeline: &str) -> Self {
        let label = || pipeline.to_owned();
        Self {
            commit_seconds: histogram!(metrics::INGEST_COMMIT_SECONDS, "pipeline" => label()),
            batch_records: histogram!(metrics::INGEST_BATCH_RECORDS, "pipeline" => label()),
            end_to_end: histogram!(metrics::INGEST_END_TO_END_SECONDS, "pipeline" => label()),
            pipeline: pipeline.to_owned(),
            ages: BTreeMap::new(),
            positions: BTreeMap::new(),
        }
    }

    pub(super) fn assigned(&self, partitions: usize) {
        let label = self.pipeline.clone();
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        gauge!(metrics::INGEST_ASSIGNED_PARTITIONS, "pipeline" => label).set(partitions as f64);
    }

    pub(super) fn forget(&mut self, partition: &Partition) {
        self.ages.remove(partition);
        self.positions.remove(partition);
    }

    pub(super) fn polled(&mut self, partition: &Partition, records: &[Record]) {
        let Some(last) = records.last() else { return };
        let since_epoch = last.timestamp_ms.and_then(|at| u64::try_from(at).ok());
        let Some(at) = since_epoch.map(|at| SystemTime::UNIX_EPOCH + Duration::from_millis(at)) else {
            return;
        };
        let ages = self.ages.entry(partition.clone()).or_default();
        if ages.len() < MAX_AGES {
            ages.push_back((last.offset, at));
        }
    }

    /// A commit has an answer; its name for traces.
    pub(super) fn answered(&mut self, sent: &Sent, outcome: &Outcome, took: Duration) -> &'static str {
        let name = match outcome {
            Outcome::Committed { .. } => "committed",
            Outcome::Aborted => "aborted",
            Outcome::Rejected(_) => "rejected",
            Outcome::TooLarge(_) => "too_large",
            Outcome::Fenced(_) => "fenced",
            Outcome::InDoubt => "in_doubt",
        };
        let label = || self.pipeline.clone();
        self.commit_seconds.record(took.as_secs_f64());
        counter!(metrics::INGEST_COMMITS_TOTAL, "pipeline" => label(), "outcome" => name).increment(1);
        match outcome {
            Outcome::Committed { .. } => self.committed(sent),
            Outcome::Fenced(_) => counter!(metrics::INGEST_FENCED_TOTAL, "pipeline" => label()).increment(1),
            Outcome::InDoubt => counter!(metrics::INGEST_IN_DOUBT_TOTAL, "pipeline" => label()).increment(1),
            Outcome::Rejected(_) | Outcome::TooLarge(_) if sent.records > 1 => {
                counter!(metrics::INGEST_BISECTIONS_TOTAL, "pipeline" => label()).increment(1);
            }
            Outcome::Rejected(_) | Outcome::TooLarge(_) | Outcome::Aborted => {}
        }
        name
    }

    pub(super) fn gap(&self, partition: &Partition) {
        let (pipeline, topic) = (self.pipeline.clone(), partition.topic.to_string());
        counter!(metrics::INGEST_GAPS_TOTAL, "pipeline" => pipeline, "topic" => topic).increment(1);
    }

    pub(super) fn position(&mut self, partition: &Partition, position: Offset, end: Offset) {
        self.positions.insert(partition.clone(), position);
        self.end(partition, end);
    }

    pub(super) fn end(&self, partition: &Partition, end: Offset) {
        let Some(position) = self.positions.get(partition) else { return };
        let labels = (self.pipeline.clone(), partition.topic.to_string(), partition.number.to_string());
        let lag = (end - position).max(0);
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        gauge!(
            metrics::INGEST_LAG_RECORDS,
            "pipeline" => labels.0, "topic" => labels.1, "partition" => labels.2
        )
        .set(lag as f64);
    }

    /// Partitions whose position is known.
    pub(super) fn known(&self) -> impl Iterator<Item = &Partition> {
        self.positions.keys()
    }

    fn committed(&mut self, sent: &Sent) {
        #[expect(clippy::cast_precision_loss, reason = "a histogram takes floats")]
        self.batch_records.record(sent.records as f64);
        let label = || self.pipeline.clone();
        let topic = sent.moves.first().map_or_else(String::new, |step| step.partition.topic.to_string());
        counter!(metrics::INGEST_RECORDS_TOTAL, "pipeline" => label(), "topic" => topic)
            .increment(sent.records as u64);
        for (table, rows) in &sent.rows {
            counter!(metrics::INGEST_ROWS_TOTAL, "pipeline" => label(), "table" => table.clone())
                .increment(*rows);
        }
        for code in &sent.letters {
            counter!(metrics::INGEST_DEAD_LETTERS_TOTAL, "pipeline" => label(), "code" => code.clone())
                .increment(1);
        }
        for (reason, changes) in [("superseded", sent.skipped.superseded), ("late", sent.skipped.late)] {
            if changes > 0 {
                counter!(metrics::INGEST_SKIPPED_TOTAL, "pipeline" => label(), "reason" => reason)
                    .increment(changes as u64);
            }
        }
        for step in &sent.moves {
            self.positions.insert(step.partition.clone(), step.to.next);
            let Some(ages) = self.ages.get_mut(&step.partition) else { continue };
            let committed = ages.iter().take_while(|(offset, _)| *offset < step.to.next).count();
            for (_, at) in ages.drain(..committed) {
                if let Ok(age) = at.elapsed() {
                    self.end_to_end.record(age.as_secs_f64());
                }
            }
        }
    }
}
