//! Changes that have no fitting schema: published as they are, to a topic of their own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use spanbridge_kafka::Message;
use spanbridge_spanner::{DataChange, Mod, ModType};

use crate::ErrorKind;
use crate::transform::SchemaMismatch;

/// For so long a refusal stands for changes of the same kind, without asking again for each.
const HOLD: Duration = Duration::from_secs(5);
/// Characters of a reason: registries may answer with whole schemas.
const REASON: usize = 2000;

/// The dead letters of a pipeline.
pub(crate) struct DeadLetters {
    topic: Arc<str>,
    pipeline: String,
    /// The last refusal of each table.
    refused: Mutex<HashMap<String, Refused>>,
}

struct Refused {
    /// In what the table's plan did not fit; nothing where it had none.
    misfit: Option<SchemaMismatch>,
    reason: Arc<str>,
    at: Instant,
}

impl DeadLetters {
    pub(crate) fn new(topic: String, pipeline: &str) -> Self {
        Self { topic: topic.into(), pipeline: pipeline.to_owned(), refused: Mutex::default() }
    }

    /// Why a change of this table that does not fit in this way was refused a moment ago.
    pub(crate) fn refused(&self, table: &str, misfit: Option<&SchemaMismatch>) -> Option<Arc<str>> {
        let refused = self.refusals();
        let refused = refused.get(table).filter(|refused| refused.misfit.as_ref() == misfit)?;
        (refused.at.elapsed() < HOLD).then(|| refused.reason.clone())
    }

    /// Notes a refusal, and says it in the log.
    pub(crate) fn refuse(&self, table: &str, misfit: Option<SchemaMismatch>, reason: &str) -> Arc<str> {
        let (pipeline, code, topic) = (&self.pipeline, ErrorKind::Schema.code(), &self.topic);
        tracing::warn!(%pipeline, table, code, %topic, reason, "changes go to the dead letters: no schema fits them");
        let reason: Arc<str> = reason.chars().take(REASON).collect::<String>().into();
        let refused = Refused { misfit, reason: reason.clone(), at: Instant::now() };
        self.refusals().insert(table.to_owned(), refused);
        reason
    }

    fn refusals(&self) -> MutexGuard<'_, HashMap<String, Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A letter for each row of the change.
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
        // The letters of a row stay in their order.
        let key = json!({ "table": change.table_name, "keys": parsed(&row.keys) });
        Message {
            topic: self.topic.clone(),
            partition: None,
            key: Some(key.to_string().into_bytes()),
            value: Some(record(change, row).to_string().into_bytes()),
            headers: headers.into(),
            timestamp_ms: Some(change.commit_timestamp.timestamp_millis()),
        }
    }
}

/// The change record with this row alone, in Spanner's words.
fn record(change: &DataChange, row: &Mod) -> Json {
    let column_types = change.column_types.iter().map(|column| {
        json!({
            "name": column.name,
            "type": parsed(&column.json),
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
            "keys": parsed(&row.keys),
            "new_values": parsed(&row.new_values),
            "old_values": parsed(&row.old_values),
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

/// What is no JSON stays what it is, as text.
fn parsed(text: &str) -> Json {
    match text {
        "" => json!({}),
        text => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}
