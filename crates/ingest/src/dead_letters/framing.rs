//! A record's key, value and headers as one text of bytes, which is encrypted as a whole.
//!
//! Each part is its length plus one in four bytes, most significant first, then its bytes; 0 is a part that is null.

/// Key, value and headers of a record; the headers in their stored form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Option<String>,
}

impl Parts {
    /// Returns the bytes; `None` if a part is too long.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let headers = self.headers.as_ref().map(|headers| headers.as_bytes());
        let mut bytes = Vec::new();
        for part in [self.key.as_deref(), self.value.as_deref(), headers] {
            let length = part.map_or(Some(0), |part| u32::try_from(part.len()).ok()?.checked_add(1))?;
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part.unwrap_or_default());
        }
        Some(bytes)
    }

    /// Returns the parts of bytes that [`Parts::encode`] made.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut part = || {
            let (length, rest) = bytes.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let (part, rest) = rest.split_at_checked(length.saturating_sub(1))?;
            bytes = rest;
            Some((length > 0).then(|| part.to_vec()))
        };
        let (key, value, headers) = (part()?, part()?, part()?);
        let headers = headers.map(String::from_utf8).transpose().ok()?;
        bytes.is_empty().then_some(Self { key, value, headers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoded_parts_equal_the_encoded_ones() {
        let bytes = |text: &str| Some(text.as_bytes().to_vec());
        for parts in [
            Parts::default(),
            Parts { key: bytes(""), value: None, headers: Some("[]".into()) },
            Parts { key: bytes("key"), value: bytes("value"), headers: None },
        ] {
            let encoded = parts.encode().unwrap();
            assert_eq!(Parts::decode(&encoded).as_ref(), Some(&parts));
            for wrong in [&encoded[1..], &encoded[..encoded.len() - 1], &[&encoded[..], b"x"].concat()] {
                assert_ne!(Parts::decode(wrong), Some(parts.clone()));
            }
        }
        assert_eq!(Parts::decode(b""), None);
        assert_eq!(Parts::decode(&[0xff; 12]), None);
    }
}
