use std::ops::Bound;

use spanbridge_protocol::mutation::{Mutation, Write};
use spanbridge_protocol::value::{Timestamp, Type, Value};
use spanbridge_spanner::{Database, KeyRange, Result};

use crate::commit_tagger::CommitTagger;
use crate::mapping::FinalColumn;

/// The maximum number of rows per commit.
const PAGE_ROWS: usize = 500;

/// Sets one `final` column.
pub(super) struct FinalMarker {
    pub(super) column: FinalColumn,
    /// The index on the column and the window's bound.
    pub(super) index: String,
    pub(super) tagger: CommitTagger,
}

impl FinalMarker {
    /// Marks the rows whose windows are final at a watermark.
    ///
    /// # Errors
    /// Spanner does not answer, or other transactions abort the marking.
    pub(super) async fn mark_until(&self, database: &Database, watermark: Timestamp) -> Result<()> {
        let Some(last) = self.column.last_final_bound(watermark) else { return Ok(()) };
        let open = Value::Bool(false);
        let range = KeyRange {
            start: Bound::Included(vec![open.clone()]),
            end: Bound::Included(vec![open, Value::Timestamp(last)]),
        };
        loop {
            let FinalColumn { table, key, .. } = &self.column;
            let keys = database.read_index(table, &self.index, key, range.clone(), PAGE_ROWS).await?;
            let is_last = keys.len() < PAGE_ROWS;
            if !keys.is_empty() {
                self.mark(database, keys).await?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Marks rows under lock, so that a session that has been merged into another one does not reappear.
    async fn mark(&self, database: &Database, keys: Vec<Vec<Value>>) -> Result<()> {
        let FinalColumn { table, name, key, .. } = &self.column;
        let tag = self.tagger.tag(None);
        let mut transaction = database.begin(self.tagger.options(&tag, false)).await?;
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
