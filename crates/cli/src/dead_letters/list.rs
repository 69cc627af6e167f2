use std::collections::BTreeMap;
use std::io::Write;

use serde_json::json;
use spanbridge_ingest::dead_letters::{DeadLetterFilter, DeadLetterPages, DeadLetterSummary};
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::Database;

use super::args::List;
use super::{print, text, written};
use crate::error::Result;

/// Rows of the table when nobody says how many.
const SHOWN: u64 = 100;
/// Characters of a message in the table; `show` has all of it.
const MESSAGE: usize = 120;

/// Dead letters for each code.
#[derive(Debug, Default)]
pub(super) struct Totals {
    codes: BTreeMap<String, u64>,
}

impl Totals {
    pub(super) fn add(&mut self, letter: &DeadLetterSummary) {
        match self.codes.get_mut(&letter.code) {
            Some(count) => *count += 1,
            None => drop(self.codes.insert(letter.code.clone(), 1)),
        }
    }

    pub(super) fn sum(&self) -> u64 {
        self.codes.values().sum()
    }

    /// One line a code, the most frequent first.
    pub(super) fn write(&self, out: &mut impl Write) -> Result<()> {
        let mut codes: Vec<_> = self.codes.iter().collect();
        codes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        codes
            .iter()
            .try_for_each(|(code, count)| print(out, format_args!("{count:>8}  {}\n", text::line(code))))
    }
}

pub(super) async fn run(
    database: &Database,
    filter: &DeadLetterFilter,
    now: Timestamp,
    args: &List,
    out: &mut impl Write,
) -> Result<()> {
    let limit = args.limit.unwrap_or(if args.json { u64::MAX } else { SHOWN });
    let (mut totals, mut table) = (Totals::default(), Table::default());
    let mut left = limit;
    let mut pages = DeadLetterPages::new(database, filter);
    while let Some(page) = pages.next().await? {
        page.iter().for_each(|letter| totals.add(letter));
        let shown = usize::try_from(left).map_or(page.len(), |left| left.min(page.len()));
        left -= shown as u64;
        match args.json {
            true => page[..shown]
                .iter()
                .try_for_each(|letter| print(out, format_args!("{}\n", object(letter))))?,
            false => table.write(&page[..shown], now, out)?,
        }
        written(out.flush())?;
        if args.json && left == 0 {
            break;
        }
    }
    if args.json {
        return Ok(());
    }
    let sum = totals.sum();
    match sum {
        0 => print(out, format_args!("no dead letters\n"))?,
        _ if sum > limit => {
            print(out, format_args!("\n{sum} dead letters, {limit} shown; --limit shows more\n"))?
        }
        1 => print(out, format_args!("\n1 dead letter\n"))?,
        _ => print(out, format_args!("\n{sum} dead letters\n"))?,
    }
    totals.write(out)?;
    written(out.flush())
}

/// A letter for programs. The names are stable.
fn object(letter: &DeadLetterSummary) -> serde_json::Value {
    let address = &letter.address;
    json!({
        "pipeline": address.pipeline,
        "topic": address.topic,
        "partition": address.partition,
        "offset": address.offset,
        "code": letter.code,
        "message": letter.message,
        "failed_at": letter.failed_at.to_rfc3339(),
    })
}

/// A table that is written page by page: its columns can only grow.
#[derive(Debug, Default)]
struct Table {
    address: usize,
    code: usize,
}

impl Table {
    fn write(&mut self, letters: &[DeadLetterSummary], now: Timestamp, out: &mut impl Write) -> Result<()> {
        let heading = self.address == 0 && !letters.is_empty();
        let rows: Vec<(String, String)> =
            letters.iter().map(|letter| (letter.address.to_string(), text::line(&letter.code))).collect();
        for (address, code) in &rows {
            self.address = self.address.max(address.len());
            self.code = self.code.max(code.len());
        }
        let Self { address: wide, code: high } = *self;
        if heading {
            print(out, format_args!("{:wide$}  {:high$}  {:>4}  MESSAGE\n", "POSITION", "CODE", "AGE"))?;
        }
        for ((address, code), letter) in rows.iter().zip(letters) {
            let age = text::age(letter.failed_at, now);
            let message = text::cut(&letter.message, MESSAGE);
            print(out, format_args!("{address:wide$}  {code:high$}  {age:>4}  {message}\n"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(offset: i64, code: &str) -> DeadLetterSummary {
        DeadLetterSummary {
            address: format!("p/t/0/{offset}").parse().unwrap(),
            code: code.into(),
            message: "line\nbreak".into(),
            failed_at: "2026-11-24T10:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_table_is_aligned_and_has_one_heading() {
        let (mut table, mut out) = (Table::default(), Vec::new());
        let now = "2026-11-24T10:05:00Z".parse().unwrap();
        table.write(&[], now, &mut out).unwrap();
        table.write(&[letter(1, "A"), letter(100, "LONGER")], now, &mut out).unwrap();
        table.write(&[letter(2, "B")], now, &mut out).unwrap();
        let expected = "\
POSITION   CODE     AGE  MESSAGE
p/t/0/1    A         5m  line\\nbreak
p/t/0/100  LONGER    5m  line\\nbreak
p/t/0/2    B         5m  line\\nbreak
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn totals_have_the_most_frequent_code_first() {
        let mut totals = Totals::default();
        for (offset, code) in [(0, "A"), (1, "B"), (2, "B"), (3, "C")] {
            totals.add(&letter(offset, code));
        }
        let mut out = Vec::new();
        totals.write(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "       2  B\n       1  A\n       1  C\n");
        assert_eq!(totals.sum(), 4);
    }
}
