use spanbridge_config::{Config, Decoding, Format, Ingest};
use spanbridge_schema::{Datum, Registry, datum};

use super::text;
use crate::connections;
use crate::error::Result;

/// Bytes shown of what is not decoded.
const SHOWN: usize = 8 << 10;

/// How the pipeline reads keys and values. What it cannot read is shown as it is, with the reason: a dead
/// letter is often one because it cannot be decoded.
pub(super) struct Formats<'a> {
    pipeline: &'a Ingest,
    /// Or why there is none.
    registry: Result<Registry>,
}

impl<'a> Formats<'a> {
    /// Those of the file's pipeline of that name; nothing when it has none.
    pub(super) fn of(config: &'a Config, pipeline: &str) -> Option<Self> {
        let pipeline = config.ingest.iter().find(|ingest| ingest.identity() == pipeline)?;
        Some(Self { pipeline, registry: connections::registry(config) })
    }

    pub(super) async fn key(&self, bytes: &[u8]) -> String {
        self.decoded(&self.pipeline.key, bytes).await
    }

    pub(super) async fn value(&self, bytes: &[u8]) -> String {
        self.decoded(&self.pipeline.value, bytes).await
    }

    async fn decoded(&self, of: &Decoding, bytes: &[u8]) -> String {
        if matches!(of.format, Format::String | Format::Bytes | Format::None) {
            return raw(bytes);
        }
        let reason = match &self.registry {
            Ok(registry) => match spanbridge_ingest::decoder(of, registry).decode(bytes).await {
                Ok(decoded) => match pretty(&decoded.value) {
                    Some(text) => return text,
                    None => "it is out of the range that can be shown".to_owned(),
                },
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        format!("not decoded: {}\n{}", text::line(&reason), raw(bytes))
    }
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
