use std::io::{self, BufRead as _, IsTerminal as _, Write};

use spanbridge::{Error, Kind, Result};
use spanbridge_protocol::mutation::Write as Change;
use spanbridge_spanner::Database;

use super::address::Address;
use super::filter::Filter;
use super::letter::{Pages, TABLE};
use super::list::Totals;
use super::listed::{self, BATCH};
use super::{print, written};

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
        if !confirmed(sum, out)? {
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
                .map_err(|error| Error::from(error).context(format_args!("after {deleted} of {sum}")))?;
        }
    }
    print(out, format_args!("{deleted} deleted\n"))?;
    written(out.flush())
}

fn confirmed(sum: u64, out: &mut impl Write) -> Result<bool> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        written(out.flush())?;
        let message = format!("{sum} dead letters would be deleted, and nobody is there to confirm it");
        return Err(Error::new(Kind::Config, "usage", message).help("give --yes"));
    }
    print(out, format_args!("Delete {sum} dead letters? [y/N] "))?;
    written(out.flush())?;
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    read.map_err(|error| Error::new(Kind::Failed, "io", format!("cannot read the answer: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
