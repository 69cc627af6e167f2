//! The columns of one table must differ.

use super::Case;
use crate::error::Kind;
use crate::read::Reader;
use crate::{IngestTable, Located, SOURCE_PARTITION};

pub(super) fn of(reader: &Reader, table: &IngestTable) {
    let columns = match table {
        IngestTable::Rows(rows) => rows.columns.iter().map(|mapping| &mapping.column).collect(),
        IngestTable::Aggregates(table) => {
            let groups = table.group_by.iter().map(|mapping| &mapping.column);
            let window = table.window.iter().map(|window| &window.start);
            let aggregates = table.aggregates.iter().map(|aggregate| &aggregate.column);
            let columns: Vec<_> = groups.chain(window).chain(aggregates).collect();
            own_column(reader, &columns);
            columns
        }
    };
    super::duplicates(reader, columns, Case::Ignored, "column");
}

fn own_column(reader: &Reader, columns: &[&Located<str>]) {
    for column in columns.iter().filter(|column| column.eq_ignore_ascii_case(SOURCE_PARTITION)) {
        let message = format!("the column `{SOURCE_PARTITION}` is the bridge's own in an aggregate table");
        let mistake = reader.mistake(Kind::Conflict, column.span, message);
        reader.report(
            mistake.help("name the column otherwise; the source partition is always part of the key"),
        );
    }
}
