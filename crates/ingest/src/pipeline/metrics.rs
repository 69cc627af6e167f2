//! The metrics of one ingest pipeline.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use spanbridge_kafka::Record;
use spanbridge_protocol::ingest::{Commit, Offset, Outcome, Partition, PositionMove, SkipCounts};
use spanbridge_telemetry::metrics::{self, Gauge, GaugeSeries, Histogram, counter, gauge, histogram};

/// The maximum number of polled chunks per partition whose ages are remembered until their commit.
const MAX_AGES: usize = 1000;

/// The metrics of one pipeline.
pub(super) struct PipelineMetrics {
    pipeline: String,
    commit_seconds: Histogram,
    batch_records: Histogram,
    end_to_end: Histogram,
    /// The last offset of each chunk, and the timestamp of its record.
    ages: BTreeMap<Partition, VecDeque<(Offset, SystemTime)>>,
    positions: BTreeMap<Partition, Offset>,
    /// The lag of each partition with a known position. The series end with the ownership.
    lags: BTreeMap<Partition, GaugeSeries>,
    paused: Gauge,
}

/// The part of a commit that metrics need once its outcome is known.
pub(super) struct CommitSummary {
    pub(super) moves: Vec<PositionMove>,
    records: usize,
    rows: Vec<(String, u64)>,
    dead_letters: Vec<String>,
    skipped: SkipCounts,
}

impl CommitSummary {
    pub(super) fn new(commit: &Commit) -> Self {
        let is_own = |table: &str| table.starts_with("Bridge");
        let data = commit.mutations.iter().filter(|mutation| !is_own(&mutation.table));
        Self {
            moves: commit.moves.clone(),
            records: commit.records,
            rows: data.map(|m| (m.table.to_string(), m.rows.len() as u64)).collect(),
            dead_letters: commit.failures.iter().map(|(_, _, failure)| failure.code.to_string()).collect(),
            skipped: commit.skipped,
        }
    }

    /// Returns the number of data rows.
    pub(super) fn rows(&self) -> usize {
        self.rows.iter().map(|(_, rows)| usize::try_from(*rows).unwrap_or(usize::MAX)).sum()
    }

    pub(super) fn dead_letters(&self) -> usize {
        self.dead_letters.len()
    }
}

impl PipelineMetrics {
    pub(super) fn new(pipeline: &str) -> Self {
        let label = || pipeline.to_owned();
        Self {
            commit_seconds: histogram!(metrics::INGEST_COMMIT_SECONDS, "pipeline" => label()),
            batch_records: histogram!(metrics::INGEST_BATCH_RECORDS, "pipeline" => label()),
            end_to_end: histogram!(metrics::INGEST_END_TO_END_SECONDS, "pipeline" => label()),
            pipeline: pipeline.to_owned(),
            ages: BTreeMap::new(),
            positions: BTreeMap::new(),
            lags: BTreeMap::new(),
            paused: gauge!(metrics::INGEST_PAUSED_PARTITIONS, "pipeline" => label()),
        }
    }

    /// Sets the number of partitions whose records wait until a commit has ended.
    pub(super) fn paused(&self, partitions: usize) {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        self.paused.set(partitions as f64);
    }

    pub(super) fn assigned(&self, partitions: usize) {
        let label = self.pipeline.clone();
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        gauge!(metrics::INGEST_ASSIGNED_PARTITIONS, "pipeline" => label).set(partitions as f64);
    }

    pub(super) fn forget(&mut self, partition: &Partition) {
        self.ages.remove(partition);
        self.positions.remove(partition);
        self.lags.remove(partition);
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

    /// Counts the outcome of a commit. Returns the outcome's name for traces.
    pub(super) fn commit_ended(
        &mut self,
        summary: &CommitSummary,
        outcome: &Outcome,
        took: Duration,
    ) -> &'static str {
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
            Outcome::Committed { .. } => self.committed(summary),
            Outcome::Fenced(_) => counter!(metrics::INGEST_FENCED_TOTAL, "pipeline" => label()).increment(1),
            Outcome::InDoubt => counter!(metrics::INGEST_IN_DOUBT_TOTAL, "pipeline" => label()).increment(1),
            Outcome::Rejected(_) | Outcome::TooLarge(_) if summary.records > 1 => {
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

    /// Counts the offsets that were skipped because the log no longer holds them.
    pub(super) fn skipped(&self, partition: &Partition, offsets: u64) {
        let (pipeline, topic) = (self.pipeline.clone(), partition.topic.to_string());
        counter!(metrics::INGEST_GAP_RECORDS_TOTAL, "pipeline" => pipeline, "topic" => topic)
            .increment(offsets);
    }

    pub(super) fn position(&mut self, partition: &Partition, position: Offset, end: Offset) {
        self.positions.insert(partition.clone(), position);
        self.log_end(partition, end);
    }

    /// Sets the lag of a partition whose position is known. Returns the position.
    pub(super) fn log_end(&mut self, partition: &Partition, end: Offset) -> Option<Offset> {
        let position = *self.positions.get(partition)?;
        let pipeline = &self.pipeline;
        let series = self.lags.entry(partition.clone()).or_insert_with(|| {
            let number = partition.number.to_string();
            let labels =
                [("pipeline", pipeline.as_str()), ("topic", &*partition.topic), ("partition", &*number)];
            GaugeSeries::new(metrics::INGEST_LAG_RECORDS, &labels)
        });
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        series.set((end - position).max(0) as f64);
        Some(position)
    }

    /// Returns the partitions whose position is known.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &Partition> {
        self.positions.keys()
    }

    fn committed(&mut self, summary: &CommitSummary) {
        if summary.records > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a histogram takes floats")]
            self.batch_records.record(summary.records as f64);
        }
        let label = || self.pipeline.clone();
        let topic = summary.moves.first().map_or_else(String::new, |step| step.partition.topic.to_string());
        counter!(metrics::INGEST_RECORDS_TOTAL, "pipeline" => label(), "topic" => topic)
            .increment(summary.records as u64);
        for (table, rows) in &summary.rows {
            counter!(metrics::INGEST_ROWS_TOTAL, "pipeline" => label(), "table" => table.clone())
                .increment(*rows);
        }
        for code in &summary.dead_letters {
            counter!(metrics::INGEST_DEAD_LETTERS_TOTAL, "pipeline" => label(), "code" => code.clone())
                .increment(1);
        }
        for (reason, changes) in [("superseded", summary.skipped.superseded), ("late", summary.skipped.late)]
        {
            if changes > 0 {
                counter!(metrics::INGEST_SKIPPED_TOTAL, "pipeline" => label(), "reason" => reason)
                    .increment(changes as u64);
            }
        }
        for step in &summary.moves {
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
