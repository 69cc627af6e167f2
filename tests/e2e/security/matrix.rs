//! The table of docs/compatibility.md, and its comparison with what ran.

use std::fmt::Write as _;

const PAGE: &str = include_str!("../../../docs/compatibility.md");
const BEGIN: &str = "<!-- matrix: tests/e2e/security/matrix.rs -->\n";
const END: &str = "<!-- end of matrix -->";

/// One row of the table: a way that was tried.
pub(super) struct Row {
    pub(super) protocol: &'static str,
    pub(super) mechanism: &'static str,
    /// The codecs of the records that ingest read.
    pub(super) read: Vec<&'static str>,
    /// The codec in which the broker stores what publish wrote: records and state.
    pub(super) written: String,
}

/// Compares the table in the page with these rows.
pub(super) fn assert_documented(rows: &[Row]) {
    let mut table = String::from(
        "| `security.protocol` | `sasl.mechanism` | ingest reads | publish writes | `check --live` |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    for Row { protocol, mechanism, read, written } in rows {
        let read = read.join(", ");
        writeln!(table, "| {protocol} | {mechanism} | {read} | {written} | passes |").unwrap();
    }
    let (_, rest) = PAGE.split_once(BEGIN).unwrap();
    let (documented, _) = rest.split_once(END).unwrap();
    assert!(documented.trim() == table.trim(), "docs/compatibility.md should contain:\n{table}");
}
