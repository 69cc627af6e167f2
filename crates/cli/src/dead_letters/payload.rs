use spanbridge_ingest::dead_letters::PayloadView;
use spanbridge_schema::{Datum, datum};

use super::text;

/// Bytes shown of what is not decoded.
const SHOWN: usize = 8 << 10;

/// Returns the text of a decoded key or value. Bytes that cannot be decoded follow the reason.
pub(super) fn display(payload: &PayloadView, bytes: &[u8]) -> String {
    let reason = match payload {
        PayloadView::Plain => return raw(bytes),
        PayloadView::Value(value) => match pretty(value) {
            Some(text) => return text,
            None => "the value is out of the range that can be displayed",
        },
        PayloadView::Undecodable(reason) => reason,
    };
    format!("not decoded: {}\n{}", text::line(reason), raw(bytes))
}

/// JSON over several lines, which escapes control characters; a value that is no object or list as it is.
fn pretty(value: &Datum) -> Option<String> {
    let canonical = datum::canonical_text(value)?;
    match value {
        Datum::Record(_) | Datum::Map(_) | Datum::List(_) => {
            let parsed: serde_json::Value = serde_json::from_slice(&canonical).ok()?;
            Some(format!("{parsed:#}"))
        }
        _ => Some(raw(&canonical)),
    }
}

/// Escaped text or hexadecimal, of the first bytes.
pub(super) fn raw(bytes: &[u8]) -> String {
    if bytes.len() <= SHOWN {
        return text::bytes(bytes);
    }
    // A cut within a character must not turn text into hexadecimal.
    let end = match std::str::from_utf8(&bytes[..SHOWN]) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => SHOWN,
    };
    format!("{}\n… and {} bytes more", text::bytes(&bytes[..end]), bytes.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_between_characters() {
        let text = "ä".repeat(SHOWN);
        let shown = raw(format!("x{text}").as_bytes());
        assert!(
            shown.starts_with("\"xä") && shown.ends_with(&format!("… and {} bytes more", SHOWN + 2)),
            "{}",
            &shown[shown.len() - 40..]
        );
        assert!(raw(&[0xff; SHOWN + 1]).starts_with("0xffff"));
        assert_eq!(raw(b"abc"), "\"abc\"");
    }
}
