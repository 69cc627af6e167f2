//! The index that finds the windows to mark.

use spanbridge_config::AggregatesTable;
use spanbridge_spanner::{Index, quoted};

/// Whether the index has the rows that are not final first, in the order of their bounds.
pub(crate) fn serves(index: &Index, last: &str, bound: &str) -> bool {
    let wanted = [last, bound];
    let first = index.columns.get(..wanted.len());
    first.is_some_and(|columns| {
        let is = |((name, descending), wanted): (&(String, bool), &str)| {
            !descending && name.eq_ignore_ascii_case(wanted)
        };
        columns.iter().zip(wanted).all(is)
    })
}

/// The DDL of such an index.
pub(crate) fn statement(table: &str, last: &str, bound: &str) -> String {
    let name = quoted(&format!("{table}By{last}"));
    format!("CREATE INDEX {name} ON {} (`{last}`, `{bound}`)", quoted(table))
}

/// A table's final column and the column of its windows' bound, as the file names them.
pub(crate) fn columns(table: &AggregatesTable) -> Option<(&str, &str)> {
    let window = table.window.as_ref()?;
    Some((window.final_column.as_ref()?, window.bound()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_serves_when_it_begins_with_both_columns_ascending() {
        let serves = |columns: &[(&str, bool)]| {
            let columns =
                columns.iter().map(|(name, descending)| ((*name).to_owned(), *descending)).collect();
            serves(&Index { name: "I".into(), columns }, "Final", "WindowStart")
        };
        assert!(serves(&[("final", false), ("WindowStart", false)]));
        assert!(serves(&[("Final", false), ("WindowStart", false), ("Customer", true)]));
        assert!(!serves(&[("Final", false), ("WindowStart", true)]));
        assert!(!serves(&[("WindowStart", false), ("Final", false)]));
        assert!(!serves(&[("Final", false)]));
    }

    #[test]
    fn the_index_is_in_the_schema_of_its_table() {
        let expected = "CREATE INDEX `s`.`TByDone` ON `s`.`T` (`Done`, `WindowStart`)";
        assert_eq!(statement("s.T", "Done", "WindowStart"), expected);
    }
}
