//! `[[ingest.table]]` with `columns`.

use super::all_fields::AllFields;
use super::mapping::{Mapping, read_columns_and_all};
use super::table_keys::{IngestTransaction, TableKeys, Tombstones, only_with};
use crate::consistency::CaseSensitivity;
use crate::error::ErrorKind;
use crate::read::{Entry, Section, rules};
use crate::{KeySpans, Located, Span};

/// `[[ingest.table]]` with `columns`: a table with one row for each record.
#[derive(Debug, Clone)]
pub struct RowsTable {
    /// `table`: the table that is written, `schema.table` for a table of a named schema. For a version other
    /// than 1 it is the table of the version; see [`IngestTable::table`](crate::IngestTable::table).
    /// Required.
    pub table: Located<str>,
    /// `mode`: how a row is written. Default: `upsert`.
    pub mode: WriteMode,
    /// `where`: a CEL expression that selects records. Default: all records.
    pub filter: Option<Located<str>>,
    /// `tombstones`: what a record without a value does. Default: `ignore`.
    pub tombstones: Tombstones,
    /// `delete_when`: a CEL expression. A record for which it is true deletes its row instead of writing it.
    /// Not with [`WriteMode::Delete`]. Default: none.
    pub delete_when: Option<Located<str>>,
    /// `version`: the mapped column that orders changes, so that an older record never overwrites a newer
    /// row. Not with [`WriteMode::Insert`] and [`WriteMode::Update`]. Default: none.
    pub version: Option<Located<str>>,
    /// `transaction`: how a commit accesses the table. Default: `read-write` with `version`, otherwise
    /// `blind`. With `blind` and `version`, the user guarantees that each key is in one partition.
    pub transaction: IngestTransaction,
    /// `columns`: the mapped columns, in file order, without duplicates (ignoring case). At least one, unless
    /// `all` is present.
    pub columns: Vec<Mapping>,
    /// `"*"`: the record whose other fields are mapped to the columns of their names. Not with
    /// [`WriteMode::Delete`]. Default: none.
    pub all: Option<AllFields>,
    /// The place of the header.
    pub span: Span,
    /// The places of the section's values.
    pub keys: KeySpans,
}

/// How a row is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WriteMode {
    /// The row is inserted, or updated if it exists. The default.
    #[default]
    Upsert,
    /// The row is inserted. If it exists, the record has an error.
    Insert,
    /// The row is updated. If it does not exist, the record has an error.
    Update,
    /// The row is deleted, if it exists.
    Delete,
}

impl WriteMode {
    /// The words of the configuration.
    const WORDS: [(&str, Self); 4] = [
        ("upsert", Self::Upsert),
        ("insert", Self::Insert),
        ("update", Self::Update),
        ("delete", Self::Delete),
    ];
}

impl RowsTable {
    pub(super) fn read(section: Section<'_>, keys: TableKeys, columns: &Entry<'_>) -> Option<Self> {
        let columns = read_columns_and_all(columns);
        let mode = section.optional("mode").map(|entry| entry.choice(&WriteMode::WORDS, &[]));
        let delete_when = section.optional("delete_when");
        let version = section.optional("version");
        match mode.unwrap_or(Some(WriteMode::default())) {
            Some(WriteMode::Delete) => report_excluded(
                &section,
                delete_when.as_ref(),
                "`mode = \"delete\"`",
                "every record deletes its row: select records with `where`",
            ),
            Some(WriteMode::Insert) => report_excluded(
                &section,
                version.as_ref(),
                "`mode = \"insert\"`",
                "an insert never meets an older row: `upsert` keeps the newest",
            ),
            Some(WriteMode::Update) => report_excluded(
                &section,
                version.as_ref(),
                "`mode = \"update\"`",
                "a missing row has no version to compare: `upsert` keeps the newest",
            ),
            Some(WriteMode::Upsert) | None => {}
        }
        let delete_when = delete_when.map(|entry| entry.string(rules::filled));
        let version = version.map(|entry| entry.string(rules::identifier));
        let transaction = section.optional("transaction");
        let transaction = transaction.and_then(|entry| entry.choice(&IngestTransaction::WORDS, &[]));
        let exclude = section.optional("exclude");
        only_with(&section, &["group_by", "window", "ownership"], "aggregates");
        let span = section.span();
        let TableKeys { table, filter, tombstones } = keys;
        let keys = section.finish();
        let version = version.map_or(Some(None), |version| version.map(Some))?;
        let (columns, mut all) = columns?;
        if let Some(entry) = exclude {
            let names = entry.names("field", CaseSensitivity::Insensitive, rules::filled);
            match &mut all {
                Some(all) => all.exclude = names?,
                None => {
                    let message = "`exclude` has a meaning only beside `\"*\"`";
                    let help = "remove it: without `\"*\"`, only the named columns are written";
                    entry.report(ErrorKind::Conflict, message, help);
                }
            }
        }
        let default = if version.is_some() { IngestTransaction::ReadWrite } else { IngestTransaction::Blind };
        Some(Self {
            table: table?,
            mode: mode.flatten().unwrap_or_default(),
            filter,
            tombstones: tombstones.map(|(tombstones, _)| tombstones).unwrap_or_default(),
            delete_when: delete_when.flatten(),
            version,
            transaction: transaction.unwrap_or(default),
            columns,
            all,
            span,
            keys,
        })
    }
}

/// Reports a key that has no meaning with the mode.
fn report_excluded(section: &Section<'_>, entry: Option<&Entry<'_>>, mode: &str, help: &str) {
    if let Some(entry) = entry {
        let message = format!("`{}` has no meaning with {mode}", entry.key());
        let mistake = section.reader().mistake(ErrorKind::Conflict, entry.key_span(), message);
        section.reader().report(mistake.help(help));
    }
}
