//! The watermark of a pipeline, and the `final` columns that are set as it passes.
//!
//! What is final follows from the committed positions and from the bound in a row's key alone; so marking needs no
//! fence, may be done twice, and is no part of the commits that records are applied by.

pub(crate) mod index;
mod mark;
mod progress;

use std::convert::Infallible;
use std::time::Duration;

use spanbridge_config::{Error as ConfigError, Ingest};
use spanbridge_kafka::Offsets;
use spanbridge_protocol::ingest::{Partition, compute_watermark};
use spanbridge_spanner::ErrorKind;
use spanbridge_telemetry::metrics::{self, gauge};
use tokio::sync::watch;

use crate::mapping::FinalColumn;
use crate::signature::Signature;
use crate::{Error, Live};
use mark::Mark;
use progress::Watched;

/// How often the watermark is looked at.
const TICK: Duration = Duration::from_secs(5);
/// There is no index that finds the rows to mark.
const INDEX: &str = "SB-MAPPING-INDEX";

/// Follows the watermark of one pipeline.
pub(crate) struct Finality {
    watched: Watched,
    idle: Duration,
    marks: Vec<Mark>,
    /// The partitions of this worker.
    owned: watch::Receiver<Vec<Partition>>,
}

impl Finality {
    /// Nothing for a pipeline without windows.
    ///
    /// # Errors
    /// A `final` column without its index, at its place in the file; Spanner does not answer.
    pub(crate) async fn new(
        live: &Live<'_>,
        pipeline: &Ingest,
        columns: &[FinalColumn],
        offsets: Offsets,
        owned: watch::Receiver<Vec<Partition>>,
    ) -> Result<Option<Self>, Error> {
        if !pipeline.tables.iter().any(|table| table.window().is_some()) {
            return Ok(None);
        }
        let marks = marks(live, pipeline, columns).await??;
        let watched = Watched {
            pipeline: pipeline.identity().into(),
            topics: pipeline.topics.clone(),
            database: live.database.clone(),
            offsets,
        };
        Ok(Some(Self { watched, idle: pipeline.watermark_idle, marks, owned }))
    }

    /// Until it is dropped.
    pub(crate) async fn run(self) -> Infallible {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tick.tick().await;
            match self.turn().await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Aborted => {
                    tracing::debug!(%error, "marking windows")
                }
                Err(error) => {
                    tracing::warn!(pipeline = %self.watched.pipeline, %error, "windows are not marked; trying again");
                }
            }
        }
    }

    async fn turn(&self) -> Result<(), spanbridge_spanner::Error> {
        // One worker is enough: whose partition is the first. Where two think so for a moment, both mark the same.
        let positions = self.watched.positions().await?;
        let is_ours = positions.first().is_some_and(|first| self.owned.borrow().contains(&first.partition));
        if !is_ours {
            return Ok(());
        }
        let progress = self.watched.progress(&positions, self.idle).await?;
        let Some(watermark) = compute_watermark(&progress, self.idle) else { return Ok(()) };
        let pipeline = self.watched.pipeline.to_string();
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        gauge!(metrics::INGEST_WATERMARK_SECONDS, "pipeline" => pipeline)
            .set(watermark.timestamp_millis() as f64 / 1000.0);
        for mark in &self.marks {
            mark.up_to(&self.watched.database, watermark).await?;
        }
        Ok(())
    }
}

/// The mistakes of columns that no index finds the windows for.
///
/// # Errors
/// Spanner does not answer.
pub(crate) async fn missing_indexes(
    live: &Live<'_>,
    pipeline: &Ingest,
    columns: &[FinalColumn],
) -> Result<Option<ConfigError>, Error> {
    Ok(marks(live, pipeline, columns).await?.err())
}

async fn marks(
    live: &Live<'_>,
    pipeline: &Ingest,
    columns: &[FinalColumn],
) -> Result<Result<Vec<Mark>, ConfigError>, Error> {
    let mut marks = Vec::with_capacity(columns.len());
    let mut errors = Vec::new();
    let signature = Signature::new(pipeline);
    for column in columns {
        let indexes = live.indexes(pipeline, &column.table).await?;
        match indexes.into_iter().find(|index| index::serves(index, &column.name, column.bound())) {
            Some(index) => marks.push(Mark { column: column.clone(), index: index.name, signature }),
            None => {
                let message =
                    format!("table `{}` has no index on ({}, {})", column.table, column.name, column.bound());
                let statement = index::statement(&column.table, &column.name, column.bound());
                let help =
                    format!("it finds the windows to mark: run `spanbridge plan --apply`, or {statement}");
                errors.push(live.config.error_at(column.at, INDEX, message, help));
            }
        }
    }
    Ok(live.config.errors(errors).map_or(Ok(marks), Err))
}
