use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use spanbridge_config::{Ingest, Version};
use spanbridge_kafka::Offsets;
use spanbridge_protocol::ingest::{LogRange, Offset, Partition, register_partition};
use spanbridge_spanner::{Admin, CommitOptions, ErrorKind as Spanner, ReadWrite};

use super::live_views::LiveViews;
use super::{Positions, StartPosition, VersionState, Versions, positions, transaction};
use crate::partition_log::{self, REQUEST_TIMEOUT, topic_partition};
use crate::pipeline::Evolution;
use crate::plan::{self, Plan, PrimaryKey};
use crate::{Error, ErrorKind};

/// The pause before a commit is repeated.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// The maximum number of attempts of the commit.
const MAX_ATTEMPTS: u32 = 100;

/// The result of a start.
#[derive(Debug)]
pub struct StartReport {
    /// The DDL that was run.
    pub statements: Vec<String>,
    /// The parts that could not be created, with the reasons.
    pub notes: Vec<String>,
    /// The version that readers see meanwhile.
    pub active: Version,
    /// The partitions with their start offsets.
    pub partitions: Vec<StartedPartition>,
}

/// A partition and the offset at which the version starts.
#[derive(Debug)]
pub struct StartedPartition {
    /// The partition.
    pub partition: Partition,
    /// The start offset.
    pub at: Offset,
    /// The offsets that the log holds.
    pub log: LogRange,
}

/// Creates the tables and views of a version and registers its first positions.
///
/// The work before an error is kept and not repeated. The positions come last and in one commit, so that workers find
/// either none or all of them.
///
/// # Errors
/// The version already has positions or is being dropped; an offset is outside of the log; the tables cannot be planned
/// (see [`plan`](plan::plan)); or Spanner, Kafka or the registry does not answer.
pub async fn start(
    versions: &Versions<'_>,
    admin: &Admin,
    offsets: &Offsets,
    version: Version,
    from: &StartPosition,
    keys: &[PrimaryKey],
) -> Result<StartReport, Error> {
    let pipeline = versions.required(version)?;
    if version == Version::FIRST {
        let message = "version 1 has no previous version, so there is nothing to rebuild";
        return Err(versions.error(ErrorKind::UnknownVersion, message));
    }
    let database = versions.environment.database;
    let stored = VersionState::read(database, versions.name).await?;
    if stored.is_some_and(|state| state.dropping == Some(version)) {
        let message = format!("version {version} is being dropped");
        return Err(versions.error(ErrorKind::Dropping, message));
    }
    let state = match stored {
        Some(state) => state,
        None => VersionState::new(initial_version(versions, version).await?),
    };
    let [own, active] = [version, state.active].map(|version| versions.identity(version));
    let [positions, live] = positions::now(database, [&own, &active]).await?;
    if !positions.is_empty() {
        return Err(already_started(versions, version, &positions));
    }
    // The offsets are checked before anything is created, so that a mistake changes nothing.
    start_offsets(versions, pipeline, offsets, from, &live).await?;
    let Plan { mut statements, mut notes } = plan_tables(versions, pipeline, keys).await?;
    admin.apply_ddl(&statements).await?;
    // Workers cannot run a mapping whose tables do not fit, for example if a computed column must be added by hand.
    Evolution::default().compile(&versions.environment, pipeline).await?;
    if stored.is_none() {
        let first =
            async |transaction: &mut ReadWrite| match VersionState::lock(transaction, versions.name).await? {
                Some(_) => Ok((Vec::new(), ())),
                None => Ok((vec![state.mutation(versions.name, false)], ())),
            };
        transaction::transact(database, first).await?;
    }
    let views = LiveViews::plan(versions, Some(&state), None).await?;
    admin.apply_ddl(&views.statements).await?;
    statements.extend(views.statements);
    notes.extend(views.notes);
    let partitions = start_offsets(versions, pipeline, offsets, from, &live).await?;
    commit(versions, version, &partitions).await?;
    Ok(StartReport { statements, notes, active: state.active, partitions })
}

/// Returns the version that readers see before the first start: the lower one in the file. In a database in which none
/// has run, it is the new version, so that no switch is necessary.
async fn initial_version(versions: &Versions<'_>, version: Version) -> Result<Version, Error> {
    let lower = versions.pipelines.iter().map(|pipeline| pipeline.version).filter(|it| *it < version).max();
    if let Some(lower) = lower {
        return Ok(lower);
    }
    let first = versions.identity(Version::FIRST);
    let [positions] = positions::now(versions.environment.database, [&first]).await?;
    Ok(if positions.is_empty() { version } else { Version::FIRST })
}

/// Returns the DDL that the version's tables need, and that of the merged views of all versions whose tables exist.
async fn plan_tables(versions: &Versions<'_>, pipeline: &Ingest, keys: &[PrimaryKey]) -> Result<Plan, Error> {
    let environment = &versions.environment;
    let mut planned = plan::plan(environment, pipeline, keys).await?;
    for other in versions.pipelines.iter().filter(|other| other.version != pipeline.version) {
        if environment.tables(other).await?.iter().all(Option::is_some) {
            planned.statements.extend(plan::merged_views(environment, other).await?.statements);
        }
    }
    Ok(planned)
}

/// Returns the start offset of each partition.
///
/// # Errors
/// A topic or partition does not exist, or an offset is outside of the log.
async fn start_offsets(
    versions: &Versions<'_>,
    pipeline: &Ingest,
    offsets: &Offsets,
    from: &StartPosition,
    live: &Positions,
) -> Result<Vec<StartedPartition>, Error> {
    let mut logs = BTreeMap::new();
    for topic in topics(pipeline, from, live) {
        let count = offsets.partition_count(topic, REQUEST_TIMEOUT).await?;
        let count =
            count.ok_or_else(|| invalid_offset(versions, format!("topic `{topic}` does not exist")))?;
        for number in 0..count {
            let partition = Partition { topic: topic.into(), number };
            let log = partition_log::range(offsets, &partition).await?;
            logs.insert(partition, log);
        }
    }
    if logs.is_empty() {
        let message =
            "no topic that matches the pattern is known yet; run the previous version first, or give offsets";
        return Err(invalid_offset(versions, message.to_owned()));
    }
    if let StartPosition::Offsets(given) = from
        && let Some(unknown) = given.keys().find(|partition| !logs.contains_key(*partition))
    {
        return Err(invalid_offset(
            versions,
            format!("{unknown} is not a partition that the pipeline reads"),
        ));
    }
    let mut partitions = Vec::with_capacity(logs.len());
    for (partition, log) in logs {
        let at = match from {
            StartPosition::Earliest => log.start,
            // A record that has just been produced may be beyond the end that was read before.
            StartPosition::Time(time) => {
                let at = offsets
                    .at_time(&topic_partition(&partition), time.timestamp_millis(), REQUEST_TIMEOUT)
                    .await?;
                at.clamp(log.start, log.end)
            }
            StartPosition::Offsets(given) => *given.get(&partition).ok_or_else(|| {
                invalid_offset(
                    versions,
                    format!("no offset is given for {}/{}", partition.topic, partition.number),
                )
            })?,
        };
        check_offset(at, log).map_err(|why| invalid_offset(versions, format!("{partition}: {why}")))?;
        partitions.push(StartedPartition { partition, at, log });
    }
    Ok(partitions)
}

/// Returns the topics to read. Those of a pattern are the topics of the active version.
fn topics<'a>(pipeline: &'a Ingest, from: &'a StartPosition, live: &'a Positions) -> BTreeSet<&'a str> {
    let named: BTreeSet<&str> = pipeline.topics.names().iter().map(|topic| topic.as_str()).collect();
    if !named.is_empty() {
        return named;
    }
    let mut known: BTreeSet<&str> = live.keys().map(|partition| &*partition.topic).collect();
    if let StartPosition::Offsets(given) = from {
        known.extend(given.keys().map(|partition| &*partition.topic));
    }
    known
}

/// Checks that the log still holds an offset.
///
/// # Errors
/// The offset is before the start or beyond the end of the log.
fn check_offset(at: Offset, log: LogRange) -> Result<(), String> {
    if at < log.start {
        let lost = log.start - at;
        return Err(format!(
            "the log begins at offset {}, so {lost} offsets from {at} on are gone; begin there or later, or with \
             earliest",
            log.start
        ));
    }
    if at > log.end {
        return Err(format!("offset {at} is beyond the end of the log, {}", log.end));
    }
    Ok(())
}

/// Commits the same mutations as a worker's registration, so that only one of the two succeeds.
async fn commit(
    versions: &Versions<'_>,
    version: Version,
    partitions: &[StartedPartition],
) -> Result<(), Error> {
    let (database, identity) = (versions.environment.database, versions.identity(version));
    let mutations =
        || partitions.iter().flat_map(|it| register_partition(&identity, &it.partition, it.at)).collect();
    let mut in_doubt = false;
    for _ in 0..MAX_ATTEMPTS {
        let Err(error) = database.commit(mutations(), CommitOptions::default()).await else { return Ok(()) };
        match error.kind() {
            Spanner::Aborted | Spanner::Unavailable => {}
            Spanner::InDoubt => in_doubt = true,
            Spanner::AlreadyExists => {
                let first = positions::first(database, &identity).await?;
                // The positions are ours if the answer to an earlier attempt was lost.
                if in_doubt && partitions.iter().all(|it| first.get(&it.partition) == Some(&it.at)) {
                    return Ok(());
                }
                let [stored] = positions::now(database, [&identity]).await?;
                return Err(already_started(versions, version, &stored));
            }
            _ => return Err(error.into()),
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
    let message =
        "the positions could not be registered because other commits interfered; run the command again";
    Err(versions.error(ErrorKind::Stopped, message))
}

/// Returns the error of a version that has already been started.
fn already_started(versions: &Versions<'_>, version: Version, stored: &Positions) -> Error {
    let offsets: i64 = stored.values().fold(0, |sum, offset| sum.saturating_add(*offset));
    let count = stored.len();
    let message = format!(
        "version {version} has already been started: it has positions in {count} partitions, whose next offsets add up to \
         {offsets}"
    );
    versions.error(ErrorKind::AlreadyStarted, message)
}

fn invalid_offset(versions: &Versions<'_>, message: String) -> Error {
    versions.error(ErrorKind::StartPosition, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_offset_must_be_in_the_log() {
        let log = LogRange { start: 100, end: 200 };
        assert_eq!([100, 150, 200].map(|at| check_offset(at, log)), [Ok(()), Ok(()), Ok(())]);
        assert!(check_offset(40, log).unwrap_err().contains("60 offsets from 40 on are gone"));
        assert!(check_offset(201, log).unwrap_err().contains("beyond the end"));
    }
}
