use std::fmt;
use std::str::FromStr;

use spanbridge_protocol::value::Value;

/// Where a dead letter's record stands: the key of its row, written `pipeline/topic/partition/offset`.
/// Neither name can hold a slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    pub(super) pipeline: String,
    pub(super) topic: String,
    pub(super) partition: i64,
    pub(super) offset: i64,
}

impl Address {
    /// The columns of the key of BridgeDeadLetters.
    pub(super) const COLUMNS: [&str; 4] = ["Pipeline", "Topic", "KafkaPartition", "KafkaOffset"];

    /// The primary key.
    pub(super) fn key(&self) -> Vec<Value> {
        vec![
            self.pipeline.as_str().into(),
            self.topic.as_str().into(),
            self.partition.into(),
            self.offset.into(),
        ]
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.pipeline, self.topic, self.partition, self.offset)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write it as `list` shows it: flights/flights/3/1234".to_owned();
        let parts: Vec<&str> = text.split('/').collect();
        let [pipeline, topic, partition, offset] = parts[..] else { return Err(wrong()) };
        if pipeline.is_empty() || topic.is_empty() {
            return Err(wrong());
        }
        let number = |text: &str| text.parse().ok().filter(|number| *number >= 0).ok_or_else(wrong);
        Ok(Self {
            pipeline: pipeline.to_owned(),
            topic: topic.to_owned(),
            partition: number(partition)?,
            offset: number(offset)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        for text in ["p/t/0/0", "a.b_c/d-e/12/9223372036854775807"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for wrong in ["", "p/t/0", "p/t/0/0/0", "/t/0/0", "p//0/0", "p/t/-1/0", "p/t/0/-1", "p/t/x/0"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
