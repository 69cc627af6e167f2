use std::collections::VecDeque;
use std::ops::Bound;

use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{KeyRange, Snapshot};

use super::key_order::KeyOrder;
use crate::{Error, ErrorKind};

/// The number of rows per read. One page of each table is in memory.
const PAGE_ROWS: usize = 500;

/// Reads the rows of a table at the instant of a snapshot, in the order of the key, whose columns come first.
pub(super) struct RowReader<'a> {
    snapshot: &'a Snapshot,
    pipeline: &'a str,
    table: String,
    columns: Vec<(String, Type)>,
    order: &'a KeyOrder,
    page: VecDeque<Vec<Value>>,
    /// The range that is still to be read.
    rest: Option<KeyRange>,
}

impl<'a> RowReader<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        pipeline: &'a str,
        table: String,
        columns: Vec<(String, Type)>,
        order: &'a KeyOrder,
    ) -> Self {
        let rest = Some(KeyRange::prefix(Vec::new()));
        Self { snapshot, pipeline, table, columns, order, page: VecDeque::new(), rest }
    }

    /// Returns the next row without consuming it.
    ///
    /// # Errors
    /// Spanner does not answer, or rows are not in the order of the key.
    pub(super) async fn peek(&mut self) -> Result<Option<&Vec<Value>>, Error> {
        if self.page.is_empty()
            && let Some(range) = self.rest.take()
        {
            let rows = self.snapshot.read_page(&self.table, &self.columns, range.clone(), PAGE_ROWS).await?;
            // The merge would report false differences if the rows had another order.
            if !rows.is_sorted_by(|one, other| self.order.compare(one, other).is_lt()) {
                let message = format!("the rows of {} are not in the order of their keys", self.table);
                return Err(Error::new(ErrorKind::Bug, self.pipeline, message));
            }
            if let Some(last) = rows.last().filter(|_| rows.len() == PAGE_ROWS) {
                let key = last.iter().take(self.order.0.len()).cloned().collect();
                self.rest = Some(KeyRange { start: Bound::Excluded(key), end: range.end });
            }
            self.page = rows.into();
        }
        Ok(self.page.front())
    }

    /// Consumes the next row.
    pub(super) fn take(&mut self) {
        self.page.pop_front();
    }

    /// Counts all remaining rows.
    ///
    /// # Errors
    /// Spanner does not answer, or rows are not in the order of the key.
    pub(super) async fn count(mut self) -> Result<u64, Error> {
        let mut count = 0;
        while self.peek().await?.is_some() {
            count += self.page.len() as u64;
            self.page.clear();
        }
        Ok(count)
    }
}
