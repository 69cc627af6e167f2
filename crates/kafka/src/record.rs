use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rdkafka::message::{BorrowedMessage, Headers, Message as _, OwnedHeaders};

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    pub topic: Arc<str>,
    pub partition: i32,
}

impl TopicPartition {
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        TopicPartition { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

/// A header: its name and its value, which may be null.
pub type Header = (String, Option<Vec<u8>>);

/// A record as read from a partition.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since the epoch, set by the producer or the broker (the topic's `message.timestamp.type`).
    pub timestamp_ms: Option<i64>,
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// In the order of the producer; names may repeat. A name that is not UTF-8 is read as `U+FFFD` with a null value.
    pub headers: Vec<Header>,
}

impl Record {
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

    /// Bytes of memory this record holds, roughly.
    pub fn size(&self) -> usize {
        let len = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers: usize = self.headers.iter().map(|(k, v)| k.len() + len(v) + 48).sum();
        size_of::<Self>() + len(&self.key) + len(&self.value) + headers
    }
}

/// Shows everything but the payload.
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
            // rdkafka unwraps the name's UTF-8, and data must not end the process.
            catch_unwind(AssertUnwindSafe(|| {
                let header = headers.get(i);
                (header.key.to_owned(), header.value.map(<[u8]>::to_vec))
            }))
            .unwrap_or_else(|_| ("\u{FFFD}".to_owned(), None))
        })
        .collect()
}

/// A record to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: Arc<str>,
    /// `None`: by murmur2 of the key, as Java's default partitioner does; without a key, at random.
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
    /// Milliseconds since the epoch; `None`: now. librdkafka cannot send the epoch itself (0): it becomes now.
    pub timestamp_ms: Option<i64>,
}

impl Message {
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

    #[must_use]
    pub fn with_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = Some(key.into());
        self
    }

    #[must_use]
    pub fn with_value(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.value = Some(value.into());
        self
    }

    #[must_use]
    pub fn with_partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

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

/// Shows everything but the payload.
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
