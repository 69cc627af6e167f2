use std::collections::BTreeSet;

use spanbridge_config::{Config, Publish};
use spanbridge_protocol::table::Table;
use spanbridge_spanner::ChangeStreamInfo;

use crate::{Error, ErrorKind};

/// A table as it is now, or was when it was there last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublishedTable {
    /// Without the columns that are not published.
    pub(crate) table: Table,
    /// Those.
    pub(crate) out: BTreeSet<String>,
    pub(crate) topic: String,
}

impl PublishedTable {
    /// What is published of a table.
    ///
    /// # Errors
    /// A column of the key that the file leaves out, with its place.
    pub(crate) fn new(
        config: &Config,
        publish: &Publish,
        stream: Option<&ChangeStreamInfo>,
        mut table: Table,
    ) -> Result<Self, Error> {
        let selection = &publish.selection;
        for key in table.key() {
            if let Some(pattern) = selection.excluding(&table.name, &key.name).filter(|out| !is_any(out)) {
                let message = format!("`{}` is in the primary key of {}", key.name, table.name);
                let help = "columns of the key cannot be left out: records are keyed by them";
                return Err(config.error_at(pattern.span, ErrorKind::Config.code(), message, help).into());
            }
        }
        // What a stream does not watch is in no change.
        let watched = stream.and_then(|stream| {
            let partly = |(of, _): &(&String, &BTreeSet<String>)| of.eq_ignore_ascii_case(&table.name);
            stream.columns.iter().find(partly).map(|(_, columns)| columns)
        });
        let (name, mut out) = (table.name.clone(), BTreeSet::new());
        table.columns.retain(|column| {
            let watched = watched.is_none_or(|watched| watched.contains(&column.name));
            let taken = selection.takes_column(&name, &column.name);
            if !taken && column.key_ordinal.is_none() {
                out.insert(column.name.clone());
            }
            // No change stream tells a generated column, except of the key. Debezium has it, and null.
            let told = !column.generated || publish.compatible.is_some();
            taken && watched && told || column.key_ordinal.is_some()
        });
        let topic = publish.topic(&table.name);
        Ok(Self { table, out, topic })
    }
}

/// True if a pattern leaves out columns of any name, which speaks of no key.
fn is_any(pattern: &str) -> bool {
    pattern.rsplit_once('.').is_none_or(|(_, column)| column.contains('*'))
}
