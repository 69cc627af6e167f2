//! `dead_letters`: how an ingest pipeline stores the records that it cannot apply.

use crate::error::ErrorKind;
use crate::read::{Entry, rules};
use crate::{Located, Text};

/// `dead_letters.payload`: the form in which dead letters hold their records.
#[derive(Debug, Clone)]
pub enum DeadLetterPayload {
    /// `"keep"`: as they are. The default of pipelines without masks.
    Keep,
    /// `"encrypt"`: encrypted with a data key that this key wraps.
    Encrypt(DeadLetterKey),
    /// `"drop"`: not at all, so that nothing can be replayed.
    Drop,
}

/// `dead_letters.encryption_key` or `dead_letters.kms`: the key that wraps data keys.
#[derive(Debug, Clone)]
pub enum DeadLetterKey {
    /// `encryption_key`: lines `id:key`, by reference. The first seals, all open. They are read again when they change.
    Lines(Text),
    /// `kms`: a key of Cloud KMS.
    Kms {
        /// `projects/…/locations/…/keyRings/…/cryptoKeys/…`.
        name: Located<str>,
        /// `kms_endpoint`: another endpoint of the API, such as a private one. Default: that of Google Cloud.
        endpoint: Option<Located<str>>,
    },
}

impl DeadLetterPayload {
    pub(super) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let payload = section.required("payload").and_then(|entry| {
            entry.choice(&[("keep", Word::Keep), ("encrypt", Word::Encrypt), ("drop", Word::Drop)], &[])
        });
        let lines = section.optional("encryption_key");
        let kms = section.optional("kms");
        let endpoint = section.optional("kms_endpoint");
        section.finish();
        let conflict = |entry: &Entry<'_>, message: &str, help: &str| {
            let mistake = entry.reader().mistake(ErrorKind::Conflict, entry.key_span(), message);
            entry.reader().report(mistake.help(help));
        };
        if let (Some(endpoint), None) = (&endpoint, &kms) {
            conflict(endpoint, "`kms_endpoint` needs `kms`", "add `kms`, or remove it");
        }
        if let (Some(lines), Some(_)) = (&lines, &kms) {
            conflict(lines, "`encryption_key` and `kms` exclude each other", "keep one of them");
        }
        let given = lines.as_ref().or(kms.as_ref());
        match (payload?, given) {
            (Word::Keep | Word::Drop, Some(key)) => {
                conflict(key, "only `payload = \"encrypt\"` needs a key", "remove the key, or encrypt");
            }
            (Word::Encrypt, None) => {
                let message = format!("`{}` encrypts without a key", entry.path());
                let help = "add `encryption_key = { file = \"/path\" }` or `kms = \"projects/…\"`";
                entry.report(ErrorKind::MissingKey, message, help);
            }
            _ => {}
        }
        let lines = lines.map(|entry| entry.secret(rules::encryption_key));
        let kms = kms.map(|entry| entry.string(rules::kms_key));
        let endpoint = endpoint.map(|entry| entry.string(rules::url));
        Some(match (payload?, lines, kms) {
            (Word::Keep, ..) => Self::Keep,
            (Word::Drop, ..) => Self::Drop,
            (Word::Encrypt, Some(lines), _) => Self::Encrypt(DeadLetterKey::Lines(lines?)),
            (Word::Encrypt, None, kms) => {
                let endpoint = match endpoint {
                    Some(endpoint) => Some(endpoint?),
                    None => None,
                };
                Self::Encrypt(DeadLetterKey::Kms { name: kms??, endpoint })
            }
        })
    }
}

/// The words of `payload`.
#[derive(Clone, Copy)]
enum Word {
    Keep,
    Encrypt,
    Drop,
}
