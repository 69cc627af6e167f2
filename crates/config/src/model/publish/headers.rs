//! `headers`: headers of every published record.

use crate::error::ErrorKind;
use crate::read::{Entry, rules};

/// The headers that the bridge writes itself.
const BRIDGE_HEADERS: [&str; 3] = ["traceparent", "tracestate", "content-type"];

/// Reads the headers that every record of a pipeline gets.
pub(super) fn read(entry: &Entry<'_>) -> Option<Vec<(String, String)>> {
    let section = entry.section()?;
    let mut headers = Vec::new();
    for entry in section.entries() {
        let name = entry.key();
        if name.is_empty() || name.starts_with("ce_") || BRIDGE_HEADERS.contains(&name) {
            let message = format!("`{}` is empty, or a header that the bridge writes", entry.path());
            let mistake = entry.reader().mistake(ErrorKind::Value, entry.key_span(), message);
            entry.reader().report(mistake.help("choose another name"));
        }
        headers.push((name.to_owned(), entry.string(rules::any)?.to_string()));
    }
    Some(headers)
}
