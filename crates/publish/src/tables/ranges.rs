//! The division of a table into key ranges for a snapshot.

use std::sync::Arc;

use spanbridge_config::Publish;
use spanbridge_protocol::publish::SnapshotRange;
use spanbridge_protocol::table::Table;
use spanbridge_spanner::Snapshot;

use crate::failure::Failure;
use crate::policy::{self, Action};
use crate::transform::key_text;
use crate::{Error, ErrorKind};

/// Ranges of a table for each shard. With several, one slow range is only a part of a shard's work.
const RANGES_PER_SHARD: usize = 4;
/// Keys that are sampled for each range, so that ranges have about as many rows each.
const SAMPLES_PER_RANGE: usize = 32;
/// Ranges of a table of an incremental snapshot.
const MAX_INCREMENTAL_RANGES: usize = 32;

/// Divides a table into ranges of its key that together contain every row.
pub(super) async fn divide(
    publish: &Publish,
    table: &Table,
    snapshot: &Snapshot,
) -> Result<Vec<SnapshotRange>, Failure> {
    let name = &table.name;
    let key = table.key();
    let key: Vec<_> = key.iter().map(|c| (c.name.clone(), c.ty.clone(), c.key_descending)).collect();
    let ranges = RANGES_PER_SHARD * usize::from(publish.shards);
    let sample = match snapshot.sample_keys(name, &key, ranges * SAMPLES_PER_RANGE).await {
        // Sampling reads every key, which may exceed the time limit of a query. A table can also be read undivided.
        Err(error) if !matches!(policy::spanner(error.kind()), Action::Stop(_)) => {
            tracing::warn!(pipeline = %publish.name, table = name, %error, "Table could not be divided");
            Vec::new()
        }
        sample => sample?,
    };
    // A sample smaller than requested contains all rows, which is too few to divide.
    let cuts = if sample.len() < ranges * SAMPLES_PER_RANGE { &[][..] } else { &sample };
    let cuts = cuts.iter().skip(SAMPLES_PER_RANGE).step_by(SAMPLES_PER_RANGE);
    let cuts = cuts.map(|key| key_text(key).map(|key| Some(Arc::from(key))));
    let bug = |why| Error::new(ErrorKind::Bug, &publish.name, format!("table {name}: {why}"));
    let mut cuts: Vec<Option<Arc<str>>> = cuts.collect::<Result<_, String>>().map_err(bug)?;
    cuts.push(None);
    let mut after = None;
    let range = |through: Option<Arc<str>>| SnapshotRange {
        table: name.as_str().into(),
        at: snapshot.at(),
        after: std::mem::replace(&mut after, through.clone()),
        through,
        rows: 0,
    };
    Ok(cuts.into_iter().map(range).collect())
}

/// Joins neighbouring ranges until there are few enough for an incremental snapshot.
pub(super) fn join_neighbours(ranges: Vec<SnapshotRange>) -> Vec<SnapshotRange> {
    let neighbours = ranges.len().div_ceil(MAX_INCREMENTAL_RANGES);
    if neighbours <= 1 {
        return ranges;
    }
    let join = |ranges: &[SnapshotRange]| {
        let through = ranges.last().and_then(|last| last.through.clone());
        SnapshotRange { through, ..ranges[0].clone() }
    };
    ranges.chunks(neighbours).map(join).collect()
}
