//! Partitions, records as they are read, and messages as they are sent.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rdkafka::message::{BorrowedMessage, Headers, Message as _, OwnedHeaders};

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Names partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        TopicPartition { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

/// A header: its name, and its value, which is `None` for null.
pub type Header = (String, Option<Vec<u8>>);

/// A record that was read from a partition. `Debug` leaves out key, value and headers.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: i32,
    /// The record's offset in its partition.
    pub offset: i64,
    /// The record's timestamp in milliseconds since 1970, set by the producer or the broker (the topic's
    /// `message.timestamp.type`).
    pub timestamp_ms: Option<i64>,
    /// The key, or `None` for null.
    pub key: Option<Vec<u8>>,
    /// The value, or `None` for null (a tombstone).
    pub value: Option<Vec<u8>>,
    /// The headers in the producer's order. Names may repeat. A name that is not UTF-8 is read as `U+FFFD`
    /// with a null value.
    pub headers: Vec<Header>,
}

impl Record {
    /// Copies a message out of librdkafka's memory.
    pub(crate) fn from_borrowed(topic: &Arc<str>, message: &BorrowedMessage<'_>) -> Self {
        Record {
            topic: topic.clone(),
            partition: message.partition(),
            offset: message.offset(),
            timestamp_ms: message.timestamp().to_millis(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: message.headers().map(read_headers).unwrap_or_default(),
        }
    }

    /// Returns roughly how many bytes of memory this record occupies.
    pub fn size(&self) -> usize {
        let len = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers: usize = self.headers.iter().map(|(k, v)| k.len() + len(v) + 48).sum();
        size_of::<Self>() + len(&self.key) + len(&self.value) + headers
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("key_len", &self.key.as_ref().map(Vec::len))
            .field("value_len", &self.value.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

fn read_headers<H: Headers>(headers: &H) -> Vec<Header> {
    (0..headers.count())
        .map(|i| {
            // rdkafka panics on a name that is not UTF-8, and data must not end the process.
            catch_unwind(AssertUnwindSafe(|| {
                let header = headers.get(i);
                (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
            }))
            .unwrap_or_else(|_| ("\u{FFFD}".to_owned(), None))
        })
        .collect()
}

/// A message to be sent. `Debug` leaves out key, value and headers.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number. `None` chooses it by the murmur2 hash of the key, as Java's default
    /// partitioner does, or at random for a null key.
    pub partition: Option<i32>,
    /// The key, or `None` for null.
    pub key: Option<Vec<u8>>,
    /// The value, or `None` for null (a tombstone).
    pub value: Option<Vec<u8>>,
    /// The headers, which keep this order.
    pub headers: Vec<Header>,
    /// The timestamp in milliseconds since 1970; `None` is the time of sending. librdkafka also replaces 0 by
    /// that time.
    pub timestamp_ms: Option<i64>,
}

impl Message {
    /// Creates a message without key, value and headers.
    pub fn new(topic: impl Into<Arc<str>>) -> Self {
        Message {
            topic: topic.into(),
            partition: None,
            key: None,
            value: None,
            headers: Vec::new(),
            timestamp_ms: None,
        }
    }

    /// Sets the key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the value.
    #[must_use]
    pub fn with_value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// Sets the partition.
    #[must_use]
    pub fn with_partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Returns the headers as rdkafka sends them, or `None` if there are none.
    pub(crate) fn native_headers(&self) -> Option<OwnedHeaders> {
        if self.headers.is_empty() {
            return None;
        }
        let headers = OwnedHeaders::new_with_capacity(self.headers.len());
        Some(self.headers.iter().fold(headers, |all, (key, value)| {
            all.insert(rdkafka::message::Header { key, value: value.as_deref() })
        }))
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("key_len", &self.key.as_ref().map(Vec::len))
            .field("value_len", &self.value.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}
