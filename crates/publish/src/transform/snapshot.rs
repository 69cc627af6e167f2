//! Rows that were there before the changes.

use serde_json::Value as Json;
use spanbridge_kafka::Message;
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_schema::debezium::{Envelope, Op, Source};
use spanbridge_schema::encode;
use spanbridge_spanner::{decode_column, encode_column};

use super::message::text;
use super::row::Row;
use super::{RecordSource, TableTransform};

impl TableTransform {
    /// What is read of each row, its columns in any order.
    pub(crate) fn read_columns(&self) -> Vec<(String, Type)> {
        self.columns.iter().map(|(name, ty)| (name.clone(), ty.clone())).collect()
    }

    /// The message of a row with these columns, as it was at `at`, and its key as text. `again` is a row that is read
    /// while changes go on, which Debezium calls incremental.
    ///
    /// # Errors
    /// Why the row cannot be published, in words without values.
    pub(crate) fn row(
        &self,
        origin: &RecordSource,
        at: Timestamp,
        now: Timestamp,
        columns: &[(String, Type)],
        row: Vec<Value>,
        again: bool,
    ) -> Result<(Message, String), String> {
        let row = Row::read(columns, row);
        let cursor = self.cursor(&row)?;
        let key = encode::row(&self.shape.key, |column| row.get(column).cloned());
        let after = encode::row(&self.shape.after, row.taker());
        let value = match &self.shape.envelope {
            Some(schema) => Envelope {
                before: None,
                after: Some(after),
                source: Source {
                    snapshot: Some(if again { "incremental" } else { "true" }.to_owned()),
                    ..self.source(origin, at, now)
                },
                op: Op::Read,
                ts: now,
                transaction: None,
                unchanged: None,
            }
            .into_item(schema),
            None => after,
        };
        let table = &self.shape.table;
        let id = || format!("{}/snapshot/{table}/{cursor}", at.to_rfc3339());
        let message = Message {
            topic: self.shape.topic.clone(),
            partition: None,
            key: Some(self.key.encode(key).map_err(text)?),
            value: Some(self.value.encode(value).map_err(text)?),
            headers: self.headers.of(origin, table, at, "spanner.snapshot.row", id),
            timestamp_ms: Some(at.timestamp_millis()),
        };
        Ok((message, cursor))
    }

    /// The values of a key that [`Self::row`] or [`key_text`] has written.
    pub(crate) fn key_values(&self, key: &str) -> Result<Vec<Value>, String> {
        let unread = || "a key of the snapshot's state is not one of the table's".to_owned();
        let json: Vec<Json> = serde_json::from_str(key).map_err(|_| unread())?;
        let columns = self.shape.key.columns();
        if json.len() != columns.len() {
            return Err(unread());
        }
        let value = |(column, json): (&str, &Json)| {
            let ty = self.columns.get(column).ok_or_else(unread)?;
            decode_column(ty, json).map_err(text)
        };
        columns.iter().map(|column| column.column.as_str()).zip(&json).map(value).collect()
    }

    fn cursor(&self, row: &Row<'_>) -> Result<String, String> {
        let values = self.shape.key.columns().iter().map(|column| row.get(column.column.as_str()));
        let values: Option<Vec<&Value>> = values.collect();
        key_text(values.ok_or("a column of the primary key is not among those read")?)
    }
}

/// A primary key as text: the JSON of its values.
pub(crate) fn key_text<'a>(values: impl IntoIterator<Item = &'a Value>) -> Result<String, String> {
    let values = values.into_iter().map(encode_column).collect::<Result<Vec<_>, _>>().map_err(text)?;
    serde_json::to_string(&values).map_err(text)
}
