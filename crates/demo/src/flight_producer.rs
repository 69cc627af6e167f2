//! Produces the flights to Kafka, in the order of the file.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use chrono::SubsecRound as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use spanbridge_kafka::{ClientOptions, Message, Producer};
use spanbridge_protocol::value::Timestamp;
use spanbridge_schema::{AvroSchema, Registry, encode_avro};

use super::flights::{Flight, SCHEMA};
use crate::error::Result;

/// The timeout of a message until it is acknowledged.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// One record in this many carries a trace context, as from a traced producer.
const RECORDS_PER_TRACE: usize = 100;

/// The timestamp of each flight's record, in the order of the flights, in whole milliseconds as in Kafka.
pub(super) type SendTimes = Vec<Timestamp>;

/// A producer of flights.
pub(super) struct FlightProducer {
    producer: Producer,
    topic: String,
    schema: AvroSchema,
    schema_id: u32,
    random: ChaCha8Rng,
    send_times: SendTimes,
}

impl FlightProducer {
    /// Creates the producer and registers the schema of the values.
    pub(super) async fn new(
        kafka: &ClientOptions,
        registry: &Registry,
        topic: &str,
        subject: &str,
        seed: u64,
    ) -> Result<Self> {
        let schema = AvroSchema::parse(SCHEMA)?;
        let schema_id = registry.register(subject, &schema).await?;
        Ok(Self {
            producer: Producer::new(kafka, DELIVERY_TIMEOUT)?,
            topic: topic.to_owned(),
            schema,
            schema_id,
            random: ChaCha8Rng::seed_from_u64(seed),
            send_times: SendTimes::new(),
        })
    }

    /// Produces a range of the flights, which follows the previous range, and waits until all are acknowledged.
    pub(super) async fn produce(&mut self, flights: &[Flight], range: Range<usize>) -> Result<()> {
        for flight in flights.get(range).unwrap_or_default() {
            let now = Timestamp::from(SystemTime::now()).trunc_subsecs(3);
            let value = encode_avro(self.schema_id, &self.schema, &flight.to_avro())?;
            let mut message = Message::new(self.topic.as_str()).with_key(flight.key()).with_value(value);
            message.timestamp_ms = Some(now.timestamp_millis());
            if self.send_times.len().is_multiple_of(RECORDS_PER_TRACE) {
                let header = self.traceparent();
                message.headers.push(("traceparent".to_owned(), Some(header.into_bytes())));
            }
            self.producer.send(&message).await?;
            self.send_times.push(now);
        }
        Ok(self.producer.flush().await?)
    }

    /// Returns the timestamps of the produced records.
    pub(super) fn into_send_times(self) -> SendTimes {
        self.send_times
    }

    /// Returns a random header; source: <https://www.w3.org/TR/trace-context/#traceparent-header>.
    fn traceparent(&mut self) -> String {
        let (trace, span): (u128, u64) = (self.random.random(), self.random.random());
        format!("00-{:032x}-{:016x}-01", trace.max(1), span.max(1))
    }
}
