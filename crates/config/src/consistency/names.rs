//! Names that must be unique.

use std::collections::HashMap;

use crate::error::ErrorKind;
use crate::read::Reader;
use crate::{Located, Span};

/// Whether names that differ only in case are different names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CaseSensitivity {
    /// They are different: topics and pipelines.
    Sensitive,
    /// They are the same: tables and columns of Spanner.
    Insensitive,
}

/// Reports each name that occurs a second time. `noun` says what the names are, for the message.
pub(crate) fn report_duplicates<'n>(
    reader: &Reader,
    names: impl IntoIterator<Item = &'n Located<str>>,
    case: CaseSensitivity,
    noun: &str,
) {
    let mut seen: HashMap<String, Span> = HashMap::new();
    for name in names {
        let folded = match case {
            CaseSensitivity::Sensitive => name.to_string(),
            CaseSensitivity::Insensitive => name.to_ascii_lowercase(),
        };
        if let Some(first) = seen.get(&folded) {
            let mistake =
                reader.mistake(ErrorKind::Conflict, name.span, format!("the {noun} `{name}` appears twice"));
            reader.report(mistake.other(*first, "first here").help("rename or remove one of them"));
        } else {
            seen.insert(folded, name.span);
        }
    }
}
