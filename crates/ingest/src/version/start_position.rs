use std::collections::BTreeMap;
use std::str::FromStr;

use spanbridge_protocol::ingest::{Offset, Partition};
use spanbridge_protocol::value::Timestamp;

/// The offsets at which a version starts to read the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartPosition {
    /// The start of the log.
    Earliest,
    /// The first record of each partition that is not older than this time.
    Time(Timestamp),
    /// An offset for each partition.
    Offsets(BTreeMap<Partition, Offset>),
}

impl FromStr for StartPosition {
    type Err = String;

    /// Parses `earliest`, a time in RFC 3339, or `topic/partition=offset` entries that commas or white space separate.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "earliest" {
            return Ok(Self::Earliest);
        }
        if let Ok(time) = chrono::DateTime::parse_from_rfc3339(text) {
            return Ok(Self::Time(time.to_utc()));
        }
        let mut offsets = BTreeMap::new();
        let separators = |char: char| char == ',' || char.is_whitespace();
        for part in text.split(separators).filter(|part| !part.is_empty()) {
            let (partition, offset) = offset(part).ok_or_else(|| {
                format!(
                    "`{part}` is not valid; write earliest, a time such as 2026-11-24T10:00:00Z, or offsets as \
                     topic/partition=offset,…"
                )
            })?;
            if offsets.insert(partition.clone(), offset).is_some() {
                return Err(format!("{partition} occurs twice"));
            }
        }
        if offsets.is_empty() {
            return Err("it contains no offset".to_owned());
        }
        Ok(Self::Offsets(offsets))
    }
}

fn offset(text: &str) -> Option<(Partition, Offset)> {
    let (partition, offset) = text.split_once('=')?;
    let (topic, number) = partition.rsplit_once('/')?;
    let number = number.parse().ok().filter(|number: &i32| *number >= 0)?;
    let offset = offset.parse().ok().filter(|offset: &Offset| *offset >= 0)?;
    (!topic.is_empty()).then(|| (Partition { topic: topic.into(), number }, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_position_is_earliest_a_time_or_offsets() {
        assert_eq!("earliest".parse(), Ok(StartPosition::Earliest));
        let time = "2026-11-24T08:00:00Z".parse().unwrap();
        assert_eq!("2026-11-24T10:00:00+02:00".parse(), Ok(StartPosition::Time(time)));
        let partition = |number| Partition { topic: "a.b-c".into(), number };
        let offsets = StartPosition::Offsets([(partition(0), 5), (partition(11), 0)].into());
        assert_eq!("a.b-c/0=5,a.b-c/11=0".parse(), Ok(offsets.clone()));
        assert_eq!("a.b-c/0=5\na.b-c/11=0\n".parse(), Ok(offsets));
        for wrong in ["", "latest", "2026-11-24", "t/0", "t=5", "t/-1=5", "t/0=-1", "/0=1", "t/0=1,t/0=2"] {
            assert!(wrong.parse::<StartPosition>().is_err(), "{wrong}");
        }
    }
}
