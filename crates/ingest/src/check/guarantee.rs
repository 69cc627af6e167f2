//! The guarantees of a pipeline in plain words.

use spanbridge_config::{
    Ingest, IngestTable, IngestTransaction, OnError, OnGap, Ownership, RowsTable, Tombstones,
};

/// Returns a sentence for each guarantee, and one for the guarantees that are not given.
#[must_use]
pub fn guarantee(pipeline: &Ingest) -> Vec<String> {
    let mut sentences = vec![
        "Each record takes effect exactly once: the next offset is committed in Spanner together with the rows, and a \
         commit that does not hold the stored offset fails as a whole."
            .to_owned(),
    ];
    if pipeline.tables.len() > 1 {
        let count = pipeline.tables.len();
        sentences.push(format!(
            "A commit writes all {count} tables or none: no reader sees a record half applied."
        ));
    }
    sentences.extend(pipeline.tables.iter().map(of_table));
    let reads = pipeline.tables.iter().any(|table| table.transaction() == IngestTransaction::ReadWrite);
    if reads && pipeline.tables.iter().any(|table| table.transaction() == IngestTransaction::Blind) {
        let why = "Where a commit must read under a lock, all its tables are in that read-write transaction.";
        sentences.push(why.to_owned());
    }
    sentences.push(match pipeline.on_error {
        OnError::DeadLetter => {
            "A record that cannot be decoded, mapped or stored becomes a dead letter in the commit that moves past it: \
             none is lost, but its rows are missing until it is replayed."
        }
        OnError::Stop => "A record that cannot be decoded, mapped or stored stops its partition.",
    }
    .to_owned());
    sentences.push(match pipeline.on_gap {
        OnGap::Stop => "When the log no longer holds the position, the partition stops.",
        OnGap::Skip => {
            "When the log no longer holds the position, the partition continues at the log's start: records that \
             Kafka has deleted are NOT applied, but the gap is stored."
        }
    }
    .to_owned());
    sentences.push(
        "Not promised: an order between records of different partitions, and that a producer sent each record once."
            .to_owned(),
    );
    sentences
}

fn of_table(table: &IngestTable) -> String {
    let name = table.table();
    match table {
        IngestTable::Rows(rows) => format!("{name}: {}", of_rows(rows)),
        IngestTable::Aggregates(table) => match table.ownership {
            Ownership::Partition => format!(
                "{name}: blind writes, because each row belongs to one partition, whose worker knows it; a group in several \
                 partitions has a row in each."
            ),
            Ownership::Shared => format!(
                "{name}: read-write, because all partitions write the single row of a group: each commit reads and locks it."
            ),
        },
    }
}

fn of_rows(rows: &RowsTable) -> String {
    let mut sentence = match (rows.transaction, &rows.version) {
        (IngestTransaction::ReadWrite, Some(version)) => {
            format!("read-write, because {version} is compared under a lock: an older record never overwrites a newer row")
        }
        (IngestTransaction::ReadWrite, None) => "read-write, because the file requests it".to_owned(),
        (IngestTransaction::Blind, Some(version)) => format!(
            "blind, because the file promises that each key is in one partition only; otherwise a record of an \
             older {version} may overwrite a newer row"
        ),
        (IngestTransaction::Blind, None) => {
            "blind, because no stored row is needed; rows of one key follow the order of its partition, and between \
             partitions the last commit wins"
                .to_owned()
        }
    };
    if rows.tombstones == Tombstones::Ignore {
        sentence.push_str("; a tombstone changes nothing");
    }
    sentence.push('.');
    sentence
}
