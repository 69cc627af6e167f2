use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use spanbridge_config::{Ingest, Version};
use spanbridge_kafka::Offsets;
use spanbridge_protocol::ingest::{LogRange, Offset, Partition, register_partition};
use spanbridge_spanner::{Admin, CommitOptions, ErrorKind as Spanner, ReadWrite};

use super::views::Views;
use super::{Beginning, Positions, State, Versions, positions, state};
use crate::log::{self, LIMIT, topic_partition};
use crate::pipeline::Evolution;
use crate::plan::{self, Plan, PrimaryKey};
use crate::{Error, ErrorKind};

/// Between two attempts of a commit, and how many there are.
const PAUSE: Duration = Duration::from_millis(50);
const ATTEMPTS: u32 = 100;

/// What a start has done.
#[derive(Debug)]
pub struct Started {
    /// The DDL that it ran.
    pub statements: Vec<String>,
    pub notes: Vec<String>,
    /// The version that is read meanwhile.
    pub active: Version,
    pub began: Vec<Began>,
}

/// Where a partition begins.
#[derive(Debug)]
pub struct Began {
    pub partition: Partition,
    pub at: Offset,
    pub log: LogRange,
}

/// Makes the tables and views of a version and registers its first positions. What was done before an error is kept,
/// and done no second time; the positions come last, and all in one commit, so that workers find either none or all.
///
/// # Errors
/// The version has positions already, or is being dropped; an offset that the log does not hold; what
/// [`plan`](plan::plan) says; Spanner, Kafka or the registry does not answer.
pub async fn start(
    versions: &Versions<'_>,
    admin: &Admin,
    offsets: &Offsets,
    version: Version,
    from: &Beginning,
    keys: &[PrimaryKey],
) -> Result<Started, Error> {
    let pipeline = versions.required(version)?;
    if version == Version::FIRST {
        let message = "version 1 has no version before it, so there is nothing to rebuild beside";
        return Err(versions.error(ErrorKind::NoVersion, message));
    }
    let database = versions.live.database;
    let stored = State::read(database, versions.name).await?;
    if stored.is_some_and(|state| state.dropping == Some(version)) {
        let message = format!("version {version} is being dropped");
        return Err(versions.error(ErrorKind::Dropping, message));
    }
    let state = match stored {
        Some(state) => state,
        None => State::new(read_now(versions, version).await?),
    };
    let [own, active] = [version, state.active].map(|version| versions.identity(version));
    let [positions, live] = positions::now(database, [&own, &active]).await?;
    if !positions.is_empty() {
        return Err(already(versions, version, &positions));
    }
    // Once before anything is made, so that a mistake changes nothing.
    begin(versions, pipeline, offsets, from, &live).await?;
    let Plan { mut statements, mut notes } = tables(versions, pipeline, keys).await?;
    admin.apply_ddl(&statements).await?;
    // Workers could not run a mapping that its tables do not bear out, such as one of a column that only a person adds.
    Evolution::default().compile(&versions.live, pipeline).await?;
    if stored.is_none() {
        let first = async |transaction: &mut ReadWrite| match State::lock(transaction, versions.name).await? {
            Some(_) => Ok((Vec::new(), ())),
            None => Ok((vec![state.mutation(versions.name, false)], ())),
        };
        state::transact(database, first).await?;
    }
    let views = Views::of(versions, Some(&state), None).await?;
    admin.apply_ddl(&views.statements).await?;
    statements.extend(views.statements);
    notes.extend(views.notes);
    let began = begin(versions, pipeline, offsets, from, &live).await?;
    commit(versions, version, &began).await?;
    Ok(Started { statements, notes, active: state.active, began })
}

/// The version that is read before the first start: the one before in the file. In a database where none has ever
/// run, it is the new one, which nobody has to be switched to.
async fn read_now(versions: &Versions<'_>, version: Version) -> Result<Version, Error> {
    let lower = versions.pipelines.iter().map(|pipeline| pipeline.version).filter(|it| *it < version).max();
    if let Some(lower) = lower {
        return Ok(lower);
    }
    let first = versions.identity(Version::FIRST);
    let [positions] = positions::now(versions.live.database, [&first]).await?;
    Ok(if positions.is_empty() { version } else { Version::FIRST })
}

/// What the version's tables lack, and the merged views of all versions that have their tables.
async fn tables(versions: &Versions<'_>, pipeline: &Ingest, keys: &[PrimaryKey]) -> Result<Plan, Error> {
    let live = &versions.live;
    let mut planned = plan::plan(live, pipeline, keys).await?;
    for other in versions.pipelines.iter().filter(|other| other.version != pipeline.version) {
        if live.tables(other).await?.iter().all(Option::is_some) {
            planned.statements.extend(plan::merged_views(live, other).await?.statements);
        }
    }
    Ok(planned)
}

/// Where each partition begins.
async fn begin(
    versions: &Versions<'_>,
    pipeline: &Ingest,
    offsets: &Offsets,
    from: &Beginning,
    live: &Positions,
) -> Result<Vec<Began>, Error> {
    let mut logs = BTreeMap::new();
    for topic in topics(pipeline, from, live) {
        let count = offsets.partition_count(topic, LIMIT).await?;
        let count = count.ok_or_else(|| refused(versions, format!("topic `{topic}` does not exist")))?;
        for number in 0..count {
            let partition = Partition { topic: topic.into(), number };
            let log = log::range(offsets, &partition).await?;
            logs.insert(partition, log);
        }
    }
    if logs.is_empty() {
        let message =
            "no topic is known yet that its pattern matches; run the version before first, or give offsets";
        return Err(refused(versions, message.to_owned()));
    }
    if let Beginning::Offsets(given) = from
        && let Some(unknown) = given.keys().find(|partition| !logs.contains_key(*partition))
    {
        return Err(refused(versions, format!("{unknown} is no partition that the pipeline reads")));
    }
    let mut began = Vec::with_capacity(logs.len());
    for (partition, log) in logs {
        let at = match from {
            Beginning::Earliest => log.start,
            // A record that was not there a moment ago may be beyond what is known as the end.
            Beginning::Time(time) => {
                let at =
                    offsets.at_time(&topic_partition(&partition), time.timestamp_millis(), LIMIT).await?;
                at.clamp(log.start, log.end)
            }
            Beginning::Offsets(given) => *given.get(&partition).ok_or_else(|| {
                refused(versions, format!("no offset is given for {}/{}", partition.topic, partition.number))
            })?,
        };
        within(at, log).map_err(|why| refused(versions, format!("{partition}: {why}")))?;
        began.push(Began { partition, at, log });
    }
    Ok(began)
}

/// Those of a pattern are those that the active version has met.
fn topics<'a>(pipeline: &'a Ingest, from: &'a Beginning, live: &'a Positions) -> BTreeSet<&'a str> {
    let named: BTreeSet<&str> = pipeline.topics.names().iter().map(|topic| topic.as_str()).collect();
    if !named.is_empty() {
        return named;
    }
    let mut known: BTreeSet<&str> = live.keys().map(|partition| &*partition.topic).collect();
    if let Beginning::Offsets(given) = from {
        known.extend(given.keys().map(|partition| &*partition.topic));
    }
    known
}

/// What is wrong with an offset.
fn within(at: Offset, log: LogRange) -> Result<(), String> {
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

/// The same mutations as a worker's own registration, so that of the two only one comes through.
async fn commit(versions: &Versions<'_>, version: Version, began: &[Began]) -> Result<(), Error> {
    let (database, identity) = (versions.live.database, versions.identity(version));
    let mutations =
        || began.iter().flat_map(|it| register_partition(&identity, &it.partition, it.at)).collect();
    let mut in_doubt = false;
    for _ in 0..ATTEMPTS {
        let Err(error) = database.commit(mutations(), CommitOptions::default()).await else { return Ok(()) };
        match error.kind() {
            Spanner::Aborted | Spanner::Unavailable => {}
            Spanner::InDoubt => in_doubt = true,
            Spanner::AlreadyExists => {
                let first = positions::first(database, &identity).await?;
                // Ours, if the answer to an earlier attempt was lost.
                if in_doubt && began.iter().all(|it| first.get(&it.partition) == Some(&it.at)) {
                    return Ok(());
                }
                let [stored] = positions::now(database, [&identity]).await?;
                return Err(already(versions, version, &stored));
            }
            _ => return Err(error.into()),
        }
        tokio::time::sleep(PAUSE).await;
    }
    let message = "the positions could not be registered: other commits were always in the way; run it again";
    Err(versions.error(ErrorKind::Stopped, message))
}

fn already(versions: &Versions<'_>, version: Version, stored: &Positions) -> Error {
    let offsets: i64 = stored.values().fold(0, |sum, offset| sum.saturating_add(*offset));
    let count = stored.len();
    let message = format!(
        "version {version} has been started: it has positions in {count} partitions, whose next offsets add up to \
         {offsets}"
    );
    versions.error(ErrorKind::Started, message)
}

fn refused(versions: &Versions<'_>, message: String) -> Error {
    versions.error(ErrorKind::Beginning, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_must_be_one_that_the_log_still_holds() {
        let log = LogRange { start: 100, end: 200 };
        assert_eq!([100, 150, 200].map(|at| within(at, log)), [Ok(()), Ok(()), Ok(())]);
        assert!(within(40, log).unwrap_err().contains("60 offsets from 40 on are gone"));
        assert!(within(201, log).unwrap_err().contains("beyond the end"));
    }
}
