//! Produces the flights, in the order of the file.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use chrono::SubsecRound as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use spanbridge_kafka::{ClientOptions, Message, Producer};
use spanbridge_protocol::value::Timestamp;
use spanbridge_schema::{Registry, Schema, encode};

use super::flights::{Flight, SCHEMA};
use crate::Result;

/// Of a message, until it is acknowledged.
const LIMIT: Duration = Duration::from_secs(60);

/// One record in so many carries a trace context, as if its producer were traced.
const TRACED: usize = 100;

/// When each flight's record was made, in the order of the flights; whole milliseconds, as Kafka has it.
pub(super) type Sent = Vec<Timestamp>;

/// A producer of flights.
pub(super) struct Load {
    producer: Producer,
    topic: String,
    schema: Schema,
    schema_id: u32,
    random: ChaCha8Rng,
    sent: Sent,
}

impl Load {
    /// Registers the schema of the values.
    pub(super) async fn new(
        kafka: &ClientOptions,
        registry: &Registry,
        topic: &str,
        subject: &str,
        seed: u64,
    ) -> Result<Self> {
        let schema = Schema::parse(SCHEMA)?;
        let schema_id = registry.register(subject, &schema).await?;
        Ok(Self {
            producer: Producer::new(kafka, LIMIT)?,
            topic: topic.to_owned(),
            schema,
            schema_id,
            random: ChaCha8Rng::seed_from_u64(seed),
            sent: Sent::new(),
        })
    }

    /// Produces this range of the flights, the one after the last, until all are acknowledged.
    pub(super) async fn produce(&mut self, flights: &[Flight], range: Range<usize>) -> Result<()> {
        for flight in flights.get(range).unwrap_or_default() {
            let now = Timestamp::from(SystemTime::now()).trunc_subsecs(3);
            let value = encode::encode(self.schema_id, &self.schema, &flight.to_avro())?;
            let mut message = Message::new(self.topic.as_str()).with_key(flight.key()).with_value(value);
            message.timestamp_ms = Some(now.timestamp_millis());
            if self.sent.len().is_multiple_of(TRACED) {
                let header = self.traceparent();
                message.headers.push(("traceparent".to_owned(), Some(header.into_bytes())));
            }
            self.producer.send(&message).await?;
            self.sent.push(now);
        }
        Ok(self.producer.flush().await?)
    }

    /// When each was made.
    pub(super) fn into_sent(self) -> Sent {
        self.sent
    }

    /// <https://www.w3.org/TR/trace-context/#traceparent-header>
    fn traceparent(&mut self) -> String {
        let (trace, span): (u128, u64) = (self.random.random(), self.random.random());
        format!("00-{:032x}-{:016x}-01", trace.max(1), span.max(1))
    }
}
