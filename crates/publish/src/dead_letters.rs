//! Dead letters: changes that no schema fits, published as JSON to a topic of their own.
//!
//! The change handler asks here whether a change of the same kind was refused a moment ago, so that the registry is not
//! asked again for each change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use spanbridge_config::{Publish, RecordTimestamp};
use spanbridge_kafka::Message;
use spanbridge_spanner::{DataChange, Mod, ModType};

use crate::ErrorKind;
use crate::transform::{SchemaMismatch, timestamp_ms};

/// How long a refusal holds for changes of the same kind.
const REFUSAL_LIFETIME: Duration = Duration::from_secs(5);
/// Characters of a reason. A registry may answer with whole schemas.
const MAX_REASON_CHARS: usize = 2000;

/// The dead letters of a pipeline.
pub(crate) struct DeadLetters {
    topic: Arc<str>,
    pipeline: String,
    timestamp: RecordTimestamp,
    /// The last refusal of each table.
    refusals: Mutex<HashMap<String, Refusal>>,
}

struct Refusal {
    /// How the change differed from the table's transform; `None` when the table had no transform.
    mismatch: Option<SchemaMismatch>,
    reason: Arc<str>,
    at: Instant,
}

impl DeadLetters {
    pub(crate) fn new(topic: String, publish: &Publish) -> Self {
        Self {
            topic: topic.into(),
            pipeline: publish.name.to_string(),
            timestamp: publish.record_timestamp,
            refusals: Mutex::default(),
        }
    }

    /// The reason why a change of this table with the same mismatch was refused a moment ago.
    pub(crate) fn recent_refusal(&self, table: &str, mismatch: Option<&SchemaMismatch>) -> Option<Arc<str>> {
        let refusals = self.refusals();
        let refusal = refusals.get(table).filter(|refusal| refusal.mismatch.as_ref() == mismatch)?;
        (refusal.at.elapsed() < REFUSAL_LIFETIME).then(|| refusal.reason.clone())
    }

    /// Logs a refusal and keeps it for changes of the same kind. Returns the reason, shortened.
    pub(crate) fn record_refusal(
        &self,
        table: &str,
        mismatch: Option<SchemaMismatch>,
        reason: &str,
    ) -> Arc<str> {
        let (pipeline, code, topic) = (&self.pipeline, ErrorKind::Schema.code(), &self.topic);
        tracing::warn!(%pipeline, table, code, %topic, reason, "No schema fits; changes become dead letters");
        let reason: Arc<str> = reason.chars().take(MAX_REASON_CHARS).collect::<String>().into();
        let refusal = Refusal { mismatch, reason: reason.clone(), at: Instant::now() };
        self.refusals().insert(table.to_owned(), refusal);
        reason
    }

    fn refusals(&self) -> MutexGuard<'_, HashMap<String, Refusal>> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a dead letter for each row of the change.
    pub(crate) fn messages(&self, change: &DataChange, reason: &str) -> Vec<Message> {
        change
            .mods
            .iter()
            .enumerate()
            .map(|(number, row)| self.message(change, number, row, reason))
            .collect()
    }

    fn message(&self, change: &DataChange, number: usize, row: &Mod, reason: &str) -> Message {
        let headers = [
            ("error_code", ErrorKind::Schema.code().to_owned()),
            ("error_message", reason.to_owned()),
            ("pipeline", self.pipeline.clone()),
            ("table", change.table_name.clone()),
            ("commit_timestamp", change.commit_timestamp.to_rfc3339()),
            ("transaction_id", change.server_transaction_id.clone()),
            ("record_sequence", change.record_sequence.clone()),
            ("mod_number", number.to_string()),
        ];
        let headers = headers.map(|(name, value)| (format!("spanbridge_{name}"), Some(value.into_bytes())));
        // The dead letters of a row have the same key, which keeps them in order.
        let key = json!({ "table": change.table_name, "keys": parse_or_quote(&row.keys) });
        Message {
            topic: self.topic.clone(),
            partition: None,
            key: Some(key.to_string().into_bytes()),
            value: Some(change_record(change, row).to_string().into_bytes()),
            headers: headers.into(),
            timestamp_ms: timestamp_ms(self.timestamp, change.commit_timestamp),
        }
    }
}

/// The change record with this row only, with Spanner's names of the fields.
fn change_record(change: &DataChange, row: &Mod) -> Json {
    let column_types = change.column_types.iter().map(|column| {
        json!({
            "name": column.name,
            "type": parse_or_quote(&column.json),
            "is_primary_key": column.is_primary_key,
            "ordinal_position": column.ordinal_position,
        })
    });
    json!({
        "commit_timestamp": change.commit_timestamp.to_rfc3339(),
        "record_sequence": change.record_sequence,
        "server_transaction_id": change.server_transaction_id,
        "is_last_record_in_transaction_in_partition": change.is_last_record_in_transaction_in_partition,
        "table_name": change.table_name,
        "column_types": column_types.collect::<Json>(),
        "mods": [{
            "keys": parse_or_quote(&row.keys),
            "new_values": parse_or_quote(&row.new_values),
            "old_values": parse_or_quote(&row.old_values),
        }],
        "mod_type": match change.mod_type {
            ModType::Insert => "INSERT",
            ModType::Update => "UPDATE",
            ModType::Delete => "DELETE",
        },
        "value_capture_type": change.value_capture_type.as_str(),
        "number_of_records_in_transaction": change.number_of_records_in_transaction,
        "number_of_partitions_in_transaction": change.number_of_partitions_in_transaction,
        "transaction_tag": change.transaction_tag,
        "is_system_transaction": change.is_system_transaction,
    })
}

/// Parses JSON; text that is not JSON becomes a JSON string, and empty text an empty object.
fn parse_or_quote(text: &str) -> Json {
    match text {
        "" => json!({}),
        text => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}
