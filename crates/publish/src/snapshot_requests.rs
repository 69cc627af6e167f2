//! Asks a pipeline to publish the rows of some tables again.
//!
//! A request is a record of the state topic, which the owner of shard 0 carries out.

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
use crate::table_filter::publishes;
use crate::{Error, ErrorKind};

/// Of one read or write of the state topic.
const LIMIT: Duration = Duration::from_secs(30);

/// The requests of one pipeline.
pub struct SnapshotRequests<'a> {
    publish: &'a Publish,
    kafka: &'a ClientOptions,
    topic: Arc<str>,
}

/// How they stand.
#[derive(Debug, Clone, Default)]
pub struct SnapshotStatus {
    origin: Option<Origin>,
    /// Those that are not done, also the one that is being carried out.
    pub open: BTreeMap<RequestId, SnapshotRequest>,
    /// The one that is being carried out, or was last.
    pub last: Option<IncrementalSnapshot>,
}

impl SnapshotStatus {
    /// True if the pipeline publishes changes: its snapshot, if it has one, is done.
    pub fn has_begun(&self) -> bool {
        self.origin.as_ref().is_some_and(|origin| origin.snapshot.is_none())
    }
}

impl<'a> SnapshotRequests<'a> {
    /// Those of that pipeline.
    pub fn new(publish: &'a Publish, kafka: &'a ClientOptions) -> Self {
        Self { publish, kafka, topic: publish.state_topic().into() }
    }

    /// How they stand, as of the state topic's end.
    ///
    /// # Errors
    /// Those of Kafka, and a record that this version cannot read.
    pub async fn standing(&self) -> Result<SnapshotStatus, Error> {
        let mut standing = SnapshotStatus::default();
        let of_shard_0 = TopicPartition::new(self.topic.clone(), 0);
        let records = match Reader::new(self.kafka, LIMIT)?.read_partition_to_end(&of_shard_0, None).await {
            Err(error) if error.kind() == KafkaKind::NotFound => return Ok(standing),
            records => records?,
        };
        for record in &records {
            match decode(&self.publish.name, record)? {
                (StateKey::Origin, Some(StateValue::Origin(origin))) => standing.origin = Some(origin),
                (StateKey::SnapshotRequest(id), Some(StateValue::SnapshotRequest(request))) => {
                    standing.open.insert(id, request);
                }
                (StateKey::SnapshotRequest(id), _) => _ = standing.open.remove(&id),
                (StateKey::IncrementalSnapshot, Some(StateValue::IncrementalSnapshot(reread))) => {
                    standing.last = Some(reread)
                }
                _ => {}
            }
        }
        Ok(standing)
    }

    /// Asks that all rows of these tables be published again.
    ///
    /// # Errors
    /// [`ErrorKind::Request`] when the pipeline has not begun, or does not publish a table. Those of Kafka and Spanner.
    pub async fn ask(&self, database: &Database, tables: &[String]) -> Result<RequestId, Error> {
        match self.standing().await?.origin {
            None => return Err(self.refused("the pipeline has not begun; start its workers first")),
            Some(Origin { snapshot: Some(_), .. }) => {
                return Err(
                    self.refused("the pipeline is still reading its first snapshot; wait for its changes")
                );
            }
            Some(_) => {}
        }
        let tables = self.tables(database, tables).await?;
        let millis = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let random = uuid::Uuid::new_v4().simple().to_string();
        // SnapshotRequests are carried out in the order of their names.
        let id: RequestId = format!("{millis:013}-{}", &random[..8]).into();
        self.write(&id, Some(StateValue::SnapshotRequest(SnapshotRequest { tables }))).await?;
        Ok(id)
    }

    /// Takes a request back; what is being read of it is still published.
    ///
    /// # Errors
    /// [`ErrorKind::Request`] when there is no such request any more. Those of Kafka.
    pub async fn take_back(&self, id: &str) -> Result<(), Error> {
        let standing = self.standing().await?;
        let Some((id, _)) = standing.open.get_key_value(id) else {
            return Err(self.refused(&format!("there is no request {id}, or it has been carried out")));
        };
        self.write(id, None).await
    }

    /// Their names as Spanner has them.
    async fn tables(&self, database: &Database, wanted: &[String]) -> Result<Vec<Arc<str>>, Error> {
        let Some(stream) = database.change_stream(&self.publish.change_stream).await? else {
            return Err(self.refused(&format!("there is no change stream {}", self.publish.change_stream)));
        };
        let mut published = database.table_names().await?;
        published.retain(|table| publishes(self.publish, &stream, table));
        let mut tables: Vec<Arc<str>> = Vec::new();
        for name in wanted {
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
        let message = encode(&self.publish.name, &self.topic, &record)?;
        let producer = Producer::new(self.kafka, LIMIT)?;
        producer.send(&message).await?;
        Ok(producer.flush().await?)
    }

    fn refused(&self, why: &str) -> Error {
        Error::new(ErrorKind::Request, &self.publish.name, why)
    }
}
