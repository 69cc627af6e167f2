use std::io::Write;

use spanbridge_ingest::dead_letters::{self, DeadLetterFilter, DeadLetterPages, MAX_ROWS_PER_TRANSACTION};
use spanbridge_spanner::Database;

use super::output::{flush, print};
use crate::error::{Error, Result};

/// Requests replays, which the workers of `spanbridge ingest` execute.
pub(super) async fn run(database: &Database, filter: &DeadLetterFilter, out: &mut impl Write) -> Result<()> {
    let mut requested = 0;
    let mut pages = DeadLetterPages::new(database, filter);
    while let Some(page) = pages.next().await? {
        for batch in page.chunks(MAX_ROWS_PER_TRANSACTION) {
            requested += dead_letters::request_replays(database, batch).await.map_err(|error| {
                Error::from(error).in_context(format_args!("after requesting {requested} replays"))
            })?;
        }
    }
    if requested == 0 {
        print(out, format_args!("no dead letters\n"))?;
    } else {
        print(out, format_args!("{requested} to be replayed by the workers of `spanbridge ingest`\n"))?;
    }
    flush(out)
}
