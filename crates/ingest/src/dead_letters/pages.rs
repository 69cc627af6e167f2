use std::ops::Bound;

use spanbridge_protocol::ingest::TABLE_DEAD_LETTERS;
use spanbridge_spanner::{Database, KeyRange};

use super::filter::DeadLetterFilter;
use super::summary::DeadLetterSummary;
use crate::Error;

/// The number of rows per read. They are small without keys and values of records.
const PAGE_ROWS: usize = 500;

/// Reads the dead letters of a filter page by page, so that memory does not grow with the table.
pub struct DeadLetterPages<'a> {
    database: &'a Database,
    filter: &'a DeadLetterFilter,
    /// The ranges that are still to be read. The next one is last.
    ranges: Vec<KeyRange>,
}

impl<'a> DeadLetterPages<'a> {
    /// Returns a reader that starts at the first dead letter.
    #[must_use]
    pub fn new(database: &'a Database, filter: &'a DeadLetterFilter) -> Self {
        let mut ranges = filter.ranges();
        ranges.reverse();
        Self { database, filter, ranges }
    }

    /// Returns the matching dead letters of the next page, possibly none, or `None` after the last page.
    ///
    /// # Errors
    /// The bridge's tables are missing, or Spanner does not answer.
    pub async fn next(&mut self) -> Result<Option<Vec<DeadLetterSummary>>, Error> {
        let Some(range) = self.ranges.pop() else { return Ok(None) };
        let columns = DeadLetterSummary::columns();
        let rows = self.database.read_page(TABLE_DEAD_LETTERS, &columns, range.clone(), PAGE_ROWS).await?;
        let is_full = rows.len() == PAGE_ROWS;
        let mut page =
            rows.into_iter().map(DeadLetterSummary::from_row).collect::<Result<Vec<_>, Error>>()?;
        if let (true, Some(last)) = (is_full, page.last()) {
            self.ranges.push(KeyRange { start: Bound::Excluded(last.address.key()), end: range.end });
        }
        page.retain(|summary| self.filter.matches(summary));
        Ok(Some(page))
    }
}
