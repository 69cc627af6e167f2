use std::time::Duration;

use spanbridge_kafka::Record;
use spanbridge_protocol::ingest::{LogRange, Offset, Outcome, Partition, Position, RowKey};
use spanbridge_protocol::value::Value;

/// What a request came to.
pub(super) enum Answer {
    Position {
        partition: Partition,
        generation: u64,
        stored: Option<Position>,
        log: LogRange,
    },
    Settled {
        partition: Partition,
        generation: u64,
    },
    States {
        attempt: u64,
        found: Vec<(RowKey, Vec<Value>)>,
    },
    /// Its transaction is gone; nothing has happened.
    Unread {
        attempt: u64,
    },
    Outcome {
        attempt: u64,
        outcome: Outcome,
        took: Duration,
    },
    Verified {
        attempt: u64,
        stored: Vec<(Partition, Option<Position>)>,
    },
    /// Dead letters to be replayed.
    Replays {
        partition: Partition,
        generation: u64,
        records: Vec<Record>,
    },
    /// The log's end, for the lag.
    End {
        partition: Partition,
        end: Offset,
    },
    /// It is being tried again.
    Trouble(String),
    /// Only a person can mend it.
    Fatal(String),
}
