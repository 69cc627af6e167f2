//! Requests for incremental snapshots, for the command `spanbridge snapshot`.
//!
//! A request is a record of the state topic. The owner of shard 0 carries requests out one after the other; this module
//! only writes, cancels and reads them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use spanbridge_config::Publish;
use spanbridge_kafka::{ClientOptions, ErrorKind as KafkaKind, Producer, Reader, TopicPartition};
use spanbridge_protocol::publish::{
    IncrementalSnapshot, Origin, RequestId, SnapshotRequest, StateKey, StateRecord, StateValue,
};
use spanbridge_spanner::Database;

use crate::shard::{decode, encode};
use crate::table_filter::is_published;
use crate::{Error, ErrorKind};

/// How long one read or write of the state topic may take.
const STATE_TOPIC_TIMEOUT: Duration = Duration::from_secs(30);

/// The incremental snapshots of one pipeline.
pub struct SnapshotRequests<'a> {
    publish: &'a Publish,
    kafka: &'a ClientOptions,
    state_topic: Arc<str>,
}

/// The requests of a pipeline and their progress.
#[derive(Debug, Clone, Default)]
pub struct SnapshotStatus {
    origin: Option<Origin>,
    /// The requests that are not finished, including the one that is being carried out.
    pub open: BTreeMap<RequestId, SnapshotRequest>,
    /// The request that is being carried out, or the last one that was.
    pub last: Option<IncrementalSnapshot>,
}

impl SnapshotStatus {
    /// True if the pipeline publishes changes: its initial snapshot, if it has one, is finished.
    pub fn has_begun(&self) -> bool {
        self.origin.as_ref().is_some_and(|origin| origin.snapshot.is_none())
    }
}

impl<'a> SnapshotRequests<'a> {
    /// Returns the requests of this pipeline.
    pub fn new(publish: &'a Publish, kafka: &'a ClientOptions) -> Self {
        Self { publish, kafka, state_topic: publish.state_topic().into() }
    }

    /// Reads the requests and their progress from the state topic.
    ///
    /// # Errors
    /// Errors of Kafka, and a state record that this version cannot read.
    pub async fn status(&self) -> Result<SnapshotStatus, Error> {
        let mut status = SnapshotStatus::default();
        let partition = TopicPartition::new(self.state_topic.clone(), 0);
        let reader = Reader::new(self.kafka, STATE_TOPIC_TIMEOUT)?;
        let records = match reader.read_partition_to_end(&partition, None).await {
            Err(error) if error.kind() == KafkaKind::NotFound => return Ok(status),
            records => records?,
        };
        for record in &records {
            match decode(&self.publish.name, record)? {
                (StateKey::Origin, Some(StateValue::Origin(origin))) => status.origin = Some(origin),
                (StateKey::SnapshotRequest(id), Some(StateValue::SnapshotRequest(request))) => {
                    status.open.insert(id, request);
                }
                (StateKey::SnapshotRequest(id), _) => _ = status.open.remove(&id),
                (StateKey::IncrementalSnapshot, Some(StateValue::IncrementalSnapshot(snapshot))) => {
                    status.last = Some(snapshot)
                }
                _ => {}
            }
        }
        Ok(status)
    }

    /// Requests an incremental snapshot of these tables, and returns the id of the request.
    ///
    /// # Errors
    /// [`ErrorKind::SnapshotRefused`] when the pipeline has not started or does not publish a table. Errors of Kafka
    /// and Spanner.
    pub async fn submit(&self, database: &Database, tables: &[String]) -> Result<RequestId, Error> {
        match self.status().await?.origin {
            None => return Err(self.refused("the pipeline has not begun; start its workers first")),
            Some(Origin { snapshot: Some(_), .. }) => {
                return Err(self.refused(
                    "the pipeline is still reading its initial snapshot; wait until it is finished",
                ));
            }
            Some(_) => {}
        }
        let tables = self.published_names(database, tables).await?;
        let millis = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let random = uuid::Uuid::new_v4().simple().to_string();
        // Requests are carried out in the order of their ids.
        let id: RequestId = format!("{millis:013}-{}", &random[..8]).into();
        self.write(&id, Some(StateValue::SnapshotRequest(SnapshotRequest { tables }))).await?;
        Ok(id)
    }

    /// Cancels a request. Rows that are already being read are still published.
    ///
    /// # Errors
    /// [`ErrorKind::SnapshotRefused`] when the request does not exist or is finished. Errors of Kafka.
    pub async fn cancel(&self, id: &str) -> Result<(), Error> {
        let status = self.status().await?;
        let Some((id, _)) = status.open.get_key_value(id) else {
            return Err(self.refused(&format!("there is no request {id}, or it has been carried out")));
        };
        self.write(id, None).await
    }

    /// Returns the tables' names in Spanner's spelling, without repetitions.
    async fn published_names(
        &self,
        database: &Database,
        requested: &[String],
    ) -> Result<Vec<Arc<str>>, Error> {
        let Some(stream) = database.change_stream(&self.publish.change_stream).await? else {
            return Err(self.refused(&format!("there is no change stream {}", self.publish.change_stream)));
        };
        let mut published = database.table_names().await?;
        published.retain(|table| is_published(self.publish, &stream, table));
        let mut tables: Vec<Arc<str>> = Vec::new();
        for name in requested {
            let Some(table) = published.iter().find(|table| table.eq_ignore_ascii_case(name)) else {
                let published = published.join(", ");
                return Err(self.refused(&format!("table {name} is not published; these are: {published}")));
            };
            if !tables.iter().any(|known| **known == **table) {
                tables.push(table.as_str().into());
            }
        }
        Ok(tables)
    }

    async fn write(&self, id: &RequestId, value: Option<StateValue>) -> Result<(), Error> {
        let record = StateRecord { shard: 0, key: StateKey::SnapshotRequest(id.clone()), value };
        let message = encode(&self.publish.name, &self.state_topic, &record)?;
        let producer = Producer::new(self.kafka, STATE_TOPIC_TIMEOUT)?;
        producer.send(&message).await?;
        Ok(producer.flush().await?)
    }

    fn refused(&self, why: &str) -> Error {
        Error::new(ErrorKind::SnapshotRefused, &self.publish.name, why)
    }
}
