//! `watermark` applies only to windows.

use crate::Ingest;
use crate::error::ErrorKind;
use crate::read::Reader;

/// Checks that a pipeline with `watermark` has a window.
pub(super) fn check(reader: &Reader, pipeline: &Ingest) {
    if pipeline.keys.has("watermark") && pipeline.tables.iter().all(|table| table.window().is_none()) {
        let message = "`watermark` is not used: no table has a `window`";
        let mistake = reader.mistake(ErrorKind::Conflict, pipeline.keys.span("watermark"), message);
        reader.report(mistake.help("remove it"));
    }
}
