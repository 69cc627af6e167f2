//! Ranges of encoded keys.

use crate::key::{BEHIND, Key};

/// The keys from `from` (inclusive) to `until` (exclusive).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) from: Key,
    pub(crate) until: Key,
}

impl Span {
    /// Returns the span of all keys with this prefix; a complete key is only itself.
    pub(crate) fn prefix(key: Key) -> Self {
        let until = behind(&key);
        Self { from: key, until }
    }

    /// Returns the span of all keys.
    pub(crate) fn all() -> Self {
        Self::prefix(Key::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.from >= self.until
    }
}

/// Returns a key that sorts after all keys with this prefix.
pub(crate) fn behind(key: &[u8]) -> Key {
    let mut behind = Vec::with_capacity(key.len() + 1);
    behind.extend_from_slice(key);
    behind.push(BEHIND);
    behind
}

/// A set of keys: ordered spans without overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spans(Vec<Span>);

impl Spans {
    pub(crate) fn as_slice(&self) -> &[Span] {
        &self.0
    }

    pub(crate) fn extend(&mut self, spans: impl IntoIterator<Item = Span>) {
        let mut all = std::mem::take(&mut self.0);
        all.extend(spans.into_iter().filter(|span| !span.is_empty()));
        all.sort_unstable();
        for span in all {
            match self.0.last_mut() {
                Some(last) if span.from <= last.until => {
                    last.until = span.until.max(std::mem::take(&mut last.until))
                }
                _ => self.0.push(span),
            }
        }
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            if a.until <= b.from {
                left.next();
            } else if b.until <= a.from {
                right.next();
            } else {
                return true;
            }
        }
        false
    }
}

impl FromIterator<Span> for Spans {
    fn from_iter<I: IntoIterator<Item = Span>>(spans: I) -> Self {
        let mut set = Self::default();
        set.extend(spans);
        set
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        let span =
            (0_u8..20, 0_u8..20).prop_map(|(from, until)| Span { from: vec![from], until: vec![until] });
        prop::collection::vec(span, 0..6)
    }

    fn holds(spans: &[Span], key: u8) -> bool {
        spans.iter().any(|span| span.from <= vec![key] && vec![key] < span.until)
    }

    proptest! {
        #[test]
        fn a_set_holds_what_its_spans_hold(a in spans(), b in spans()) {
            let (left, right): (Spans, Spans) = (a.iter().cloned().collect(), b.iter().cloned().collect());
            for key in 0..20 {
                prop_assert_eq!(holds(left.as_slice(), key), holds(&a, key));
            }
            prop_assert!(left.as_slice().is_sorted_by(|one, next| one.until < next.from));
            let common = (0..20).any(|key| holds(&a, key) && holds(&b, key));
            prop_assert_eq!(left.overlaps(&right), common);
            prop_assert_eq!(right.overlaps(&left), common);
        }
    }

    #[test]
    fn a_whole_key_is_no_part_of_its_neighbours() {
        let span = |key: &[u8]| Spans::from_iter([Span::prefix(key.to_vec())]);
        assert!(!span(&[2, 1]).overlaps(&span(&[2, 2])));
        assert!(span(&[2]).overlaps(&span(&[2, 2])));
        assert!(Spans::from_iter([Span::all()]).overlaps(&span(&[2, 2])));
    }
}
