use std::io::Write;

use spanbridge_ingest::dead_letters::{self, DeadLetterFilter, DeadLetterPages, MAX_ROWS_PER_TRANSACTION};
use spanbridge_spanner::Database;

use super::list::Totals;
use super::output::{flush, print};
use crate::confirmation;
use crate::error::{Error, Result};

/// Deletes the selected dead letters after confirmation.
pub(super) async fn run(
    database: &Database,
    filter: &DeadLetterFilter,
    yes: bool,
    out: &mut impl Write,
) -> Result<()> {
    let mut totals = Totals::default();
    let mut pages = DeadLetterPages::new(database, filter);
    while let Some(page) = pages.next().await? {
        page.iter().for_each(|dead_letter| totals.add(dead_letter));
    }
    let sum = totals.sum();
    if sum == 0 {
        print(out, format_args!("no dead letters\n"))?;
        return flush(out);
    }
    if !yes {
        totals.write(out)?;
        flush(out)?;
        let question = format!("Delete {sum} dead letters?");
        if !confirmation::confirm(&question, &format!("{sum} dead letters would be deleted"))? {
            print(out, format_args!("nothing was deleted\n"))?;
            return flush(out);
        }
    }
    let mut deleted = 0;
    let mut pages = DeadLetterPages::new(database, filter);
    while let Some(page) = pages.next().await? {
        for batch in page.chunks(MAX_ROWS_PER_TRANSACTION) {
            deleted += dead_letters::delete(database, batch).await.map_err(|error| {
                Error::from(error).in_context(format_args!("after deleting {deleted} of {sum} dead letters"))
            })?;
        }
    }
    print(out, format_args!("{deleted} deleted\n"))?;
    flush(out)
}
