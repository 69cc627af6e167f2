//! The key of hashes is there exactly when it is needed.

use crate::error::Kind;
use crate::read::Reader;
use crate::{Ingest, IngestTable, Mask};

pub(super) fn of(reader: &Reader, pipeline: &Ingest) {
    let mappings = pipeline.tables.iter().flat_map(IngestTable::mappings);
    let hashes: Vec<_> = mappings.filter(|mapping| mapping.mask == Some(Mask::Hash)).collect();
    match &pipeline.mask_key {
        None => {
            for mapping in hashes {
                let message = "`mask = \"hash\"` needs the pipeline's `mask_key`";
                let mistake = reader.mistake(Kind::MissingKey, mapping.keys.span("mask"), message);
                let help = "add `mask_key = { file = \"/path\" }` to the pipeline, outside of its tables";
                reader.report(mistake.help(help));
            }
        }
        Some(key) if hashes.is_empty() => {
            let mistake = reader.mistake(Kind::Conflict, key.span(), "`mask_key` is not used");
            reader.report(mistake.help("remove it, or give a column mask = \"hash\""));
        }
        Some(_) => {}
    }
}
