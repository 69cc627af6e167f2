use spanbridge_config::RecordTimestamp;
use spanbridge_protocol::value::Timestamp;

/// Returns the timestamp of a record in milliseconds. `None`: that of its publication, which the Kafka client sets.
pub(crate) fn timestamp_ms(choice: RecordTimestamp, commit: Timestamp) -> Option<i64> {
    match choice {
        RecordTimestamp::Publish => None,
        RecordTimestamp::Commit => Some(commit.timestamp_millis()),
    }
}
