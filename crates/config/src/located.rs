//! A value and its place in the configuration file.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// A range of bytes of the configuration file, `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    pub(crate) fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Returns the part of this span at `range`, which is relative to its start.
    pub(crate) fn within(self, range: Range<usize>) -> Self {
        let start = self.start.saturating_add(range.start).min(self.end);
        let end = self.start.saturating_add(range.end).clamp(start, self.end);
        Self { start, end }
    }
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

/// A value with its place in the file. A later stage compiles or looks up the value, and reports mistakes at
/// the place with [`Config::error_at`](crate::Config::error_at). A clone only increments a reference count.
///
/// Equality, order and hash ignore the place.
pub struct Located<T: ?Sized> {
    /// The value.
    pub value: Arc<T>,
    /// The place in the file, including quotes.
    pub span: Span,
}

impl<T: ?Sized> Located<T> {
    pub(crate) fn new(value: impl Into<Arc<T>>, span: Span) -> Self {
        Self { value: value.into(), span }
    }
}

impl Located<str> {
    /// Returns the value as `&str`.
    pub fn as_str(&self) -> &str {
        &self.value
    }
}

impl<T: ?Sized> Clone for Located<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), span: self.span }
    }
}

impl<T: ?Sized> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Located<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for Located<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: ?Sized + PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: ?Sized + Eq> Eq for Located<T> {}

impl<T: ?Sized + Ord> PartialOrd for Located<T>
where
    T: PartialOrd,
{
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: ?Sized + Ord> Ord for Located<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.value.cmp(&other.value)
    }
}

impl<T: ?Sized + std::hash::Hash> std::hash::Hash for Located<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl PartialEq<str> for Located<str> {
    fn eq(&self, other: &str) -> bool {
        &*self.value == other
    }
}

impl PartialEq<&str> for Located<str> {
    fn eq(&self, other: &&str) -> bool {
        &*self.value == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_of_a_span_stays_within_it() {
        let span = Span { start: 10, end: 20 };
        assert_eq!(span.within(2..5), Span { start: 12, end: 15 });
        assert_eq!(span.within(8..50), Span { start: 18, end: 20 });
        assert_eq!(span.within(usize::MAX..usize::MAX), Span { start: 20, end: 20 });
    }
}
