use std::io::Write;

use spanbridge_protocol::mutation::Write as Change;
use spanbridge_spanner::Database;

use super::address::Address;
use super::filter::Filter;
use super::letter::{Pages, TABLE};
use super::list::Totals;
use super::listed::{self, BATCH};
use super::{print, written};
use crate::confirmation;
use crate::error::{Error, Result};

pub(super) async fn run(database: &Database, filter: &Filter, yes: bool, out: &mut impl Write) -> Result<()> {
    let mut totals = Totals::default();
    let mut pages = Pages::new(database, filter);
    while let Some(page) = pages.next().await? {
        page.iter().for_each(|letter| totals.add(letter));
    }
    let sum = totals.sum();
    if sum == 0 {
        print(out, format_args!("no dead letters\n"))?;
        return written(out.flush());
    }
    if !yes {
        totals.write(out)?;
        written(out.flush())?;
        let question = format!("Delete {sum} dead letters?");
        if !confirmation::confirm(&question, &format!("{sum} dead letters would be deleted"))? {
            print(out, format_args!("nothing is deleted\n"))?;
            return written(out.flush());
        }
    }
    let mut deleted = 0;
    let mut pages = Pages::new(database, filter);
    while let Some(page) = pages.next().await? {
        for batch in page.chunks(BATCH) {
            let delete = listed::write(database, batch, Change::Delete, TABLE, &Address::COLUMNS, &[]);
            deleted += delete
                .await
                .map_err(|error| Error::from(error).in_context(format_args!("after {deleted} of {sum}")))?;
        }
    }
    print(out, format_args!("{deleted} deleted\n"))?;
    written(out.flush())
}
