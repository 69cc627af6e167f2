//! Names that must differ.

use std::collections::HashMap;

use crate::error::Kind;
use crate::read::Reader;
use crate::{Located, Span};

/// Whether two names that differ in case are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// Kafka's topics, and pipelines.
    Matters,
    /// Spanner's tables and columns.
    Ignored,
}

/// Reports each name that stands there again; `noun` is what it names.
pub(crate) fn duplicates<'n>(
    reader: &Reader,
    names: impl IntoIterator<Item = &'n Located<str>>,
    case: Case,
    noun: &str,
) {
    let mut seen: HashMap<String, Span> = HashMap::new();
    for name in names {
        let folded = match case {
            Case::Matters => name.to_string(),
            Case::Ignored => name.to_ascii_lowercase(),
        };
        if let Some(first) = seen.get(&folded) {
            let mistake =
                reader.mistake(Kind::Conflict, name.span, format!("the {noun} `{name}` appears twice"));
            reader.report(mistake.other(*first, "first here").help("rename or remove one of them"));
        } else {
            seen.insert(folded, name.span);
        }
    }
}
