//! Reads the results of a run into its history, after the workers have stopped.

use std::collections::BTreeMap;

use spanbridge_kafka::Reader;
use spanbridge_protocol::table::Table;
use spanbridge_protocol::value::Value;
use spanbridge_verify::oracle::StreamHistory;
use spanbridge_verify::{positions, published, rows};

use crate::Result;
use crate::history::{
    IngestHistory, LogRecord, PublishHistory, ReceivedRow, RecordAttempt, TopicHistory, TransactionAttempt,
};
use crate::progress::{ends, topic};
use crate::world::{INGEST, KAFKA_TIMEOUT, PIPELINES, TABLES, TOPIC, World};

/// Reads the source topic and the tables that ingest wrote.
pub(crate) async fn ingest(world: &World, attempts: Vec<RecordAttempt>) -> Result<IngestHistory> {
    let records = Reader::new(&world.client, KAFKA_TIMEOUT)?.read_to_end(TOPIC).await?;
    let mut log = Vec::with_capacity(records.len());
    for record in records {
        let key = String::from_utf8(record.key.unwrap_or_default())?;
        let value: serde_json::Value = serde_json::from_slice(&record.value.unwrap_or_default())?;
        let number = value["number"].as_i64().ok_or("a record of the source topic has no number")?;
        log.push(LogRecord { partition: record.partition.into(), offset: record.offset, key, number });
    }
    let mut received = Vec::new();
    for row in rows_of(world, "Received").await? {
        let [Value::Int64(partition), Value::Int64(offset), Value::Int64(number)] = row.as_slice() else {
            return Err(unexpected("Received"));
        };
        received.push(ReceivedRow { partition: *partition, offset: *offset, number: *number });
    }
    let mut latest = BTreeMap::new();
    for row in rows_of(world, "Latest").await? {
        let [Value::String(key), Value::Int64(number)] = row.as_slice() else {
            return Err(unexpected("Latest"));
        };
        latest.insert(key.clone(), *number);
    }
    let mut totals = BTreeMap::new();
    for row in rows_of(world, "Totals").await? {
        let [Value::String(key), Value::Int64(records), Value::Int64(sum)] = row.as_slice() else {
            return Err(unexpected("Totals"));
        };
        totals.insert(key.clone(), (*records, *sum));
    }
    let dead_letters = positions::count_dead_letters(&world.database, INGEST).await?;
    let positions = positions::read(&world.database, INGEST).await?;
    let ends = ends(world).await?;
    Ok(IngestHistory { attempts, log, received, latest, totals, dead_letters, positions, ends })
}

/// Reads the published topics and the tables of the change stream.
pub(crate) async fn publish(
    world: &World,
    attempts: Vec<TransactionAttempt>,
    happened: StreamHistory,
) -> Result<PublishHistory> {
    let mut history = PublishHistory {
        attempts,
        changes: happened.changes.into_iter().map(|change| change.id).collect(),
        ancestry: happened.ancestry,
        ..PublishHistory::default()
    };
    for (name, number_column) in TABLES {
        let table = table(world, name).await?;
        history.rows.insert(name, rows::read(&world.database, &table).await?);
        for (pipeline, is_atomic) in PIPELINES {
            let topic = topic(pipeline, name);
            let records = published::read(&world.client, &world.registry, &topic, &table).await?;
            history.topics.push(TopicHistory { pipeline, table: name, is_atomic, number_column, records });
        }
    }
    Ok(history)
}

async fn rows_of(world: &World, name: &str) -> Result<Vec<Vec<Value>>> {
    let rows = rows::read(&world.database, &table(world, name).await?).await?;
    Ok(rows.into_values().collect())
}

async fn table(world: &World, name: &str) -> Result<Table> {
    Ok(world.database.table(name).await?.ok_or_else(|| format!("the table {name} does not exist"))?)
}

fn unexpected(table: &str) -> Box<dyn std::error::Error + Send + Sync> {
    format!("a row of {table} does not have the columns of its table").into()
}
