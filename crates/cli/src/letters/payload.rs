use spanbridge::{Result, connections};
use spanbridge_config::{Config, KeyFormat, ValueFormat};
use spanbridge_schema::Decoder;

use super::{avro, text};

/// Bytes shown of what is not decoded.
const SHOWN: usize = 8 << 10;

/// How the pipeline reads keys and values. What it cannot read is shown as it is, with the reason: a dead
/// letter is often one because it cannot be decoded.
pub(super) struct Formats {
    key: KeyFormat,
    value: ValueFormat,
    /// Or why there is none.
    decoder: Result<Decoder>,
}

impl Formats {
    /// Those of the file's pipeline of that name; nothing when it has none.
    pub(super) fn of(config: &Config, pipeline: &str) -> Option<Self> {
        let pipeline = config.ingest.iter().find(|ingest| ingest.name.as_str() == pipeline)?;
        let decoder = connections::registry(config).map(Decoder::new);
        Some(Self { key: pipeline.key, value: pipeline.value, decoder })
    }

    pub(super) async fn key(&self, bytes: &[u8]) -> String {
        match (&self.key, <[u8; 8]>::try_from(bytes)) {
            (KeyFormat::Avro, _) => self.decoded(bytes).await,
            (KeyFormat::Int64, Ok(number)) => i64::from_be_bytes(number).to_string(),
            _ => raw(bytes),
        }
    }

    pub(super) async fn value(&self, bytes: &[u8]) -> String {
        match self.value {
            ValueFormat::Avro => self.decoded(bytes).await,
        }
    }

    async fn decoded(&self, bytes: &[u8]) -> String {
        let reason = match &self.decoder {
            Ok(decoder) => match decoder.decode(bytes).await {
                Ok(decoded) => return avro::pretty(&decoded.value),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        format!("not decoded: {}\n{}", text::line(&reason), raw(bytes))
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
