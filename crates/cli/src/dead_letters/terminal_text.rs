//! Formats text, bytes and ages for a terminal. Data of a record must never control the terminal.

use std::fmt::Write as _;

use spanbridge_protocol::value::Timestamp;

/// Escapes control characters and invisible characters, so that the text stays on one line.
pub(super) fn line(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, char| {
        match char {
            // These characters are visible, and the text is not quoted.
            '"' | '\'' | '\\' => out.push(char),
            _ => out.extend(char.escape_debug()),
        }
        out
    })
}

/// Escapes as [`line`] does, and truncates to `chars` characters.
pub(super) fn truncated_line(text: &str, chars: usize) -> String {
    let line = line(text);
    match line.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Formats UTF-8 bytes as quoted text, and other bytes in hexadecimal.
pub(super) fn bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("0x{}", hex(bytes)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Formats the age of a time in its largest whole unit; `0s` for a time that is not past.
pub(super) fn age(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.signed_duration_since(time).num_seconds().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(line("a \"b\" \u{1b}[2J\r\nc ä"), "a \"b\" \\u{1b}[2J\\r\\nc ä");
        assert_eq!(bytes("é\u{7}\"".as_bytes()), "\"é\\u{7}\\\"\"");
        assert_eq!(bytes(&[0xff, 0]), "0xff00");
        assert_eq!(bytes(b""), "\"\"");
        assert_eq!(truncated_line("äöü", 2), "äö…");
        assert_eq!(truncated_line("äöü", 3), "äöü");
    }

    #[test]
    fn age_has_its_largest_unit() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        for (time, expected) in [
            ("2026-11-24T10:00:05Z", "0s"),
            ("2026-11-24T09:59:01Z", "59s"),
            ("2026-11-24T09:01:00Z", "59m"),
            ("2026-11-23T10:00:01Z", "23h"),
            ("2026-11-20T10:00:00Z", "4d"),
        ] {
            assert_eq!(age(time.parse().unwrap(), now), expected, "{time}");
        }
    }
}
