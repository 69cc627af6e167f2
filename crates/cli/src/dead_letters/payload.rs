//! Formats the key and the value of a dead letter.

use spanbridge_ingest::dead_letters::PayloadView;
use spanbridge_schema::{Datum, datum};

use super::terminal_text;

/// The number of bytes that are printed of an undecoded payload.
const MAX_RAW_BYTES: usize = 8 << 10;

/// Returns the text of a decoded key or value. Bytes that cannot be decoded follow the reason.
pub(super) fn format_payload(payload: &PayloadView, bytes: &[u8]) -> String {
    let reason = match payload {
        PayloadView::Plain => return format_raw(bytes),
        PayloadView::Value(value) => match format_value(value) {
            Some(text) => return text,
            None => "the value is out of the range that can be displayed",
        },
        PayloadView::Undecodable(reason) => reason,
    };
    format!("not decoded: {}\n{}", terminal_text::line(reason), format_raw(bytes))
}

/// Formats a value as indented JSON, which escapes control characters. A scalar is formatted as it is.
fn format_value(value: &Datum) -> Option<String> {
    let canonical = datum::canonical_text(value)?;
    match value {
        Datum::Record(_) | Datum::Map(_) | Datum::List(_) => {
            let parsed: serde_json::Value = serde_json::from_slice(&canonical).ok()?;
            Some(format!("{parsed:#}"))
        }
        _ => Some(format_raw(&canonical)),
    }
}

/// Formats the first bytes as escaped text or in hexadecimal.
pub(super) fn format_raw(bytes: &[u8]) -> String {
    if bytes.len() <= MAX_RAW_BYTES {
        return terminal_text::bytes(bytes);
    }
    // The text ends before a character that is cut, so that it remains UTF-8 and is not shown in hexadecimal.
    let end = match std::str::from_utf8(&bytes[..MAX_RAW_BYTES]) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => MAX_RAW_BYTES,
    };
    format!("{}\n… and {} bytes more", terminal_text::bytes(&bytes[..end]), bytes.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_between_characters() {
        let text = "ä".repeat(MAX_RAW_BYTES);
        let formatted = format_raw(format!("x{text}").as_bytes());
        assert!(
            formatted.starts_with("\"xä")
                && formatted.ends_with(&format!("… and {} bytes more", MAX_RAW_BYTES + 2)),
            "{}",
            &formatted[formatted.len() - 40..]
        );
        assert!(format_raw(&[0xff; MAX_RAW_BYTES + 1]).starts_with("0xffff"));
        assert_eq!(format_raw(b"abc"), "\"abc\"");
    }
}
