use std::fmt;
use std::str::FromStr;

use spanbridge_protocol::value::Value;

/// The address of a dead letter's record: the key of its row, written as `pipeline/topic/partition/offset`. Neither
/// name can contain a slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeadLetterAddress {
    /// The identity of the pipeline, with its version if that is not the first.
    pub pipeline: String,
    /// The topic of the record.
    pub topic: String,
    /// The number of the record's partition.
    pub partition: i64,
    /// The record's offset.
    pub offset: i64,
}

impl DeadLetterAddress {
    /// The key columns of `BridgeDeadLetters` and `BridgeReplays`.
    pub(super) const COLUMNS: [&str; 4] = ["Pipeline", "Topic", "KafkaPartition", "KafkaOffset"];

    /// Returns the primary key.
    pub(super) fn key(&self) -> Vec<Value> {
        vec![
            self.pipeline.as_str().into(),
            self.topic.as_str().into(),
            self.partition.into(),
            self.offset.into(),
        ]
    }
}

impl fmt::Display for DeadLetterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.pipeline, self.topic, self.partition, self.offset)
    }
}

impl FromStr for DeadLetterAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write the address as `list` shows it, for example flights/flights/3/1234".to_owned();
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
    fn parsed_address_is_written_the_same_way() {
        for text in ["p/t/0/0", "a.b_c/d-e/12/9223372036854775807"] {
            assert_eq!(text.parse::<DeadLetterAddress>().unwrap().to_string(), text);
        }
        for wrong in ["", "p/t/0", "p/t/0/0/0", "/t/0/0", "p//0/0", "p/t/-1/0", "p/t/0/-1", "p/t/x/0"] {
            assert!(wrong.parse::<DeadLetterAddress>().is_err(), "{wrong}");
        }
    }
}
