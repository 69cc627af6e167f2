//! The keys of a file: one line `id:key` for each, the key as base64 of 32 bytes.
//!
//! The first key seals; all keys open. A rotation adds a line at the top and keeps the others for as long as payloads need
//! them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::cipher::KEY_BYTES;
use crate::error::{Error, ErrorKind};

/// The prefix of the ids of these keys in envelopes.
pub(crate) const PREFIX: &str = "file:";
/// The maximum length of an id.
const MAX_ID_BYTES: usize = 64;

/// A key with its id. `Debug` shows the id only.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct FileKey {
    pub(crate) id: String,
    pub(crate) key: [u8; KEY_BYTES],
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Parses the content of a file, which has at least one key. Errors name the line and nothing of its content.
pub(crate) fn parse(content: &str) -> Result<Vec<FileKey>, Error> {
    let mut keys = Vec::<FileKey>::new();
    for (number, line) in (1..).zip(content.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = || {
            let message = format!(
                "line {number} of the encryption key is not `id:key`; write a name, a colon and the output of \
                 `openssl rand -base64 32`"
            );
            Error::new(ErrorKind::Key, message)
        };
        let (id, key) = line.split_once(':').ok_or_else(wrong)?;
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if id.is_empty() || id.len() > MAX_ID_BYTES || !id.bytes().all(is_id) {
            return Err(wrong());
        }
        let key = STANDARD.decode(key.trim()).ok().and_then(|key| key.try_into().ok()).ok_or_else(wrong)?;
        if keys.iter().any(|known| known.id == id) {
            let message = format!("line {number} of the encryption key repeats an id; give each key its own");
            return Err(Error::new(ErrorKind::Key, message));
        }
        keys.push(FileKey { id: id.to_owned(), key });
    }
    if keys.is_empty() {
        return Err(Error::new(ErrorKind::Key, "the encryption key has no line `id:key`"));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_order() {
        let (old, new) = (STANDARD.encode([1; 32]), STANDARD.encode([2; 32]));
        let keys = parse(&format!("# of 2026\n2026-11:{new}\n\n 2026-10:{old} \n")).unwrap();
        assert_eq!(keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), ["2026-11", "2026-10"]);
        assert_eq!((keys[0].key, keys[1].key), ([2; 32], [1; 32]));
        assert!(!format!("{keys:?}").contains('2'.to_string().repeat(3).as_str()), "{keys:?}");
    }

    #[test]
    fn mistakes_are_named_without_the_key() {
        let key = STANDARD.encode([1; 32]);
        let short = STANDARD.encode([1; 31]);
        for wrong in [
            "",
            "#",
            "planted",
            ":planted",
            &format!("a b:{key}"),
            &format!("a:{short}"),
            &format!("a:{key}\na:{key}"),
        ] {
            let error = parse(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Key);
            assert!(!error.to_string().contains("planted") && !error.to_string().contains(&key), "{error}");
        }
    }
}
