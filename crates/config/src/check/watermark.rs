//! A watermark has something to say only of windows.

use crate::Ingest;
use crate::error::Kind;
use crate::read::Reader;

pub(super) fn of(reader: &Reader, pipeline: &Ingest) {
    if pipeline.keys.has("watermark") && pipeline.tables.iter().all(|table| table.window().is_none()) {
        let message = "`watermark` is not used: no table has a `window`";
        let mistake = reader.mistake(Kind::Conflict, pipeline.keys.span("watermark"), message);
        reader.report(mistake.help("remove it"));
    }
}
