use spanbridge_config::Version;
use spanbridge_kafka::Offsets;
use spanbridge_protocol::ingest::{LogRange, Offset, Partition};

use super::positions::{self, behind};
use super::{VersionState, Versions};
use crate::{Error, ErrorKind, partition_log};

/// The progress of a version: how much of the log it has applied.
#[derive(Debug, Clone)]
pub struct VersionProgress {
    /// The version.
    pub version: Version,
    /// The state of the pipeline's versions. Without one, readers see version 1.
    pub state: Option<VersionState>,
    /// The version to compare with: the active one, or the previous one if the version itself is active.
    pub reference: Version,
    /// The partitions of both versions, in the order of topic and partition.
    pub partitions: Vec<VersionPartition>,
    /// The number of records by which the version is behind the reference, summed over the partitions in which it is
    /// behind.
    pub behind: i64,
}

/// The progress of a version in one partition.
#[derive(Debug, Clone)]
pub struct VersionPartition {
    /// The partition.
    pub partition: Partition,
    /// The offset at which the version started.
    pub first: Option<Offset>,
    /// The next offset, or `None` if only the reference has the partition.
    pub position: Option<Offset>,
    /// The next offset of the reference version.
    pub reference: Option<Offset>,
    /// The offsets that the log holds.
    pub log: LogRange,
}

impl VersionPartition {
    /// Returns the number of offsets from the position to the end of the log.
    #[must_use]
    pub fn lag(&self) -> Offset {
        (self.log.end - self.position.unwrap_or(self.log.start)).max(0)
    }
}

impl VersionProgress {
    /// Returns the applied share of the log, from the start offsets on: 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        let (mut done, mut all) = (0_i64, 0_i64);
        for partition in &self.partitions {
            let first = partition.first.unwrap_or(partition.log.start);
            let position = partition.position.unwrap_or(first);
            done = done.saturating_add((position - first).max(0));
            all = all.saturating_add((partition.log.end - first).max(position - first).max(0));
        }
        #[expect(clippy::cast_precision_loss, reason = "a share is shown to a tenth of a percent")]
        if all == 0 { 1.0 } else { done as f64 / all as f64 }
    }

    /// Returns the number of offsets from all positions to the ends of the logs.
    #[must_use]
    pub fn lag(&self) -> i64 {
        self.partitions.iter().map(VersionPartition::lag).fold(0, i64::saturating_add)
    }
}

/// Reads the progress of a version from Spanner and Kafka.
///
/// # Errors
/// The version has no positions; Spanner or Kafka does not answer.
pub async fn progress(
    versions: &Versions<'_>,
    offsets: &Offsets,
    version: Version,
) -> Result<VersionProgress, Error> {
    let database = versions.environment.database;
    let state = VersionState::read(database, versions.name).await?;
    let reference = reference_version(state, version);
    let [own, other] = [version, reference].map(|version| versions.identity(version));
    let [positions, others] = positions::now(database, [&own, &other]).await?;
    if positions.is_empty() {
        let message = format!("version {version} has no positions yet");
        return Err(versions.error(ErrorKind::NotStarted, message));
    }
    let first = positions::first(database, &own).await?;
    let mut all: Vec<&Partition> = positions.keys().chain(others.keys()).collect();
    all.sort_unstable();
    all.dedup();
    let mut partitions = Vec::with_capacity(all.len());
    for of in all {
        partitions.push(VersionPartition {
            partition: of.clone(),
            first: first.get(of).copied(),
            position: positions.get(of).copied(),
            reference: others.get(of).copied(),
            log: partition_log::range(offsets, of).await?,
        });
    }
    let behind = behind(&positions, &others);
    Ok(VersionProgress { version, state, reference, partitions, behind })
}

/// Returns the version to which another one is compared.
pub(super) fn reference_version(state: Option<VersionState>, version: Version) -> Version {
    let state = state.unwrap_or(VersionState::new(Version::FIRST));
    if state.active == version { state.previous.unwrap_or(Version::FIRST) } else { state.active }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_counts_from_the_start_offsets() {
        let partition = |first, position, end| VersionPartition {
            partition: Partition { topic: "t".into(), number: 0 },
            first: Some(first),
            position: Some(position),
            reference: None,
            log: LogRange { start: 0, end },
        };
        let progress = |partitions| VersionProgress {
            version: Version::FIRST,
            state: None,
            reference: Version::FIRST,
            partitions,
            behind: 0,
        };
        let half = progress(vec![partition(100, 150, 200), partition(0, 50, 100)]);
        assert!((half.share() - 0.5).abs() < 1e-9 && half.lag() == 100);
        // The end of the log was read before the position advanced.
        let done = progress(vec![partition(100, 201, 200)]);
        assert!((done.share() - 1.0).abs() < 1e-9 && done.lag() == 0);
        assert!((progress(Vec::new()).share() - 1.0).abs() < 1e-9);
    }
}
