use spanbridge_config::Version;
use spanbridge_kafka::Offsets;
use spanbridge_protocol::ingest::{LogRange, Offset, Partition as Of};

use super::positions::{self, behind};
use super::{State, Versions};
use crate::{Error, ErrorKind, log};

/// How far a version has come.
#[derive(Debug, Clone)]
pub struct Progress {
    pub version: Version,
    /// Nothing where the pipeline's versions have no row, so that version 1 is read.
    pub state: Option<State>,
    /// The version that it is compared with: the active one, or the one before where that is itself.
    pub beside: Version,
    pub partitions: Vec<Partition>,
    /// Records that it is behind the other version, over the partitions where it is.
    pub behind: i64,
}

/// One partition of it.
#[derive(Debug, Clone)]
pub struct Partition {
    pub of: Of,
    /// Where it began.
    pub first: Option<Offset>,
    /// Nothing for one that only the other version has.
    pub position: Option<Offset>,
    /// The other version's position.
    pub beside: Option<Offset>,
    pub log: LogRange,
}

impl Partition {
    /// Offsets from its position to the end of the log.
    pub fn lag(&self) -> Offset {
        (self.log.end - self.position.unwrap_or(self.log.start)).max(0)
    }
}

impl Progress {
    /// The part of the log that is applied, from where it began: 0 to 1.
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

    /// Offsets from its positions to the ends of the logs.
    pub fn lag(&self) -> i64 {
        self.partitions.iter().map(Partition::lag).fold(0, i64::saturating_add)
    }
}

/// Looks at Spanner and Kafka once.
///
/// # Errors
/// The version has no positions; Spanner or Kafka does not answer.
pub async fn progress(
    versions: &Versions<'_>,
    offsets: &Offsets,
    version: Version,
) -> Result<Progress, Error> {
    let database = versions.live.database;
    let state = State::read(database, versions.name).await?;
    let beside = beside(state, version);
    let [own, other] = [version, beside].map(|version| versions.identity(version));
    let [positions, others] = positions::now(database, [&own, &other]).await?;
    if positions.is_empty() {
        let message = format!("version {version} has no positions yet");
        return Err(versions.error(ErrorKind::NotStarted, message));
    }
    let first = positions::first(database, &own).await?;
    let mut all: Vec<&Of> = positions.keys().chain(others.keys()).collect();
    all.sort_unstable();
    all.dedup();
    let mut partitions = Vec::with_capacity(all.len());
    for of in all {
        partitions.push(Partition {
            of: of.clone(),
            first: first.get(of).copied(),
            position: positions.get(of).copied(),
            beside: others.get(of).copied(),
            log: log::range(offsets, of).await?,
        });
    }
    let behind = behind(&positions, &others);
    Ok(Progress { version, state, beside, partitions, behind })
}

/// The version that another one is measured by.
pub(super) fn beside(state: Option<State>, version: Version) -> Version {
    let state = state.unwrap_or(State::new(Version::FIRST));
    if state.active == version { state.previous.unwrap_or(Version::FIRST) } else { state.active }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_counts_from_where_the_version_began() {
        let partition = |first, position, end| Partition {
            of: Of { topic: "t".into(), number: 0 },
            first: Some(first),
            position: Some(position),
            beside: None,
            log: LogRange { start: 0, end },
        };
        let progress = |partitions| Progress {
            version: Version::FIRST,
            state: None,
            beside: Version::FIRST,
            partitions,
            behind: 0,
        };
        let half = progress(vec![partition(100, 150, 200), partition(0, 50, 100)]);
        assert!((half.share() - 0.5).abs() < 1e-9 && half.lag() == 100);
        // The end was read before the position went on.
        let done = progress(vec![partition(100, 201, 200)]);
        assert!((done.share() - 1.0).abs() < 1e-9 && done.lag() == 0);
        assert!((progress(Vec::new()).share() - 1.0).abs() < 1e-9);
    }
}
