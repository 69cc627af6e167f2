use serde_json::json;
use spanbridge_ingest::version::compare::{
    self, Comparison, Difference, RowComparison, RowDifferences, TableComparison,
};
use spanbridge_protocol::value::{Timestamp, Value};

use super::args::CompareArgs;
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};

/// Compares two versions and prints the result.
pub(super) async fn run(session: &Session, args: &CompareArgs) -> Result<()> {
    let versions = session.versions()?;
    let version = args.version.unwrap_or(versions.newest());
    let comparison = compare::compare(&versions, version).await?;
    match args.json {
        true => println!("{}", document(&comparison, args.show_keys)),
        false => print(versions.name(), &comparison, args.show_keys),
    }
    if comparison.is_equal() {
        return Ok(());
    }
    let [before, after] = comparison.versions;
    let message = format!("versions {before} and {after} have different rows");
    let help = match comparison.differing_positions.is_empty() {
        true => {
            "print the first keys with --show-keys; the new mapping differs, or the log no longer holds the records of these rows"
        }
        false => {
            "the versions had not applied the same records; run `replay status --wait` and compare again"
        }
    };
    Err(Error::new(ErrorKind::Failed, "SB-REPLAY-DIFFERENT", message).with_help(help))
}

fn print(name: &str, comparison: &Comparison, keys: bool) {
    let [before, after] = comparison.versions;
    println!("{name}: versions {before} and {after} at {}", comparison.at.to_rfc3339());
    for (partition, [one, other]) in &comparison.differing_positions {
        let format_offset =
            |offset: &Option<i64>| offset.map_or("nothing".to_owned(), |offset| offset.to_string());
        println!(
            "  {partition}: version {before} is at {}, version {after} at {}; rows of the records in between differ",
            format_offset(one),
            format_offset(other)
        );
    }
    for compared in &comparison.tables {
        print_table(compared, [before, after].map(|version| version.to_string()), keys);
    }
}

fn print_table(compared: &TableComparison, [before, after]: [String; 2], keys: bool) {
    match &compared.rows {
        RowComparison::ByKey(tally) => {
            let RowDifferences { equal, missing, extra, different, checksums, .. } = tally;
            println!(
                "{}: {equal} equal, {missing} missing in version {after}, {extra} only in version {after}, {different} \
                 different",
                compared.table
            );
            println!("  checksums {} and {}", checksums[0], checksums[1]);
            for (difference, key) in tally.keys.iter().filter(|_| keys) {
                println!("  {:<9} {}", difference_name(*difference), format_key(key));
            }
        }
        RowComparison::Counts([one, other]) => {
            println!("{}: {one} rows in version {before}, {other} in version {after}", compared.table);
        }
        RowComparison::NotCompared => println!("{}: not compared", compared.table),
    }
    for note in &compared.notes {
        println!("  {note}");
    }
}

fn difference_name(difference: Difference) -> &'static str {
    match difference {
        Difference::Missing => "missing",
        Difference::Extra => "extra",
        Difference::Different => "different",
    }
}

/// Formats a key on one line, without characters that control a terminal.
fn format_key(key: &[Value]) -> String {
    let one = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int64(value) => value.to_string(),
        Value::Float64(value) => value.0.to_string(),
        Value::Numeric(value) => value.to_string(),
        Value::String(text) | Value::Json(text) => format!("{text:?}"),
        Value::Bytes(bytes) => bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}")),
        Value::Date(date) => date.to_string(),
        Value::Timestamp(at) => format_time(*at),
        Value::Array(items) => format!("{} items", items.len()),
        Value::CommitTimestamp => "commit timestamp".to_owned(),
    };
    key.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn format_time(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

fn document(comparison: &Comparison, keys: bool) -> serde_json::Value {
    let table = |compared: &TableComparison| {
        let mut document = json!({ "table": compared.table, "notes": compared.notes });
        match &compared.rows {
            RowComparison::ByKey(tally) => {
                document["equal"] = tally.equal.into();
                document["missing"] = tally.missing.into();
                document["extra"] = tally.extra.into();
                document["different"] = tally.different.into();
                document["checksums"] = tally.checksums.map(|sum| sum.to_string()).to_vec().into();
                if keys {
                    let key = |(difference, key): &(Difference, Vec<Value>)| {
                        json!([difference_name(*difference), format_key(key)])
                    };
                    document["keys"] = tally.keys.iter().map(key).collect();
                }
            }
            RowComparison::Counts(counts) => document["counts"] = counts.to_vec().into(),
            RowComparison::NotCompared => {}
        }
        document
    };
    let apart = comparison.differing_positions.iter().map(|(partition, [before, after])| {
        json!({ "topic": &*partition.topic, "partition": partition.number, "before": before, "after": after })
    });
    json!({
        "versions": comparison.versions.map(|version| version.number()),
        "at": format_time(comparison.at),
        "equal": comparison.is_equal(),
        "apart": apart.collect::<Vec<_>>(),
        "tables": comparison.tables.iter().map(table).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_formatted_on_one_line() {
        let key = [Value::Null, 7.into(), "a\u{1b}[2J\n".into(), Value::Bytes(vec![0, 255])];
        assert_eq!(format_key(&key), "NULL, 7, \"a\\u{1b}[2J\\n\", 0x00ff");
    }
}
