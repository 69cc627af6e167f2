//! The index that finds the windows to mark as final.

use spanbridge_config::AggregatesTable;
use spanbridge_spanner::{Index, quoted};

/// Returns true if the index starts with the final column and the window's bound, both ascending.
pub(crate) fn is_usable(index: &Index, last: &str, bound: &str) -> bool {
    let expected = [last, bound];
    let first = index.columns.get(..expected.len());
    first.is_some_and(|columns| {
        let is = |((name, descending), expected): (&(String, bool), &str)| {
            !descending && name.eq_ignore_ascii_case(expected)
        };
        columns.iter().zip(expected).all(is)
    })
}

/// Returns the DDL of the index.
pub(crate) fn statement(table: &str, last: &str, bound: &str) -> String {
    let name = quoted(&format!("{table}By{last}"));
    format!("CREATE INDEX {name} ON {} (`{last}`, `{bound}`)", quoted(table))
}

/// Returns a table's final column and the column of its windows' bound, as the file names them.
pub(crate) fn columns(table: &AggregatesTable) -> Option<(&str, &str)> {
    let window = table.window.as_ref()?;
    Some((window.final_column.as_ref()?, window.bound()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usable_index_starts_with_both_columns_ascending() {
        let is_usable = |columns: &[(&str, bool)]| {
            let columns =
                columns.iter().map(|(name, descending)| ((*name).to_owned(), *descending)).collect();
            is_usable(&Index { name: "I".into(), columns }, "Final", "WindowStart")
        };
        assert!(is_usable(&[("final", false), ("WindowStart", false)]));
        assert!(is_usable(&[("Final", false), ("WindowStart", false), ("Customer", true)]));
        assert!(!is_usable(&[("Final", false), ("WindowStart", true)]));
        assert!(!is_usable(&[("WindowStart", false), ("Final", false)]));
        assert!(!is_usable(&[("Final", false)]));
    }

    #[test]
    fn index_is_created_in_the_schema_of_its_table() {
        let expected = "CREATE INDEX `s`.`TByDone` ON `s`.`T` (`Done`, `WindowStart`)";
        assert_eq!(statement("s.T", "Done", "WindowStart"), expected);
    }
}
