use std::ops::Bound;

use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_spanner::{Database, KeyRange, Result};

use crate::mapping::FinalColumn;
use crate::signature::Signature;

/// Rows of one commit.
const PAGE: usize = 500;

/// Sets one `final` column.
pub(super) struct Mark {
    pub(super) column: FinalColumn,
    /// On the column and the window's bound.
    pub(super) index: String,
    pub(super) signature: Signature,
}

impl Mark {
    /// Marks the rows whose windows this watermark has passed.
    pub(super) async fn up_to(&self, database: &Database, watermark: Timestamp) -> Result<()> {
        let Some(last) = self.column.last(watermark) else { return Ok(()) };
        let open = Value::Bool(false);
        let range = KeyRange {
            start: Bound::Included(vec![open.clone()]),
            end: Bound::Included(vec![open, Value::Timestamp(last)]),
        };
        loop {
            let FinalColumn { table, key, .. } = &self.column;
            let keys = database.read_index(table, &self.index, key, range.clone(), PAGE).await?;
            let is_last = keys.len() < PAGE;
            if !keys.is_empty() {
                self.mark(database, keys).await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Under lock: a session that is merged into another meanwhile must not come back.
    async fn mark(&self, database: &Database, keys: Vec<Vec<Value>>) -> Result<()> {
        let FinalColumn { table, name, key, .. } = &self.column;
        let tag = self.signature.tag(None);
        let mut transaction = database.begin(self.signature.options(&tag, false)).await?;
        let mut rows = transaction.read(table, key, keys).await?;
        if rows.is_empty() {
            transaction.rollback().await;
            return Ok(());
        }
        for row in &mut rows {
            row.push(Value::Bool(true));
        }
        let columns: Vec<String> = key.iter().map(|(name, _): &(String, Type)| name.clone()).collect();
        let mutation = Mutation {
            write: Write::Update,
            table: table.as_str().into(),
            columns: columns.into_iter().chain([name.clone()]).collect(),
            rows,
        };
        transaction.commit(vec![mutation]).await.map(drop)
    }
}
