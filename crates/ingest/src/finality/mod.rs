//! The watermark of a pipeline, and the `final` columns that it sets.
//!
//! Whether a window is final follows from the committed positions and from the bound in its row's key. Marking therefore
//! needs no fence, may happen twice, and is not part of the commits that apply records: see "Final outside the batch"
//! (docs/design/ingest-aggregates-and-windows.md). `pipeline/` runs a [`Finality`] beside its driver; `plan/` and `check/`
//! use the index of final columns.

mod election;
pub(crate) mod index;
mod marker;
mod watermark_source;

use std::convert::Infallible;
use std::time::Duration;

use spanbridge_config::{Error as ConfigError, Ingest};
use spanbridge_kafka::Offsets;
use spanbridge_protocol::ingest::{Partition, compute_watermark};
use spanbridge_service::{Part, PipelineHealth};
use spanbridge_spanner::ErrorKind;
use spanbridge_telemetry::metrics::{self, GaugeSeries};
use tokio::sync::watch;

use crate::commit_tagger::CommitTagger;
use crate::mapping::FinalColumn;
use crate::partition_log::REQUEST_TIMEOUT;
use crate::{Environment, Error};
use election::{Election, PartitionCounts};
use marker::FinalMarker;
use watermark_source::{StoredPosition, WatermarkSource};

/// The interval at which the watermark is computed.
const WATERMARK_INTERVAL: Duration = Duration::from_secs(5);
/// The code of a final column without an index.
const INDEX: &str = "SB-MAPPING-INDEX";

/// Follows the watermark of one pipeline and marks final windows.
pub(crate) struct Finality {
    source: WatermarkSource,
    /// The time after which a partition without new records no longer delays the watermark.
    idle: Duration,
    markers: Vec<FinalMarker>,
    /// The partitions that this worker owns.
    owned: watch::Receiver<Vec<Partition>>,
}

impl Finality {
    /// Returns the task of a pipeline, or `None` if the pipeline has no windows.
    ///
    /// # Errors
    /// A `final` column has no index; the error has the place in the file. Or Spanner does not answer.
    pub(crate) async fn new(
        environment: &Environment<'_>,
        pipeline: &Ingest,
        columns: &[FinalColumn],
        offsets: Offsets,
        owned: watch::Receiver<Vec<Partition>>,
    ) -> Result<Option<Self>, Error> {
        if !pipeline.tables.iter().any(|table| table.window().is_some()) {
            return Ok(None);
        }
        let markers = markers(environment, pipeline, columns).await??;
        let source = WatermarkSource {
            pipeline: pipeline.identity().into(),
            topics: pipeline.topics.clone(),
            database: environment.database.clone(),
            offsets,
        };
        Ok(Some(Self { source, idle: pipeline.watermark_idle, markers, owned }))
    }

    /// Runs until the future is dropped.
    pub(crate) async fn run(self, health: &PipelineHealth) -> Infallible {
        let mut tick = tokio::time::interval(WATERMARK_INTERVAL);
        let mut series = None;
        loop {
            tick.tick().await;
            let advanced = self.advance(&mut series).await;
            health.spanner(&advanced);
            match advanced {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Aborted => {
                    tracing::debug!(%error, "marking windows was aborted; retrying")
                }
                Err(error) => {
                    if !health.is_away(Part::Spanner)
                        && let Some(left_out) = health.next_line("finality")
                    {
                        tracing::warn!(
                            pipeline = %self.source.pipeline, %error, left_out, "windows were not marked; retrying"
                        );
                    }
                }
            }
        }
    }

    /// Marks the windows that have become final. `series` is the exported watermark, which ends with the ownership.
    async fn advance(&self, series: &mut Option<GaugeSeries>) -> Result<(), spanbridge_spanner::Error> {
        // The worker that owns the first partition marks. If two believe so for a moment, both mark the same windows.
        let positions = self.source.positions().await?;
        match self.is_elected(&positions).await {
            Ok(true) => {}
            Ok(false) => {
                *series = None;
                return Ok(());
            }
            // The next tick asks again.
            Err(error) => {
                tracing::debug!(pipeline = %self.source.pipeline, %error, "the topics could not be read");
                return Ok(());
            }
        }
        let progress = self.source.progress(&positions, self.idle).await?;
        let Some(watermark) = compute_watermark(&progress, self.idle) else { return Ok(()) };
        let pipeline = &*self.source.pipeline;
        let series = series.get_or_insert_with(|| {
            GaugeSeries::new(metrics::INGEST_WATERMARK_SECONDS, &[("pipeline", pipeline)])
        });
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        series.set(watermark.timestamp_millis() as f64 / 1000.0);
        for marker in &self.markers {
            marker.mark_until(&self.source.database, watermark).await?;
        }
        Ok(())
    }

    /// Returns whether this worker marks. It asks the brokers only about topics before its first partition.
    async fn is_elected(&self, positions: &[StoredPosition]) -> Result<bool, spanbridge_kafka::Error> {
        let mut counts = PartitionCounts::new();
        loop {
            let partitions = positions.iter().map(|stored| &stored.partition);
            let election = Election::among(partitions, &self.owned.borrow(), &counts);
            match election {
                Election::Won => return Ok(true),
                Election::Lost => return Ok(false),
                Election::Undecided(topic) => {
                    let count = self.source.offsets.partition_count(&topic, REQUEST_TIMEOUT).await?;
                    counts.insert(topic, count.unwrap_or(0));
                }
            }
        }
    }
}

/// Returns the mistakes of final columns without an index.
///
/// # Errors
/// Spanner does not answer.
pub(crate) async fn missing_indexes(
    environment: &Environment<'_>,
    pipeline: &Ingest,
    columns: &[FinalColumn],
) -> Result<Option<ConfigError>, Error> {
    Ok(markers(environment, pipeline, columns).await?.err())
}

async fn markers(
    environment: &Environment<'_>,
    pipeline: &Ingest,
    columns: &[FinalColumn],
) -> Result<Result<Vec<FinalMarker>, ConfigError>, Error> {
    let mut markers = Vec::with_capacity(columns.len());
    let mut errors = Vec::new();
    let tagger = CommitTagger::new(pipeline);
    for column in columns {
        let indexes = environment.indexes(pipeline, &column.table).await?;
        match indexes.into_iter().find(|index| index::is_usable(index, &column.name, column.bound())) {
            Some(index) => markers.push(FinalMarker { column: column.clone(), index: index.name, tagger }),
            None => {
                let message =
                    format!("table `{}` has no index on ({}, {})", column.table, column.name, column.bound());
                let statement = index::statement(&column.table, &column.name, column.bound());
                let help = format!(
                    "the index finds the windows to mark: run `spanbridge plan --apply`, or {statement}"
                );
                errors.push(environment.config.error_at(column.span, INDEX, message, help));
            }
        }
    }
    Ok(environment.config.errors(errors).map_or(Ok(markers), Err))
}
