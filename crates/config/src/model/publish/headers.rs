use crate::error::Kind;
use crate::read::{Entry, check};

/// What the bridge writes itself.
const OWN: [&str; 3] = ["traceparent", "tracestate", "content-type"];

/// The headers that every record of a pipeline has.
pub(super) fn read(entry: &Entry<'_>) -> Option<Vec<(String, String)>> {
    let section = entry.section()?;
    let mut headers = Vec::new();
    for entry in section.entries() {
        let name = entry.key();
        if name.is_empty() || name.starts_with("ce_") || OWN.contains(&name) {
            let message = format!("`{}` is empty, or a header that the bridge writes", entry.path());
            let mistake = entry.reader().mistake(Kind::Value, entry.key_span(), message);
            entry.reader().report(mistake.help("choose another name"));
        }
        headers.push((name.to_owned(), entry.string(check::any)?.to_string()));
    }
    Some(headers)
}
