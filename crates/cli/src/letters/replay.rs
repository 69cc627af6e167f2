use std::io::Write;

use spanbridge_protocol::ingest::TABLE_REPLAYS;
use spanbridge_protocol::mutation::Write as Change;
use spanbridge_protocol::value::Value;
use spanbridge_spanner::Database;

use super::filter::Filter;
use super::letter::Pages;
use super::listed::{self, BATCH};
use super::{print, written};
use crate::error::{Error, Result};

const COLUMNS: [&str; 5] = ["Pipeline", "Topic", "KafkaPartition", "KafkaOffset", "RequestedAt"];

/// Asks for replays. Only the worker that owns a partition may change its rows, so it is the one that replays.
pub(super) async fn run(database: &Database, filter: &Filter, out: &mut impl Write) -> Result<()> {
    let mut asked = 0;
    let mut pages = Pages::new(database, filter);
    while let Some(page) = pages.next().await? {
        for batch in page.chunks(BATCH) {
            let behind = [Value::CommitTimestamp];
            let write = listed::write(database, batch, Change::Upsert, TABLE_REPLAYS, &COLUMNS, &behind);
            asked += write.await.map_err(|error| {
                Error::from(error).in_context(format_args!("after {asked} were asked for"))
            })?;
        }
    }
    if asked == 0 {
        print(out, format_args!("no dead letters\n"))?;
    } else {
        print(out, format_args!("{asked} to be replayed by the workers of `spanbridge ingest`\n"))?;
    }
    written(out.flush())
}
