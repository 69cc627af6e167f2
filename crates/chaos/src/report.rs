//! The printed results, and the history as a file.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::Result;
use crate::check::{Anomaly, Direction, Kind};
use crate::fault::Fault;
use crate::fleet::Fleet;
use crate::history::{History, Outcome};

/// The number of examples of each kind of anomaly.
const MAX_EXAMPLES: usize = 5;

/// The durations of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Durations {
    /// The time of writing and faults.
    pub(crate) faults: Duration,
    /// The time from the end of the last fault until everything was processed.
    pub(crate) recovery: Duration,
}

/// Prints faults, figures and anomalies.
pub(crate) fn print(
    history: &History,
    anomalies: &[Anomaly],
    faults: &BTreeMap<Fault, u64>,
    fleets: &[Fleet; 2],
    durations: Durations,
) {
    println!("faults: {}", faults.values().sum::<u64>());
    for (fault, count) in faults {
        println!("  {count:>8}  {}", fault.name());
    }
    // Workers that were killed while they did not answer are not counted.
    let aborted = fleets[0].metrics().sum("spanbridge_ingest_commits_total", &["outcome=\"aborted\""]);
    // The sum of no numbers is -0.
    let aborted = aborted.abs();
    println!("  {aborted:>8}  commits of ingest aborted by the emulator, at least");
    let records = outcomes(history.ingest.attempts.iter().map(|attempt| attempt.outcome));
    println!("records: {} ({records})", history.ingest.attempts.len());
    let transactions = outcomes(history.publish.attempts.iter().map(|attempt| attempt.outcome));
    println!("transactions: {} ({transactions})", history.publish.attempts.len());
    println!("rows written by ingest for each record: {}", history.ingest.received.len());
    println!("changes: {}", history.publish.changes.len());
    for topic in &history.publish.topics {
        println!("  {:>8}  records in {}.{}", topic.records.len(), topic.pipeline, topic.table);
    }
    println!(
        "duration: {:.0} s with faults, {:.0} s until everything was processed",
        durations.faults.as_secs_f64(),
        durations.recovery.as_secs_f64()
    );
    println!("anomalies: {}", anomalies.len());
    let mut kinds: BTreeMap<(Direction, Kind), Vec<&str>> = BTreeMap::new();
    for Anomaly { direction, kind, example } in anomalies {
        kinds.entry((*direction, *kind)).or_default().push(example);
    }
    for ((direction, kind), examples) in kinds {
        println!("  {:>8}  {} ({direction})", examples.len(), kind.name());
        for example in examples.iter().take(MAX_EXAMPLES) {
            println!("            {example}");
        }
    }
}

fn outcomes(outcomes: impl Iterator<Item = Outcome>) -> String {
    let mut counts = [0_u64; 3];
    for outcome in outcomes {
        let index = match outcome {
            Outcome::Committed => 0,
            Outcome::Aborted => 1,
            Outcome::Unknown => 2,
        };
        counts[index] += 1;
    }
    let [committed, aborted, unknown] = counts;
    format!("{committed} committed, {aborted} aborted, {unknown} with an unknown outcome")
}

/// Writes the history and the anomalies into the folder, one event a line.
pub(crate) fn write_history(folder: &Path, history: &History, anomalies: &[Anomaly]) -> Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(folder.join("history.txt"))?);
    for anomaly in anomalies {
        writeln!(file, "{anomaly:?}")?;
    }
    let History { ingest, publish, stalls: _, exits: _ } = history;
    ingest.attempts.iter().try_for_each(|event| writeln!(file, "{event:?}"))?;
    ingest.log.iter().try_for_each(|event| writeln!(file, "{event:?}"))?;
    ingest.received.iter().try_for_each(|event| writeln!(file, "{event:?}"))?;
    writeln!(file, "latest {:?}\ntotals {:?}", ingest.latest, ingest.totals)?;
    writeln!(file, "positions {:?}\nends {:?}", ingest.positions, ingest.ends)?;
    publish.attempts.iter().try_for_each(|event| writeln!(file, "{event:?}"))?;
    publish.changes.iter().try_for_each(|event| writeln!(file, "happened {event}"))?;
    for topic in &publish.topics {
        for record in &topic.records {
            let (pipeline, table) = (topic.pipeline, topic.table);
            let (partition, offset, key) = (record.partition, record.offset, &record.key);
            let change = record.change.as_ref().map(|change| (&change.id, &change.token, &change.after));
            writeln!(file, "published {pipeline}.{table}[{partition}]@{offset} {key:?} {change:?}")?;
        }
    }
    Ok(file.flush()?)
}
