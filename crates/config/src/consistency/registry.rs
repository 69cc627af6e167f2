//! The schema registry: required by every pipeline whose format has schemas.

use crate::error::ErrorKind;
use crate::read::Reader;
use crate::{Ingest, Publish, PublishFormat, Span};

/// Checks that the file has a section `[registry]` if a pipeline needs it.
pub(crate) fn check_registry(reader: &Reader, has_section: bool, ingest: &[Ingest], publish: &[Publish]) {
    if has_section {
        return;
    }
    let ingest = ingest.iter().flat_map(|pipeline| {
        let decodings = [&pipeline.key, &pipeline.value].into_iter();
        decodings.filter(|decoding| decoding.format.has_schema()).map(|decoding| decoding.keys.span("format"))
    });
    let publish = publish.iter().filter(|pipeline| {
        [pipeline.key, pipeline.value].iter().any(|format| *format != PublishFormat::Json)
    });
    let publish = publish.map(|pipeline| pipeline.name.span);
    if let Some(span) = ingest.chain(publish).min_by_key(|span: &Span| span.start) {
        let message = "this pipeline needs a schema registry, but the file has no section [registry]";
        let mistake = reader.mistake(ErrorKind::MissingKey, span, message);
        reader.report(mistake.help(
            "add `[registry]` with `url = …`, or set a `format` without schemas for key and value, such as \"json\"",
        ));
    }
}
