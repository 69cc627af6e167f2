use std::collections::VecDeque;
use std::ops::Bound;

use spanbridge_protocol::value::{Type, Value};
use spanbridge_spanner::{KeyRange, Snapshot};

use super::order::Order;
use crate::{Error, ErrorKind};

/// Rows that are read at once. Two pages, one of each table, are all that is in memory.
const PAGE: usize = 500;

/// The rows of a table at an instant, in the order of their keys, which are their first columns.
pub(super) struct Rows<'a> {
    snapshot: &'a Snapshot,
    pipeline: &'a str,
    table: String,
    columns: Vec<(String, Type)>,
    order: &'a Order,
    page: VecDeque<Vec<Value>>,
    /// What is still to be read.
    rest: Option<KeyRange>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        pipeline: &'a str,
        table: String,
        columns: Vec<(String, Type)>,
        order: &'a Order,
    ) -> Self {
        let rest = Some(KeyRange::prefix(Vec::new()));
        Self { snapshot, pipeline, table, columns, order, page: VecDeque::new(), rest }
    }

    /// The next row, which stays until it is taken.
    pub(super) async fn peek(&mut self) -> Result<Option<&Vec<Value>>, Error> {
        if self.page.is_empty()
            && let Some(range) = self.rest.take()
        {
            let rows = self.snapshot.read_page(&self.table, &self.columns, range.clone(), PAGE).await?;
            // A merge of rows in another order would find differences that are none.
            if !rows.is_sorted_by(|one, other| self.order.compare(one, other).is_lt()) {
                let message = format!("the rows of {} do not come in the order of their keys", self.table);
                return Err(Error::new(ErrorKind::Bug, self.pipeline, message));
            }
            if let Some(last) = rows.last().filter(|_| rows.len() == PAGE) {
                let key = last.iter().take(self.order.0.len()).cloned().collect();
                self.rest = Some(KeyRange { start: Bound::Excluded(key), end: range.end });
            }
            self.page = rows.into();
        }
        Ok(self.page.front())
    }

    pub(super) fn take(&mut self) {
        self.page.pop_front();
    }

    /// All that are left.
    pub(super) async fn count(mut self) -> Result<u64, Error> {
        let mut count = 0;
        while self.peek().await?.is_some() {
            count += self.page.len() as u64;
            self.page.clear();
        }
        Ok(count)
    }
}
