//! A table with `columns`

use super::all_fields::AllFields;
use super::mapping::{Mapping, columns_and_all};
use super::table::{Common, IngestTransaction, Tombstones, only_with};
use crate::error::Kind;
use crate::read::{Entry, Section, check};
use crate::{Keys, Located, Span};

/// A table with one row for each record.
#[derive(Debug, Clone)]
pub struct RowsTable {
    /// The table that is written, `schema.table` for one of a named schema; see [`IngestTable::table`](crate::IngestTable::table).
    pub table: Located<str>,
    /// How a row is written. Default: upsert.
    pub mode: Mode,
    /// `where`: CEL expression; only records for which it is true.
    pub filter: Option<Located<str>>,
    /// What a record without a value does. Default: ignore.
    pub tombstones: Tombstones,
    /// CEL expression; a record for which it is true deletes its row instead of writing it. None with
    /// [`Mode::Delete`].
    pub delete_when: Option<Located<str>>,
    /// The mapped column by which an older record never overwrites a newer row. None with [`Mode::Insert`] and
    /// [`Mode::Update`].
    pub version: Option<Located<str>>,
    /// Default: read-write with `version`, else blind. Blind with `version` is the file's promise that each key
    /// lives in one partition.
    pub transaction: IngestTransaction,
    /// The columns, in file order; none twice (without case), and at least one without `all`.
    pub columns: Vec<Mapping>,
    /// `"*"`: the record whose other fields go to the columns of their names. None with [`Mode::Delete`].
    pub all: Option<AllFields>,
    /// The header.
    pub span: Span,
    /// Where its keys stand.
    pub keys: Keys,
}

/// How a row is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Inserted, or updated when it is there.
    #[default]
    Upsert,
    /// Inserted; one that is there is an error of the record.
    Insert,
    /// Updated; one that is not there is an error of the record.
    Update,
    /// Deleted; one that is not there is none.
    Delete,
}

impl Mode {
    const WORDS: [(&str, Self); 4] = [
        ("upsert", Self::Upsert),
        ("insert", Self::Insert),
        ("update", Self::Update),
        ("delete", Self::Delete),
    ];
}

impl RowsTable {
    pub(super) fn read(section: Section<'_>, common: Common, columns: &Entry<'_>) -> Option<Self> {
        let columns = columns_and_all(columns);
        let mode = section.optional("mode").map(|entry| entry.choice(&Mode::WORDS, &[]));
        let delete_when = section.optional("delete_when");
        let version = section.optional("version");
        match mode.unwrap_or(Some(Mode::default())) {
            Some(Mode::Delete) => excluded(
                &section,
                delete_when.as_ref(),
                "`mode = \"delete\"`",
                "every record deletes its row: select records with `where`",
            ),
            Some(Mode::Insert) => excluded(
                &section,
                version.as_ref(),
                "`mode = \"insert\"`",
                "an insert never meets an older row: `upsert` keeps the newest",
            ),
            Some(Mode::Update) => excluded(
                &section,
                version.as_ref(),
                "`mode = \"update\"`",
                "a row that is not there has no version to compare: `upsert` keeps the newest",
            ),
            Some(Mode::Upsert) | None => {}
        }
        let delete_when = delete_when.map(|entry| entry.string(check::filled));
        let version = version.map(|entry| entry.string(check::identifier));
        let transaction = section.optional("transaction");
        let transaction = transaction.and_then(|entry| entry.choice(&IngestTransaction::WORDS, &[]));
        only_with(&section, &["group_by", "window", "ownership"], "aggregates");
        let span = section.span();
        let keys = section.finish();
        let Common { table, filter, tombstones } = common;
        let version = version.map_or(Some(None), |version| version.map(Some))?;
        let (columns, all) = columns?;
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

/// A key that means nothing with that mode.
fn excluded(section: &Section<'_>, entry: Option<&Entry<'_>>, mode: &str, help: &str) {
    if let Some(entry) = entry {
        let message = format!("`{}` has no meaning with {mode}", entry.key());
        let mistake = section.reader().mistake(Kind::Conflict, entry.key_span(), message);
        section.reader().report(mistake.help(help));
    }
}
