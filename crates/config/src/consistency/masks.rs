//! `mask_key` is present exactly if a column needs it, and `dead_letters` if any column is masked.

use crate::error::ErrorKind;
use crate::read::Reader;
use crate::{Ingest, IngestTable, Mask};

/// Checks `mask_key` and `dead_letters` against the masks of all columns.
pub(super) fn check(reader: &Reader, pipeline: &Ingest) {
    check_dead_letters(reader, pipeline);
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

/// Requires `dead_letters` in a pipeline with masks: a dead letter holds the whole record, so it would store in clear what the
/// masks hide. Neither default would be right: one stores secrets, and the other one makes replays impossible.
fn check_dead_letters(reader: &Reader, pipeline: &Ingest) {
    let mut mappings = pipeline.tables.iter().flat_map(IngestTable::mappings);
    let masked = mappings.find(|mapping| mapping.mask.is_some());
    if let (Some(masked), None) = (masked, &pipeline.dead_letters) {
        let message = "a pipeline with masks must say how dead letters hold records, masked fields included";
        let mistake = reader.mistake(ErrorKind::MissingKey, masked.keys.span("mask"), message);
        let help = "add `dead_letters = { payload = \"drop\" }`, \"encrypt\" or \"keep\" to the pipeline, outside of its tables";
        reader.report(mistake.help(help));
    }
}
