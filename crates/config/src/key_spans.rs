//! The places of a section's values.

use crate::Span;

/// The places of the values of one section, for mistakes that a later stage finds.
///
/// Two of them are always equal: like [`Located`](crate::Located), comparisons ignore places.
#[derive(Debug, Clone, Default)]
pub struct KeySpans {
    section: Span,
    keys: Vec<(&'static str, Span)>,
}

impl KeySpans {
    pub(crate) fn new(section: Span, keys: Vec<(&'static str, Span)>) -> Self {
        Self { section, keys }
    }

    /// Returns the place of the key's value; that of the section if the file does not have the key.
    pub fn span(&self, key: &str) -> Span {
        self.find(key).unwrap_or(self.section)
    }

    /// Returns whether the file has the key.
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    fn find(&self, key: &str) -> Option<Span> {
        self.keys.iter().find(|(name, _)| *name == key).map(|(_, span)| *span)
    }
}

impl PartialEq for KeySpans {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for KeySpans {}
