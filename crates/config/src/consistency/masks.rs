//! `mask_key` is present exactly if a column needs it.

use crate::error::ErrorKind;
use crate::read::Reader;
use crate::{Ingest, IngestTable, Mask};

/// Checks `mask_key` against the masks of all columns.
pub(super) fn check(reader: &Reader, pipeline: &Ingest) {
    let mappings = pipeline.tables.iter().flat_map(IngestTable::mappings);
    let hashes: Vec<_> = mappings.filter(|mapping| mapping.mask == Some(Mask::Hash)).collect();
    match &pipeline.mask_key {
        None => {
            for mapping in hashes {
                let message = "`mask = \"hash\"` needs the pipeline's `mask_key`";
                let mistake = reader.mistake(ErrorKind::MissingKey, mapping.keys.span("mask"), message);
                let help = "add `mask_key = { file = \"/path\" }` to the pipeline, outside of its tables";
                reader.report(mistake.help(help));
            }
        }
        Some(key) if hashes.is_empty() => {
            let mistake = reader.mistake(ErrorKind::Conflict, key.span(), "`mask_key` is not used");
            reader.report(mistake.help("remove it, or give a column mask = \"hash\""));
        }
        Some(_) => {}
    }
}
