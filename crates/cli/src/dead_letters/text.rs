//! How values and times are shown on a terminal, which must not be driven by what a record holds.

use std::fmt::Write as _;

use spanbridge_protocol::value::Timestamp;

/// The text with control characters and invisible ones escaped, so that it stays on one line.
pub(super) fn line(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, char| {
        match char {
            // They are visible as they are, and nothing is quoted here.
            '"' | '\'' | '\\' => out.push(char),
            _ => out.extend(char.escape_debug()),
        }
        out
    })
}

/// As [`line`], cut to so many characters.
pub(super) fn cut(text: &str, chars: usize) -> String {
    let line = line(text);
    match line.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Text in quotes when the bytes are UTF-8, otherwise in hexadecimal.
pub(super) fn bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("0x{}", hex(bytes)),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        // A String takes everything.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// How long ago, in its largest whole unit; `0s` for what is not past.
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
    fn nothing_reaches_the_terminal_that_could_drive_it() {
        assert_eq!(line("a \"b\" \u{1b}[2J\r\nc ä"), "a \"b\" \\u{1b}[2J\\r\\nc ä");
        assert_eq!(bytes("é\u{7}\"".as_bytes()), "\"é\\u{7}\\\"\"");
        assert_eq!(bytes(&[0xff, 0]), "0xff00");
        assert_eq!(bytes(b""), "\"\"");
        assert_eq!(cut("äöü", 2), "äö…");
        assert_eq!(cut("äöü", 3), "äöü");
    }

    #[test]
    fn an_age_has_its_largest_unit() {
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
