use std::collections::BTreeMap;
use std::io::Write;

use serde_json::json;
use spanbridge_ingest::dead_letters::{DeadLetterFilter, DeadLetterPages, DeadLetterSummary};
use spanbridge_protocol::value::Timestamp;
use spanbridge_spanner::Database;

use super::args::ListArgs;
use super::output::{flush, print};
use super::terminal_text;
use crate::error::Result;

/// The default number of rows in the table.
const DEFAULT_LIMIT: u64 = 100;
/// The number of characters of a message in the table; `show` prints the whole message.
const MAX_MESSAGE_CHARS: usize = 120;

/// The number of dead letters per code.
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

    /// Writes one line per code, the most frequent code first.
    pub(super) fn write(&self, out: &mut impl Write) -> Result<()> {
        let mut codes: Vec<_> = self.codes.iter().collect();
        codes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        codes.iter().try_for_each(|(code, count)| {
            print(out, format_args!("{count:>8}  {}\n", terminal_text::line(code)))
        })
    }
}

/// Prints the selected dead letters and their totals.
pub(super) async fn run(
    database: &Database,
    filter: &DeadLetterFilter,
    now: Timestamp,
    args: &ListArgs,
    out: &mut impl Write,
) -> Result<()> {
    let limit = args.limit.unwrap_or(if args.json { u64::MAX } else { DEFAULT_LIMIT });
    let (mut totals, mut table) = (Totals::default(), Table::default());
    let mut remaining = limit;
    let mut pages = DeadLetterPages::new(database, filter);
    while let Some(page) = pages.next().await? {
        page.iter().for_each(|dead_letter| totals.add(dead_letter));
        let count = usize::try_from(remaining).map_or(page.len(), |remaining| remaining.min(page.len()));
        remaining -= count as u64;
        match args.json {
            true => page[..count]
                .iter()
                .try_for_each(|letter| print(out, format_args!("{}\n", document(letter))))?,
            false => table.write(&page[..count], now, out)?,
        }
        flush(out)?;
        if args.json && remaining == 0 {
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
    flush(out)
}

/// Returns a dead letter as JSON. Its keys are stable.
fn document(letter: &DeadLetterSummary) -> serde_json::Value {
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

/// The table, which is written page by page. The columns become wider when later pages need it.
#[derive(Debug, Default)]
struct Table {
    address_width: usize,
    code_width: usize,
}

impl Table {
    fn write(&mut self, letters: &[DeadLetterSummary], now: Timestamp, out: &mut impl Write) -> Result<()> {
        let needs_heading = self.address_width == 0 && !letters.is_empty();
        let rows: Vec<(String, String)> = letters
            .iter()
            .map(|letter| (letter.address.to_string(), terminal_text::line(&letter.code)))
            .collect();
        for (address, code) in &rows {
            self.address_width = self.address_width.max(address.len());
            self.code_width = self.code_width.max(code.len());
        }
        let Self { address_width, code_width } = *self;
        if needs_heading {
            print(
                out,
                format_args!(
                    "{:address_width$}  {:code_width$}  {:>4}  MESSAGE\n",
                    "POSITION", "CODE", "AGE"
                ),
            )?;
        }
        for ((address, code), letter) in rows.iter().zip(letters) {
            let age = terminal_text::age(letter.failed_at, now);
            let message = terminal_text::truncated_line(&letter.message, MAX_MESSAGE_CHARS);
            print(out, format_args!("{address:address_width$}  {code:code_width$}  {age:>4}  {message}\n"))?;
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
    fn table_is_aligned_and_has_one_heading() {
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
