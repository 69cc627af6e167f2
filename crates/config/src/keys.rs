//! Where the keys of a section stand.

use crate::Span;

/// The places of one section's values, for mistakes that a later stage finds.
///
/// All are equal, as places are for [`Located`](crate::Located).
#[derive(Debug, Clone, Default)]
pub struct Keys {
    section: Span,
    keys: Vec<(&'static str, Span)>,
}

impl Keys {
    pub(crate) fn new(section: Span, keys: Vec<(&'static str, Span)>) -> Self {
        Self { section, keys }
    }

    /// Where the key's value stands; the section itself when the file leaves the key to its default.
    pub fn span(&self, key: &str) -> Span {
        self.find(key).unwrap_or(self.section)
    }

    /// Whether the file has the key.
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    fn find(&self, key: &str) -> Option<Span> {
        self.keys.iter().find(|(name, _)| *name == key).map(|(_, span)| *span)
    }
}

impl PartialEq for Keys {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Keys {}
